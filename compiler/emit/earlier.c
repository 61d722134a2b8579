/* What an earlier compilation left in the output folder. A build that takes every file there would link it twice. A
   report is believed only as far as a doctored one could do no harm. */
#include "earlier.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../io/json.h"

enum { MAX_REPORT_BYTES = 64 << 20 };

typedef VEC(const char *) Files;

static bool has(const Files *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->v[i], name))
            return true;
    return false;
}

/* A link may lead anywhere, and reading a pipe may take forever. */
static bool is_plain_file(const char *path)
{
    struct stat st;
    return !lstat(path, &st) && S_ISREG(st.st_mode);
}

/* What cannot be read is no reason to complain. */
static bool may_be_report(const char *path)
{
    struct stat st;
    return is_plain_file(path) && !stat(path, &st) && st.st_size <= MAX_REPORT_BYTES && !access(path, R_OK);
}

/* Adds the files that the report lists. What is no report lists none: it is nobody's fault here. A package.json has
   "files", too. */
static void add_listed(Arena *A, const char *path, Files *out)
{
    json_error_t e;
    size_t n;
    const char *text = may_be_report(path) ? read_file(A, path, MAX_REPORT_BYTES, &n) : NULL;
    json_t *root = text ? js_read(text, n, &e) : NULL, *file;
    bool ours = json_object_get(root, "spec_sha256") && json_object_get(root, "kernels");
    size_t i;
    json_array_foreach(ours ? json_object_get(root, "files") : NULL, i, file)
        if (json_is_string(file))
            PUSH(A, out, arena_strndup(A, json_string_value(file), json_string_length(file)));
    json_decref(root);
}

/* "net_weights.S" of the model "net": how dsqc names what belongs to one model. */
static bool is_models(const char *file, const char *model)
{
    static const char *const prefix[] = {"", "lib"};
    static const char *const end[] = {".c", ".h", ".json", ".bin", ".o", ".s", ".a", ".so", ".ll", ".dsq", ".loops",
                                      "_weights.h", "_weights.S", "_selftest.c"};
    size_t n = strlen(model);
    for (int p = 0; p < LEN(prefix); p++) {
        size_t before = strlen(prefix[p]);
        if (strncmp(file, prefix[p], before) || strncmp(file + before, model, n))
            continue;
        for (int i = 0; i < LEN(end); i++)
            if (!strcmp(file + before + n, end[i]))
                return true;
    }
    return false;
}

static bool is_replaceable(const Job *j, const char *dir, const char *file)
{
    size_t n;
    return !strchr(file, '/') && is_plain_file(arena_printf(j->arena, "%s/%s", dir, file)) &&
           (backend_runtime_text(file, &n) || is_models(file, j->spec->name) || is_models(file, j->program->name));
}

/* What the reports in the folder list, but for one. */
static Files all_listed(Arena *A, const char *dir, const char *without)
{
    Files all = {0};
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 5 && !strcmp(e->d_name + n - 5, ".json") && strcmp(e->d_name, without))
            add_listed(A, arena_printf(A, "%s/%s", dir, e->d_name), &all);
    }
    if (d)
        closedir(d);
    return all;
}

/* ---- what may be replaced ---- */

/* Whether text is how a file of that name begins where dsqc wrote it: the model's with a comment that names the file,
   the runtime's as its whole text does, the report with the model's name. Weights, objects and the text of IRs begin
   like anybody's. */
static bool begins_as_ours(const Job *j, const char *name, const char *text, size_t n)
{
    Arena *A = j->arena;
    size_t whole, end = strlen(name);
    const char *runtime = backend_runtime_text(name, &whole);
    if (runtime)
        return n <= whole && !memcmp(text, runtime, n);
    if (end > 5 && !strcmp(name + end - 5, ".json"))
        return strstr(text, arena_printf(A, "\"name\": \"%s\"", j->spec->name));
    const char *begins = arena_printf(A, "/* %s:", name);
    return !strncmp(text, begins, strlen(begins));
}

/* Nothing there, nothing in it, or ours by how it begins. */
static bool is_free(const Job *j, const char *path, const char *name)
{
    enum { BEGINNING = 200 };
    struct stat st;
    char *text = NEW(j->arena, char, BEGINNING);
    if (lstat(path, &st))
        return true;
    int64_t n = file_begins(path, text, BEGINNING);
    return !n || (n > 0 && begins_as_ours(j, name, text, (size_t)n));
}

static bool is_foreign(const char *path)
{
    error_at(loc_file(diag_file(path, NULL, 0)), "no report in the folder says that dsqc wrote this file, and nothing "
             "is written over it: choose another folder or name");
    return true;
}

static bool may_replace(const Job *j, const OutDir *out, const char *dir)
{
    Files listed = {0};
    const char *name;
    for (int i = 0; (name = outdir_name(out, i)); i++) {
        const char *path = arena_printf(j->arena, "%s/%s", dir, name);
        if (is_free(j, path, name))
            continue;
        if (!listed.n)
            listed = all_listed(j->arena, dir, "");
        if (!is_plain_file(path) || !has(&listed, name))
            return !is_foreign(path);
    }
    return true;
}

/* ---- what goes ---- */

static void drop_stale(const Job *j, OutDir *out, const char *dir, const char *report)
{
    Arena *A = j->arena;
    Files now = {0}, before = {0}, stale = {0};
    const char *name;
    for (int i = 0; (name = outdir_name(out, i)); i++)
        PUSH(A, &now, name);
    add_listed(A, arena_printf(A, "%s/%s", dir, report), &before);
    for (int i = 0; i < before.n; i++)
        if (!has(&now, before.v[i]) && !has(&stale, before.v[i]) && is_replaceable(j, dir, before.v[i]))
            PUSH(A, &stale, before.v[i]);
    Files others = {0};
    if (stale.n)
        others = all_listed(A, dir, report);
    for (int i = 0; i < stale.n; i++)
        if (!has(&others, stale.v[i]))
            outdir_drop(out, stale.v[i]);
}

bool earlier_settle(const Job *j, OutDir *out, const char *dir, const char *report)
{
    if (!outdir_lock(out) || !may_replace(j, out, dir))
        return false;
    drop_stale(j, out, dir, report);
    return true;
}
