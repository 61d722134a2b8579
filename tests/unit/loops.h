#ifndef DSQ_TEST_LOOPS_H
#define DSQ_TEST_LOOPS_H
/* Programs in loop IR for tests: made from text, printed and read again, run. */
#include "../../ir/loop/loops.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 16, COLS = 24, ELEMS = ROWS * COLS };

/* A program of one kernel with this body; x is read, y written, s is 16 x 24 of the arena, z the same memory. */
static inline char *program_text(Arena *a, const char *body)
{
    return arena_printf(a,
                        "program @p arena 2048 align 64 {\n"
                        "  buffer %%x : f32[16,24] input\n"
                        "  buffer %%y : f32[16,24] output\n"
                        "  const @w : f32[4] = [1, -2, 0.5, 3e-8]\n"
                        "  const @t : i32[4] = [3, 0, 2, -7]\n"
                        "  kernel @k (x: f32[16,24] ro, y: f32[16,24] wo, w: f32[4] const, t: i32[4] const,\n"
                        "             s: f32[16,24] rw alias, z: f32[16,24] rw alias) {\n%s\n  }\n"
                        "  call @k (%%x, %%y, @w, @t, arena+64, arena+64)\n}\n",
                        body);
}

/* Parses; *messages receives what diag said (caller frees). */
static inline Program *parse(Arena *a, const char *text, Buf *messages)
{
    *messages = (Buf){0};
    diag_reset();
    diag_capture(messages);
    Program *p = program_parse(a, text, diag_file("t.dsq", text, strlen(text)));
    diag_capture(NULL);
    return p;
}

/* A program that must parse and pass the checker. */
static inline Program *good(Arena *a, const char *text)
{
    Buf messages;
    Program *p = parse(a, text, &messages);
    const char *err = p ? program_check(p) : messages.s;
    if (err)
        printf("%s\n%s\n", text, err);
    CU_ASSERT_PTR_NULL_FATAL(err);
    buf_free(&messages);
    return p;
}

static inline char *text_of(Arena *a, const Program *p)
{
    Buf b = {0};
    program_print(&b, p, true);
    char *s = arena_strndup(a, b.s, b.n);
    buf_free(&b);
    return s;
}

/* What is wrong with p printed and read again; NULL: nothing. */
static inline const char *round_trip(Arena *a, const Program *p)
{
    char *s = text_of(a, p);
    Buf messages;
    Program *q = parse(a, s, &messages);
    const char *err = q ? program_diff(a, p, q) : arena_printf(a, "%s", messages.s);
    /* what a call computes is a comment and not read */
    if (!err && !(p->call.n && p->call.v[0].layers) && strcmp(s, text_of(a, q)))
        err = "same program, other text";
    buf_free(&messages);
    return err;
}

static inline void expect_refusal(const char *what, const char *err, const char *want)
{
    bool right = err && strstr(err, want);
    if (!right)
        printf("%s\n  says: %s\n  not:  %s\n", what, err ? err : "(nothing)", want);
    CU_ASSERT_TRUE(right);
}

typedef struct Memory { float x[ELEMS], y[ELEMS]; _Alignas(64) char arena[2048]; } Memory;

/* Runs p on random numbers; what the interpreter says. */
static inline const char *run(Arena *a, const Program *p, uint64_t seed, Memory *m)
{
    Rng r = rng_seed(seed, "loops");
    memset(m, 0, sizeof *m);
    for (int i = 0; i < ELEMS; i++) {
        m->x[i] = (float)rng_normal(&r);
        float s = (float)rng_normal(&r);
        memcpy(m->arena + 64 + 4 * i, &s, 4);
    }
    return program_interp(p, (float *[]){m->x, m->y}, m->arena, a);
}
#endif
