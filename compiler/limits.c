/* What is too large: for the target's pointers, for the files that hold code, for this machine's memory. */
#include "driver.h"

#include <sys/resource.h>
#include <unistd.h>

#include "cli/term.h"
#include "io/io.h"

/* ---- 32-bit machines ---- */

static bool fits(const Job *j, const char *what, const char *name, int64_t bytes)
{
    if (bytes <= INT32_MAX)
        return true;
    error_at(loc_file(diag_file(j->spec->path, NULL, 0)), "the %s%s%s%s %lld bytes, more than %s addresses (%d)", what,
             name ? " '" : "", name ? name : "", name ? "' takes" : *what == 'w' ? " take" : " takes", (long long)bytes,
             j->target->name, INT32_MAX);
    return false;
}

bool job_fits(const Job *j)
{
    const Program *p = j->program;
    int64_t weights = 0;
    bool ok = true;
    for (int i = 0; j->target->ptr_bytes == 4 && i < p->buf.n; i++) {
        const PBuf *b = &p->buf.v[i];
        int64_t bytes = type_elems(&b->type) * dtype_size(b->type.dtype);
        if (b->kind == BUF_CONST)
            weights += bytes;
        else
            ok = fits(j, b->kind == BUF_INPUT ? "input" : "output", b->name, bytes) && ok;
    }
    if (j->target->ptr_bytes == 4)
        ok = fits(j, "weights", NULL, weights) && fits(j, "arena", NULL, p->arena_bytes) && ok;
    return ok;
}

/* ---- programs of 64-bit machines ---- */

bool emits_code(const char *emit)
{
    static const char *const code[] = {"c", "obj", "asm", "lib", "shared", "selftest", "llvm-ir"};
    bool any = !emit;
    for (int i = 0; i < LEN(code); i++)
        any |= list_has(emit, code[i]);
    return any;
}

/* The place of the largest constant, else of the spec. */
static Loc largest_constant(const Job *j)
{
    const Graph *g = j->spec->graph;
    const Value *most = NULL;
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind == VAL_CONST && v->loc.line && (!most || type_elems(&v->type) > type_elems(&most->type)))
            most = v;
    }
    return most ? most->loc : loc_file(diag_file(j->spec->path, NULL, 0));
}

/* Compilers take the small code model of the psABIs, in which code and constants lie within 2 GiB. Where they do not,
   the linker's message names a relocation and no way out. */
bool job_holds(const Job *j, int64_t bytes)
{
    enum { CODE = 64 << 20 };
    const Options *o = j->opt;
    bool inside = o->command == CMD_compile && !option_is(o->weights_as, "file") && emits_code(o->emit);
    if (bytes <= INT32_MAX - CODE || !inside)
        return true;
    error_at(largest_constant(j), "the weights take %s bytes, and what holds code holds 2 GiB: --weights-as=file "
             "leaves them in %s.bin, for the program to map", digits(j->arena, bytes), j->spec->name);
    return false;
}

/* ---- memory of this machine ---- */

/* What this process may use. */
static int64_t memory_bytes(void)
{
    struct rlimit most;
    int64_t bytes = INT64_MAX;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        mul_ok(pages, size, &bytes);
    if (!getrlimit(RLIMIT_AS, &most) && most.rlim_cur != RLIM_INFINITY)
        bytes = imin(bytes, (int64_t)most.rlim_cur);
    return bytes;
}

static bool too_large(const Job *j, const Value *v, const char *what, int64_t bytes, int64_t most)
{
    Arena *A = j->arena;
    error_at(v->loc, "%s%s%s%s, %s, %s %s bytes; this machine has %s bytes of memory", what, v->name ? " '" : "",
             v->name ? v->name : "", v->name ? "'" : "", type_text(A, &v->type),
             *what == 't' ? "takes" : "take", digits(A, bytes), digits(A, most));
    return false;
}

/* Random weights, and the results of a network that runs here, are in memory: a mistyped size is found before memory is
   asked for, and at its place. Weights from a file are mapped. */
bool job_fits_memory(const Job *j, bool random)
{
    const Graph *g = j->spec->graph;
    bool runs = j->opt->command & (CMD_run | CMD_verify | CMD_bench | CMD_tune);
    int64_t most = memory_bytes(), weights = 0;
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        int64_t bytes = type_elems(&v->type) * (int64_t)sizeof(float);
        bool weight = v->kind == VAL_CONST && v->tensor && !v->tensor->data;
        if (weight && random && (!add_ok(weights, bytes, &weights) || weights > most))
            return too_large(j, v, "all weights up to", weights, most);
        if (runs && v->kind != VAL_CONST && bytes > most)
            return too_large(j, v, "the value", bytes, most);
    }
    return true;
}
