/* What stands before the first stage: options checked, the spec found, its weights bound. */
#include "driver.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../backends/llvm/llvm.h"
#include "../passes/rules/rules.h"
#include "io/io.h"
#include "network.h"
#include "tune/schedule_file.h"
#include "cli/term.h"

/* ---- options ---- */

bool is_loop_stage(const char *name)
{
    if (!strcmp(name, "lower"))
        return true;
    for (const LoopPass *p = loop_passes; p->name; p++)
        if (!strcmp(name, p->name))
            return true;
    return false;
}

/* Lowering wants what the required passes give; `dsqc opt` runs the passes named and no others. */
static const char *with_required(Arena *A, const char *passes)
{
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].required && !list_has(passes, pass_info[i].name))
            passes = arena_printf(A, "%s,%s", passes, pass_info[i].name);
    return passes;
}

/* Code for any number of threads is cut for so many, whatever the machine that compiles. */
enum { DEFAULT_THREADS = 4 };

PassOptions job_pass_options(const Job *j)
{
    const Options *o = j->opt;
    const char *dump = o->print_ir_after, *stop = o->stop_after;
    const char *passes = o->passes && o->command != CMD_opt ? with_required(j->arena, o->passes) : o->passes;
    const char *wino = o->winograd;
    return (PassOptions){.target = j->target, .opt = o->level, .strict = o->strict, .verify_each = o->verify_each,
                         .threads = o->threads < 0 ? DEFAULT_THREADS : o->threads,
                         .winograd = !wino || !strcmp(wino, "auto") ? 0
                                     : !strcmp(wino, "off")         ? WINOGRAD_OFF
                                                                    : atoi(wino),
                         .time_passes = o->time_passes, .rules = j->rules, .schedules = j->schedules, .passes = passes,
                         .disable = o->disable_pass, .print_after = dump && is_loop_stage(dump) ? NULL : dump,
                         .stop_after = stop && o->command != CMD_opt && is_loop_stage(stop) ? NULL : stop};
}

/* Does the text have it as a word of its own, in small letters or capitals? */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strcasestr(p, word)); p++)
        if (!isalnum((unsigned char)p[n]) && (p == text || !isalnum((unsigned char)p[-1])))
            return true;
    return false;
}

/* The target whose doc line names that processor, such as Cortex-M33, or NULL. */
static const char *target_for(const char *processor)
{
    enum { LETTERS = 4 };
    for (int i = 0; strlen(processor) >= LETTERS && i < ntargets; i++)
        if (has_word(target_doc(targets[i].name), processor))
            return targets[i].name;
    return NULL;
}

static int unknown_target(Arena *A, const Options *o)
{
    const char **names = NEW(A, const char *, ntargets + 1), *takes = target_for(o->target);
    Buf all = {0};
    buf_puts(&all, names[0] = "native");
    for (int i = 0; i < ntargets; i++)
        buf_printf(&all, ", %s", names[i + 1] = targets[i].name);
    const char *meant = takes ? arena_printf(A, "; take %s: %s", takes, target_doc(takes))
                              : did_you_mean(A, o->target, names, ntargets + 1);
    usage_error(o->command, "%s%s%s%s; targets are %s ('dsqc help targets' says what for)",
                *o->target ? "unknown target '" : "--target needs a name", o->target, *o->target ? "'" : "", meant,
                all.s);
    buf_free(&all);
    return 2;
}

/* 0, or the exit status after a message. */
static int choose_backend(Job *j)
{
    const Options *o = j->opt;
    const char *asks = option_is(o->backend, "llvm") ? "--backend=llvm"
                     : option_is(o->engine, "llvm")  ? "--engine=llvm"
                     : list_has(o->emit, "llvm-ir") ? "--emit=llvm-ir" : NULL;
    const char *c = option_is(o->backend, "c")          ? "--backend=c"
                  : option_is(o->engine, "c")           ? "--engine=c"
                  : list_has(o->emit, "c")            ? "--emit=c"
                  : option_is(o->weights_as, "c")       ? "--weights-as=c" : NULL;
    const char *machine = o->triple ? "--triple" : o->cpu ? "--cpu" : o->features ? "--features" : NULL;
    j->llvm = asks;
    if (asks && !llvm_present())
        return usage_error(o->command, "%s: this dsqc was built without LLVM; install llvm-19-dev and build it again, "
                           "or take the C backend (--backend=c)", asks);
    if (asks && c)
        return usage_error(o->command, "%s and %s exclude each other", asks, c);
    if (machine && !asks)
        return usage_error(o->command, "%s is LLVM's: it needs --backend=llvm", machine);
    return 0;
}

