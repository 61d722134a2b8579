#ifndef DSQ_TEST_WEIGHTS_H
#define DSQ_TEST_WEIGHTS_H
/* One file of weights, written anew for every case, and graphs that it is bound to. */
#include "../../../compiler/io/io.h"
#include "../../../compiler/weights/file.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heard.h"

static Arena *arena;
static char path[] = "/tmp/dsq-weights-XXXXXX";

static inline int setup(void)
{
    int fd = mkstemp(path);
    arena = arena_new();
    file_replaces(path); /* many files in turn, read and written by one process */
    return fd < 0 || close(fd);
}

static inline int teardown(void)
{
    arena_free(arena);
    diag_reset();
    return unlink(path);
}

static inline Buf safetensors(const char *header, int64_t bytes)
{
    Buf b = {0};
    size_t n = strlen(header);
    for (int i = 0; i < 8; i++)
        buf_putc(&b, (char)(n >> 8 * i));
    buf_puts(&b, header);
    for (int64_t i = 0; i < bytes; i++)
        buf_putc(&b, (char)(i % 4 == 3 ? 0x3f : i));
    return b;
}

static inline Graph *graph(const char *names, ...)
{
    Graph *g = graph_new(arena, "g");
    va_list ap;
    va_start(ap, names);
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, " ");
        Type t;
        if (!type_parse(va_arg(ap, const char *), &t))
            CU_FAIL("bad type");
        graph_const(g, arena_strndup(arena, p, n), t, (Loc){0});
        p += n + (p[n] == ' ');
    }
    va_end(ap);
    return g;
}

static inline const Tensor *constant(const Graph *g, const char *name)
{
    int v = dict_get(&g->consts, name);
    return v < 0 ? NULL : g->value.v[v].tensor;
}

static inline bool bind(const Buf *file, Graph *g, bool surplus_ok, Weights *w)
{
    return write_file(path, file->s, file->n) &&
           weights_bind(arena, g, path, &(WeightsOptions){.extra_ok = surplus_ok}, w);
}
#endif
