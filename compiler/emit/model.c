/* From a program of loops to a function in this process. */
#include "model.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../backends/llvm/llvm.h"
#include "../../runtime_min/dsq_pool.h"
#include "../../ir/base/cleanup.h"
#include "cc.h"
#include "../io/io.h"
#include "../cli/term.h"

struct Model {
    const Job *job;
    void *library, *arena;
    const char *dir;        /* of the library */
    const uint8_t *file;    /* its weights, mapped */
    LlvmCode *code;         /* in place of library */
    void *weights;          /* of the code */
    size_t file_bytes, weights_bytes, arena_bytes;
    dsq_pool *pool;
    int (*run)(float *const *io, void *arena);
    int (*run_mt)(float *const *io, void *arena, const dsq_executor *);
    int (*trace)(float *const *io, void *arena, TraceFn *hook, void *user);
    int (*trace_mt)(float *const *io, void *arena, const dsq_executor *, TraceFn *hook, void *user); /* then no trace */
};

static const size_t page = (size_t)2 << 20;

void *huge_alloc(size_t n)
{
    n = (n / page + 1) * page;
    uint8_t *p = mmap(NULL, n + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        out_of_memory();
    p += (page - (uintptr_t)p % page) % page;
    madvise(p, n, MADV_HUGEPAGE);
    return p;
}

void huge_free(void *p, size_t n)
{
    munmap(p, (n / page + 1) * page);
}

float **io_alloc(Arena *A, const Graph *g)
{
    float **io = NEW(A, float *, g->input.n + g->output.n);
    for (int i = 0; i < g->input.n + g->output.n; i++) {
        ValueId v = i < g->input.n ? g->input.v[i] : g->output.v[i - g->input.n];
        io[i] = arena_alloc(A, (size_t)type_elems(&g->value.v[v].type), sizeof(float), 64);
    }
    return io;
}

/* Functions of one signature whatever the model's: they pass io[0], io[1], ... on, and the weights, which are mapped,
   however large they are. */
static void write_adapter(Buf *b, const Job *j, unsigned flags)
{
    const Graph *g = j->graph;
    const char *name = j->program->name;
    Buf args = {0};
    for (int i = 0; i < g->input.n + g->output.n; i++)
        buf_printf(&args, "io[%d], ", i);
    buf_printf(b, "#include \"%s.h\"\n"
                  "const void *dsqc_weights;\n"
                  "int dsqc_run(float *const *io, void *arena) { return %s_run(%sarena, dsqc_weights); }\n",
               name, name, args.s);
    if (flags & MODEL_THREADS)
        buf_printf(b, "int dsqc_run_mt(float *const *io, void *arena, const dsq_executor *e)\n"
                      "{ return %s_run_mt(%sarena, dsqc_weights, e); }\n", name, args.s);
    const char *type = flags & MODEL_THREADS ? "const dsq_executor *e, " : "", *e = flags & MODEL_THREADS ? "e, " : "";
    if (flags & MODEL_TRACE)
        buf_printf(b, "int dsqc_trace(float *const *io, void *arena, %svoid (*hook)(void *, int), void *user)\n"
                      "{ return %s_run_trace(%sarena, dsqc_weights, %shook, user); }\n", type, name, args.s, e);
    buf_free(&args);
}

static BackendOptions options(const Job *j, unsigned flags)
{
    return (BackendOptions){.target = j->target, .weights_as = WEIGHTS_FILE, .threads = flags & MODEL_THREADS,
                            .strict = j->opt->strict, .trace = flags & MODEL_TRACE, .shared_object = true,
                            .version = DSQ_VERSION, .triple = j->opt->triple, .cpu = j->opt->cpu,
                            .features = j->opt->features};
}

static bool write_sources(const Job *j, const char *dir, unsigned flags)
{
    BackendOptions bo = options(j, flags);
    OutDir *out = outdir_open(dir);
    if (!out)
        return false;
    Buf adapter = {0};
    write_adapter(&adapter, j, flags);
    bool ok = backend_c(j->program, &bo, out) && outdir_add(out, "dsqc_adapter.c", adapter.s, adapter.n);
    buf_free(&adapter);
    if (ok)
        return outdir_commit(out);
    outdir_abort(out);
    return false;
}

static bool cc(const Job *j, const char *dir, const char *arguments, const char *result)
{
    Words w = cc_tool(j->arena, j->target, "cc");
    words_add(&w, j->target->cflags);
    words_add(&w, arena_printf(j->arena, "-o %s %s", result, arguments));
    return cc_make(&w, dir, result);
}

bool model_compile(const Job *j, unsigned flags, Built *b)
{
    const char *name = j->program->name, *object = arena_printf(j->arena, "%s.o", name);
    *b = (Built){.dir = workdir_new(j->arena), .flags = flags};
    if (!b->dir)
        return false;
    progress("compiling %s ...", j->spec->name);
    bool ok = write_sources(j, b->dir, flags) &&
              cc(j, b->dir, arena_printf(j->arena, "%s-c %s.c", j->target->mcu ? "" : "-fPIC ", name), object);
    progress_end();
    return ok && object_code_bytes(arena_printf(j->arena, "%s/%s", b->dir, object), &b->code_bytes);
}

static bool find_symbol(const Job *j, void *library, const char *name, void *function)
{
    if (library_find(library, name, function))
        return true;
    error_at((Loc){0}, "the compiled code of '%s' has no %s", j->spec->name, name);
    return false;
}

/* Where the traced run belongs, of the two signatures. */
static void *trace_of(Model *m, unsigned flags)
{
    return flags & MODEL_THREADS ? (void *)&m->trace_mt : (void *)&m->trace;
}

static bool load_weights(Model *m)
{
    static const uint64_t none[8] __attribute__((aligned(64)));
    const void **place;
    m->file = map_file(arena_printf(m->job->arena, "%s/%s.bin", m->dir, m->job->program->name), &m->file_bytes);
    if (!m->file || !find_symbol(m->job, m->library, "dsqc_weights", &place))
        return false;
    *place = m->file_bytes ? (const void *)m->file : none;
    return true;
}

static bool load_library(Model *m, const char *library, unsigned flags)
{
    const char *why;
    m->library = library_open(library, &why);
    if (!m->library) {
        error_at((Loc){0}, "cannot load the compiled code: %s", why);
        return false;
    }
    if (!find_symbol(m->job, m->library, "dsqc_run", &m->run) ||
        ((flags & MODEL_TRACE) && !find_symbol(m->job, m->library, "dsqc_trace", trace_of(m, flags))) ||
        ((flags & MODEL_THREADS) && !find_symbol(m->job, m->library, "dsqc_run_mt", &m->run_mt)))
        return false;
    return load_weights(m);
}

static bool start_threads(Model *m, int threads)
{
    if (m->run_mt && dsq_pool_create(&m->pool, (unsigned)threads) != DSQ_OK) {
        error_at((Loc){0}, "cannot start %d threads", threads);
        return false;
    }
    return true;
}

/* llvm_load asks for one place. */
static void *weights_place;
static size_t weights_bytes;

static void *place_weights(size_t n)
{
    weights_bytes = n;
    return weights_place = huge_alloc(n);
}

static bool build_llvm(Model *m, unsigned flags)
{
    const Job *j = m->job;
    BackendOptions bo = options(j, flags);
    progress("compiling %s ...", j->spec->name);
    weights_place = NULL;
    m->code = llvm_load(j->arena, j->program, &bo, place_weights);
    m->weights = weights_place, m->weights_bytes = weights_bytes;
    progress_end();
    if (!m->code)
        return false;
    void *run[] = {llvm_function(m->code, LLVM_RUN), llvm_function(m->code, LLVM_RUN_MT),
                   llvm_function(m->code, LLVM_RUN_TRACE)};
    memcpy(&m->run, &run[0], sizeof run[0]);
    memcpy(&m->run_mt, &run[1], sizeof run[1]);
    memcpy(trace_of(m, flags), &run[2], sizeof run[2]);
    return true;
}

static bool can_run(const Job *j)
{
    const char *lacks = host_lacks(j->arena, j->target);
    if (lacks)
        error_at((Loc){0}, "cannot run the code here: %s; 'dsqc compile --emit=selftest' makes a program that checks "
                           "itself on the machine, 'dsqc verify --engine=loops' interprets the kernels", lacks);
    return !lacks;
}

static Model *start_model(Model *m, bool loaded, int threads)
{
    if (!loaded || !start_threads(m, threads))
        return NULL;
    m->arena_bytes = (size_t)m->job->program->arena_bytes;
    m->arena = huge_alloc(m->arena_bytes);
    return m;
}

static Model *model_new(const Job *j)
{
    Model *m = NEW(j->arena, Model, 1);
    m->job = j;
    return m;
}

Model *model_load(const Job *j, const Built *b, int threads)
{
    const char *name = j->program->name, *library = arena_printf(j->arena, "%s/model.so", b->dir);
    if (!cc(j, b->dir, arena_printf(j->arena, "-fPIC -shared dsqc_adapter.c %s.o", name), "model.so"))
        return NULL;
    Model *m = model_new(j);
    m->dir = b->dir;
    return start_model(m, load_library(m, library, b->flags), threads);
}

Model *model_build(const Job *j, unsigned flags, int threads)
{
    Built b;
    if (!can_run(j))
        return NULL;
    if (j->llvm) {
        Model *m = model_new(j);
        return start_model(m, build_llvm(m, flags), threads);
    }
    return model_compile(j, flags, &b) ? model_load(j, &b, threads) : NULL;
}

void model_close(Model *m)
{
    if (m->pool)
        dsq_pool_destroy(m->pool);
    if (m->code)
        llvm_unload(m->code);
    else
        dlclose(m->library);
    unmap_file(m->file, m->file_bytes);
    if (m->weights)
        huge_free(m->weights, m->weights_bytes);
    huge_free(m->arena, m->arena_bytes);
    if (m->dir)
        remove_tree(m->dir);
}

int model_threads(const Model *m)
{
    return m->pool ? (int)dsq_pool_executor(m->pool)->threads : 1;
}

static void expect_ok(int result)
{
    if (result != DSQ_OK)
        bug("the compiled code returned %d", result);
}

void model_run(Model *m, float *const *io)
{
    expect_ok(m->pool ? m->run_mt(io, m->arena, dsq_pool_executor(m->pool)) : m->run(io, m->arena));
}

void model_run_alone(Model *m, float *const *io) { expect_ok(m->run(io, m->arena)); }

void model_trace(Model *m, float *const *io, TraceFn *hook, void *user)
{
    expect_ok(m->pool ? m->trace_mt(io, m->arena, dsq_pool_executor(m->pool), hook, user)
                      : m->trace(io, m->arena, hook, user));
}

const uint8_t *model_arena(const Model *m)
{
    return m->arena;
}