/* Where compile writes; by default a folder of the model's name, which is not known yet: a report that goes into one
   below `generated` is taken to go there. */
static const char *output_folder(Arena *A, const Options *o)
{
    static const char usual[] = "generated/";
    size_t n = sizeof usual - 1;
    if (o->command != CMD_compile || o->stop_after || option_is(o->output, "-"))
        return NULL;
    if (o->output)
        return o->output;
    bool in = o->report && !strncmp(o->report, usual, n);
    return in ? arena_strndup(A, o->report, n + strcspn(o->report + n, "/")) : "generated";
}

/* Found now, not after the work that the file is to hold. `dsqc run` knows its files when it knows the network. */
static bool outputs_writable(Arena *A, const Options *o)
{
    bool ok = true;
    const char *folder = output_folder(A, o);
    if (folder)
        ok = outdir_writable(folder);
    else if (o->output)
        ok = out_writable(o->output, NULL);
    ok = (!o->report || out_writable(o->report, folder)) && ok;
    return (!o->html || out_writable(o->html, NULL)) && ok;
}

int job_open(Job *j, Arena *A, const Options *o)
{
    *j = (Job){.arena = A, .opt = o};
    j->target = target_find(o->target ? o->target : o->triple ? "generic" : "native");
    if (!j->target)
        return unknown_target(A, o);
    int status = choose_backend(j);
    if (status)
        return status;
    for (int i = 0; i < o->set.n; i++)
        if (!strchr(o->set.v[i], '=') || o->set.v[i][0] == '=')
            return usage_error(o->command, "--set takes NAME=VALUE, not '%s'", o->set.v[i]);
    uint64_t seed;
    if (o->weights && weights_random_source(o->weights) && !weights_random_seed(o->weights, &seed))
        return usage_error(o->command, "--weights=%s: " RANDOM_SEED, o->weights);
    if (o->quiet)
        progress_off();
    if (j->llvm && !llvm_open())
        return 1;
    if (o->flush_to_zero && j->target->flush == FLUSH_NONE)
        return usage_error(o->command, "--flush-to-zero: %s has no mode in which subnormal numbers are zeros; x86-64, "
                           "aarch64 and Cortex-M targets have one%s", o->triple ? o->triple : j->target->name,
                           o->triple ? ", where --target names them" : "");
    PassOptions po = job_pass_options(j);
    if (!passes_check_options(&po))
        return 2;
    status = options_check(j, &po);
    return status ? status : !outputs_writable(A, o);
}

void job_close(Job *j)
{
    weights_close(&j->weights);
    spec_close(j->spec);
}

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

/* ---- reading ---- */

enum { MAX_BUNDLED = 1000 };

typedef VEC(const char *) Names;

/* A file or a pipe. */
static bool is_file(const char *path)
{
    struct stat st;
    return !stat(path, &st) && !S_ISDIR(st.st_mode);
}

/* The folder of the installed specs: share/dsqc/specs beside the binary's bin, or specs beside build. */
static const char *find_libdir(Arena *A)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    const char *env = getenv("DSQC_SPECS");
    if (env && *env)
        return env;
    if (n <= 0)
        return NULL;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    static const char *const places[] = {"../share/dsqc/specs", "../specs"};
    for (int i = 0; i < LEN(places); i++) {
        char *real = realpath(arena_printf(A, "%s/%s", exe, places[i]), NULL);
        if (!real)
            continue;
        const char *dir = arena_strndup(A, real, strlen(real));
        free(real);
        return dir;
    }
    return NULL;
}

static size_t stem(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && !strcmp(name + n - 5, ".yaml") ? n - 5 : n > 4 && !strcmp(name + n - 4, ".yml") ? n - 4 : n;
}

