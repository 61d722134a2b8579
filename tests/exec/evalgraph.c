/* Evaluates graphs with the double-precision reference, for comparison with another implementation.

     evalgraph < list           each line: GRAPH.dsq INPUT OUTPUT

   INPUT holds doubles in the machine's byte order: all inputs' elements in order, then those of every constant that has
   no numbers in the text. "-" means seeded numbers. OUTPUT receives the outputs' doubles, "-" prints them. Each graph
   is also printed, read back and compared. Exit status 1 if a graph could not be read. */
#include "../../ir/graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Outputs { const Graph *g; double **v; } Outputs;

static char *slurp(Arena *a, const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        return NULL;
    *n = (size_t)ftell(f);
    rewind(f);
    char *s = NEW(a, char, *n + 1);
    bool ok = fread(s, 1, *n, f) == *n;
    fclose(f);
    return ok ? s : NULL;
}

/* The next numbers of the file, or seeded ones. */
static const double *take(Arena *a, const char **from, size_t *left, const char *name, int64_t n)
{
    double *x = NEW(a, double, n);
    Rng r = rng_seed(1, name);
    for (int64_t i = 0; i < n && !*from; i++)
        x[i] = rng_normal(&r);
    size_t bytes = (size_t)n * sizeof *x;
    if (*from && bytes > *left)
        return NULL;
    if (*from) {
        memcpy(x, *from, bytes);
        *from += bytes;
        *left -= bytes;
    }
    return x;
}

static void keep(void *user, ValueId id, const double *x)
{
    Outputs *o = user;
    for (int i = 0; i < o->g->output.n; i++)
        if (o->g->output.v[i] == id)
            memcpy(o->v[i], x, (size_t)type_elems(&o->g->value.v[id].type) * sizeof *x);
}

static bool survives_print(Arena *a, const Graph *g, const char *path)
{
    Buf b = {0};
    graph_print(&b, g, PRINT_LAYOUT | PRINT_LOC | PRINT_DATA);
    Graph *again = graph_parse(a, b.s, diag_file("printed", b.s, b.n));
    const char *diff = again ? graph_diff(a, g, again) : "it does not parse";
    if (diff)
        fprintf(stderr, "%s: printed and read back: %s\n%s", path, diff, b.s);
    buf_free(&b);
    return !diff;
}

static bool write_outputs(const Outputs *o, const char *path)
{
    FILE *f = strcmp(path, "-") ? fopen(path, "wb") : stdout;
    if (!f)
        return false;
    for (int i = 0; i < o->g->output.n; i++) {
        size_t n = (size_t)type_elems(&o->g->value.v[o->g->output.v[i]].type);
        if (f != stdout)
            fwrite(o->v[i], sizeof(double), n, f);
        for (size_t k = 0; k < n && f == stdout; k++)
            printf("%.17g%c", o->v[i][k], k + 1 == n ? '\n' : ' ');
    }
    return f == stdout || !fclose(f);
}

static bool run(Arena *a, const char *path, const char *input, const char *output)
{
    size_t n, left = 0;
    const char *text = slurp(a, path, &n), *from = NULL;
    if (!text || (strcmp(input, "-") && !(from = slurp(a, input, &left)))) {
        fprintf(stderr, "%s or %s cannot be read\n", path, input);
        return false;
    }
    Graph *g = graph_parse(a, text, diag_file(path, text, n));
    const char *err = g ? graph_check(g) : NULL;
    if (!g || err) {
        if (err)
            fprintf(stderr, "%s: %s\n", path, err);
        return false;
    }
    if (!survives_print(a, g, path))
        return false;
    const double **in = NEW(a, const double *, g->input.n + 1);
    for (int i = 0; i < g->input.n; i++) {
        const Value *v = &g->value.v[g->input.v[i]];
        in[i] = take(a, &from, &left, v->name, type_elems(&v->type));
        if (!in[i])
            return false;
    }
    for (int i = 0; i < g->value.n; i++) {
        Tensor *t = g->value.v[i].tensor;
        if (t && !t->data) {
            t->data = take(a, &from, &left, t->name, type_elems(&t->type));
            t->stored = DT_F64;
            if (!t->data)
                return false;
        }
    }
    Outputs o = {g, NEW(a, double *, g->output.n)};
    for (int i = 0; i < g->output.n; i++)
        o.v[i] = NEW(a, double, type_elems(&g->value.v[g->output.v[i]].type));
    graph_eval(g, in, keep, &o);
    return !left && write_outputs(&o, output);
}

int main(void)
{
    char graph[1024], input[1024], output[1024];
    int failed = 0;
    while (scanf("%1023s %1023s %1023s", graph, input, output) == 3) {
        Arena *a = arena_new();
        diag_reset();
        if (!run(a, graph, input, output)) {
            fprintf(stderr, "%s failed\n", graph);
            failed = 1;
        }
        arena_free(a);
    }
    return failed;
}
