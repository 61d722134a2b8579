/* Runs compiled networks as a server on standard input and output, like ort.js; `make bench` times it.

     load LIBRARY NAME THREADS INPUT OUTPUT ARENA WEIGHTS   -> ok     elements, elements, bytes; the file of weights
     run INPUT OUTPUT                                       -> ok     files of float32
     time N wall|cpu                                        -> N times in ms, on the last input
     peak THREADS                                           -> GFLOP/s of multiply-adds in registers

   The library is what `dsqc compile --emit=shared --weights-as=file` wrote for a network with one input and one output,
   with --threads where THREADS is above 1. Arena and weights lie in huge pages. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../compiler/emit/model.h"
#include "../../compiler/measure/peak.h"
#include "../../compiler/cli/term.h"
#include "../../runtime_min/dsq_pool.h"

typedef int RunFn(const float *in, float *out, void *arena, const void *weights);
typedef int RunMtFn(const float *in, float *out, void *arena, const void *weights, const dsq_executor *);

static struct {
    RunFn *run;
    RunMtFn *run_mt;
    dsq_pool *pool;
    float *in, *out;
    size_t nin, nout;
    void *arena, *weights;
} net;

static bool fail(const char *what)
{
    printf("error: %s\n", what);
    return false;
}

/* Fills p from a file of n bytes. */
static bool read_all(const char *path, void *p, size_t n)
{
    FILE *f = fopen(path, "rb");
    bool ok = f && fread(p, 1, n, f) == n && fgetc(f) == EOF;
    if (f)
        fclose(f);
    return ok || fail("a file cannot be read or has another size");
}

static bool load_weights(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END))
        return fail("no weights");
    size_t n = (size_t)ftell(f);
    fclose(f);
    net.weights = huge_alloc(n);
    return read_all(path, net.weights, n);
}

static bool load(const char *args)
{
    char library[1024], name[256], weights[1024], symbol[300];
    unsigned threads;
    size_t arena;
    if (sscanf(args, "%1023s %255s %u %zu %zu %zu %1023s", library, name, &threads, &net.nin, &net.nout, &arena,
               weights) != 7)
        return fail("load LIBRARY NAME THREADS INPUT OUTPUT ARENA WEIGHTS");
    void *lib = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return fail("the library does not load");
    snprintf(symbol, sizeof symbol, "%s_run%s", name, threads > 1 ? "_mt" : "");
    void *run = dlsym(lib, symbol);
    if (!run || (threads > 1 && dsq_pool_create(&net.pool, threads) != DSQ_OK))
        return fail("the library has no such function, or there are no threads");
    if (threads > 1)
        memcpy(&net.run_mt, &run, sizeof run);
    else
        memcpy(&net.run, &run, sizeof run);
    net.in = huge_alloc(net.nin * sizeof(float));
    net.out = huge_alloc(net.nout * sizeof(float));
    net.arena = huge_alloc(arena);
    return load_weights(weights);
}

static bool infer(void)
{
    int e = net.pool ? net.run_mt(net.in, net.out, net.arena, net.weights, dsq_pool_executor(net.pool))
                     : net.run(net.in, net.out, net.arena, net.weights);
    return e == DSQ_OK || fail("the network refuses its arguments");
}

static bool run(const char *args)
{
    char input[1024], output[1024];
    if (sscanf(args, "%1023s %1023s", input, output) != 2 || !net.arena)
        return fail("run INPUT OUTPUT, after load");
    if (!read_all(input, net.in, net.nin * sizeof(float)) || !infer())
        return false;
    FILE *f = fopen(output, "wb");
    bool ok = f && fwrite(net.out, sizeof(float), net.nout, f) == net.nout;
    ok = f && !fclose(f) && ok;
    return ok || fail("the output cannot be written");
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool time_runs(const char *args)
{
    double (*now)(void) = strstr(args, "cpu") ? cpu_ms : now_ms;
    for (int i = 0, n = atoi(args); i < n; i++) {
        double begin = now();
        if (!infer())
            return false;
        printf("%s%.6f", i ? " " : "", now() - begin);
    }
    putchar('\n');
    return true;
}

static void answer(const char *line)
{
    size_t n = strcspn(line, " \n");
    const char *args = line + n;
    if (!strncmp(line, "load", n) ? load(args) : !strncmp(line, "run", n) ? run(args) : false)
        puts("ok");
    else if (!strncmp(line, "time", n))
        time_runs(args);
    else if (!strncmp(line, "peak", n))
        printf("%.3f\n", measure_peak(atoi(args), ANY_LANES).gflops);
    else if (strncmp(line, "load", n) && strncmp(line, "run", n))
        fail("load, run, time or peak");
    fflush(stdout);
}

int main(void)
{
    static char line[8192];
    while (fgets(line, sizeof line, stdin))
        answer(line);
    return 0;
}