/* The specs in libdir and one folder below, as a command line names them; modules are no specs. */
static void list_bundled(Arena *A, const char *libdir, const char *folder, Names *out)
{
    DIR *d = opendir(arena_printf(A, "%s/%s", libdir, folder));
    for (struct dirent *e; d && out->n < MAX_BUNDLED && (e = readdir(d));) {
        size_t n = stem(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        if (e->d_name[n])
            PUSH(A, out, arena_printf(A, "%s%.*s", folder, (int)n, e->d_name));
        else if (!*folder && strcmp(e->d_name, "modules"))
            list_bundled(A, libdir, arena_printf(A, "%s/", e->d_name), out);
    }
    if (d)
        closedir(d);
}

/* The bundled spec that is nearest, with its folder or, of both, without; NULL where none is near. */
static const char *near_bundled(Arena *A, const char *name, const char *libdir)
{
    Names all = {0}, base = {0};
    list_bundled(A, libdir, "", &all);
    if (all.n)
        qsort(all.v, (size_t)all.n, sizeof *all.v, by_text);
    for (int i = 0; i < all.n; i++) {
        const char *slash = strrchr(all.v[i], '/');
        PUSH(A, &base, slash ? slash + 1 : all.v[i]);
    }
    const char *said = arena_strndup(A, name, stem(name)), *slash = strrchr(said, '/');
    const char *near = nearest_name(said, all.v, all.n);
    if (near)
        return near;
    near = nearest_name(slash ? slash + 1 : said, base.v, base.n);
    for (int i = 0; near && i < base.n; i++)
        if (base.v[i] == near)
            return all.v[i];
    return NULL;
}

/* A name such as "resnet18" that is no file here means the installed spec of that name. NULL after a message. */
static const char *find_spec(Arena *A, const char *name, const char *libdir)
{
    struct stat st;
    if (!strcmp(name, "-") || is_file(name))
        return name;
    const char *path = libdir && *name != '/' ? arena_printf(A, "%s/%.*s.yaml", libdir, (int)stem(name), name) : NULL;
    if (path && is_file(path))
        return path;
    if (!stat(name, &st)) /* a folder: reading it says so */
        return name;
    const char *near = spec_near_file(A, "", name);
    if (!near || !near[stem(near)]) /* no YAML */
        near = path ? near_bundled(A, name, libdir) : NULL;
    error_at(loc_file(diag_file(name, NULL, 0)), "%s%s%s%s",
             path ? "neither a file nor a bundled spec" : strerror(ENOENT),
             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

static bool wants_weights(const Graph *g)
{
    for (int i = 0; i < g->value.n; i++)
        if (g->value.v[i].kind == VAL_CONST && g->value.v[i].tensor && !g->value.v[i].tensor->data)
            return true;
    return false;
}

/* Commands whose results do not depend on the numbers run on random ones where none are given, and every command does
   where there are no parameters. */
static const char *weights_source(const Job *j)
{
    const Options *o = j->opt;
    if (o->weights)
        return o->weights;
    if (j->spec->weights)
        return j->spec->weights;
    if (!(o->command & (CMD_compile | CMD_run | CMD_export)) || !wants_weights(j->spec->graph))
        return "random:0";
    error_at(loc_file(diag_file(j->spec->path, NULL, 0)),
             "the spec names no weights: give --weights FILE (.safetensors or .npz), or --weights random:SEED");
    return NULL;
}

bool job_read_rules(Job *j)
{
    const TextList *files = &j->opt->rules;
    if (files->n)
        j->rules = rules_load(j->arena, files->v, files->n);
    return j->rules || !files->n;
}

static bool read_schedules(Job *j)
{
    if (!j->opt->schedule)
        return true;
    const ScheduleFile *f = schedule_file_read(j->arena, j->opt->schedule);
    if (!f || !schedule_file_fits(f, j))
        return false;
    j->schedules = &f->layers;
    return true;
}

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
static bool fits_memory(const Job *j, bool random)
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

bool job_read(Job *j)
{
    const Options *o = j->opt;
    if (!job_read_rules(j))
        return false;
    const char *libdir = find_libdir(j->arena);
    const char *path = find_spec(j->arena, o->file, libdir);
    j->spec = path ? network_read(j->arena, path, o, libdir) : NULL;
    if (!j->spec)
        return false;
    const char *source = weights_source(j);
    WeightsOptions use = {o->weights_extra && !strcmp(o->weights_extra, "ignore"), o->weights_prefix};
    int64_t bytes; /* at least; before anything is read or made */
    if (!mul_ok(graph_parameters(j->spec->graph), dtype_size(DT_F32), &bytes))
        bytes = INT64_MAX;
    if (!source || !fits_memory(j, weights_random_source(source)) || !job_holds(j, bytes) ||
        !weights_bind(j->arena, j->spec->graph, source, &use, &j->weights))
        return false;
    if (j->spec->model) /* the numbers came with it */
        memcpy(j->weights.sha256, j->spec->sha256, sizeof j->weights.sha256);
    j->spec->graph->flush_to_zero = o->flush_to_zero;
    j->written = j->spec->graph;
    return read_schedules(j);
}
