/* Spec and module files: reading, includes, and the digest over everything read. */
#include "foreign.h"
#include "../io/io.h"
#include "spec_impl.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_ENTRIES = 10000 };

static const char *dir_of(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path)) : "";
}

static const char *path_join(Arena *a, const char *dir, const char *name)
{
    size_t n = strlen(dir);
    if (*name == '/' || !n)
        return name;
    return arena_printf(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

const char *spec_beside(Arena *a, const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');
    if (*name == '/' || !slash)
        return name;
    return arena_printf(a, "%.*s%s", (int)(slash - file) + 1, file, name);
}

/* ---- looking for a file ---- */

/* The name with an ending of YAML in place of its own or of none, if dir has such a file, or NULL. */
static const char *other_ending(Arena *a, const char *dir, const char *name)
{
    static const char *const ending[] = {".yaml", ".yml"};
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash : name, '.');
    for (int i = 0; i < 2 * LEN(ending); i++) {
        int n = (int)(dot && i >= LEN(ending) ? dot - name : (ptrdiff_t)strlen(name));
        const char *other = arena_printf(a, "%.*s%s", n, name, ending[i % LEN(ending)]);
        struct stat st;
        if (strcmp(other, name) && !stat(path_join(a, dir, other), &st) && S_ISREG(st.st_mode))
            return other;
    }
    return NULL;
}

const char *spec_near_file(Arena *a, const char *dir, const char *name)
{
    const char *other = other_ending(a, dir, name);
    if (other)
        return other;
    const char *folder = dir_of(a, name), *base = strrchr(name, '/');
    const char *path = path_join(a, dir, folder);
    DIR *d = opendir(*path ? path : ".");
    VEC(const char *) entry = {0};
    if (!d)
        return NULL;
    for (struct dirent *e; entry.n < MAX_ENTRIES && (e = readdir(d));)
        if (e->d_name[0] != '.')
            PUSH(a, &entry, arena_strndup(a, e->d_name, strlen(e->d_name)));
    closedir(d);
    if (entry.n)
        qsort(entry.v, (size_t)entry.n, sizeof *entry.v, by_text);
    const char *near = nearest_name(base ? base + 1 : name, entry.v, entry.n);
    return near ? path_join(a, folder, near) : NULL;
}

/* The path of an existing file, beside `file` first, then in libdir. NULL after an error. */
static const char *find_file(const Cx *cx, const char *file, const char *name, Loc loc, struct stat *st)
{
    SpecReader *s = cx->s;
    Arena *a = s->arena;
    const char *dir[2] = {dir_of(a, file), s->libdir};
    int ndir = s->libdir && *name != '/' && strcmp(dir[0], s->libdir) ? 2 : 1;
    for (int i = 0; i < ndir; i++) {
        const char *path = i ? path_join(a, dir[i], name) : spec_beside(a, file, name);
        if (stat(path, st))
            continue;
        if (S_ISREG(st->st_mode))
            return path;
        spec_error(cx, loc, NULL, "'%s' is not a file", path);
        return NULL;
    }
    const char *near = NULL;
    for (int i = 0; i < ndir && !near; i++)
        near = spec_near_file(a, dir[i], name);
    const char *hint = near ? arena_printf(a, "did you mean '%s'?", near) : NULL;
    const char *here = *dir[0] ? dir[0] : *name == '/' || *file == '/' ? "/" : ".";
    if (ndir == 2)
        spec_error(cx, loc, hint, "no file %s in %s or %s", spec_show(a, name), here, dir[1]);
    else
        spec_error(cx, loc, hint, "no file %s%s%s", spec_show(a, name), *name == '/' ? "" : " in ",
                   *name == '/' ? "" : here);
    return NULL;
}

static void digest_add(SpecReader *s, const char *text, size_t n)
{
    buf_printf(&s->digest, "%zu\n", n);
    buf_write(&s->digest, text, n);
}

char *spec_read(const Cx *cx, const char *file, const char *name, Loc loc, const char **path, size_t *n)
{
    struct stat st;
    if (!(*path = find_file(cx, file, name, loc, &st)))
        return NULL;
    int errors = diag_errors();
    char *text = read_file(cx->s->arena, *path, SPEC_BYTES, n);
    if (!text && diag_errors() > errors)
        note_at(loc, "named here");
    if (text)
        digest_add(cx->s, text, *n);
    return text;
}

/* ---- whose file it is ---- */

static const char *const own_key[] = {"network", "modules", "input", "include", "params"};

/* A key of ours, one misspelt, or another framework's word for one. */
static bool is_own_key(Arena *a, const char *key)
{
    for (int i = 0; i < LEN(own_key); i++)
        if (!strcmp(key, own_key[i]))
            return true;
    return nearest_name(key, own_key, LEN(own_key)) || foreign_word(a, FOREIGN_SPEC, key, own_key, LEN(own_key));
}

/* A map with such a key, or a network's list of steps alone. */
static bool is_own_tree(Arena *a, const Yaml *root)
{
    for (int i = 0; root->kind == YAML_MAP && i < root->npair; i++)
        if (is_own_key(a, root->pair[i].key))
            return true;
    for (int i = 0; root->kind == YAML_LIST && i < root->n; i++)
        if (yaml_get(root->item[i], "op"))
            return true;
    return false;
}

/* What does not parse is ours where a line begins with a key of ours or `network:` stands anywhere, perhaps quoted. */
static bool is_own_text(const char *text, size_t n)
{
    static const char *const line[] = {"network:", "input:", "modules:", "include:", "params:"};
    if (text_start(text, '#') == text + n || text_has_line(text, line, LEN(line)))
        return true;
    for (const char *p = text; (p = strstr(p, "network"));) {
        p += strlen("network");
        p += *p == '"' || *p == '\'';
        if (p[strspn(p, " \t")] == ':')
            return true;
    }
    return false;
}

/* A file that is named by mistake, or by somebody who may not read it, is not shown: it is parsed in silence first. */
const Yaml *spec_tree(SpecReader *s, const char *path, const char *text, size_t n, int *file)
{
    size_t mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0; /* byte order mark */
    *file = diag_file(path, text, n);
    diag_quiet();
    const Yaml *root = yaml_parse(s->arena, text, n, *file);
    diag_loud();
    if (root && is_own_tree(s->arena, root))
        return root;
    if (!root && is_own_text(text + mark, n - mark))
        return yaml_parse(s->arena, text, n, *file);
    error_at(loc_file(*file = diag_file(path, NULL, 0)),
             "this is no spec: a map in YAML with the key 'network', 'modules', "
             "'input', 'include' or 'params' is expected");
    return NULL;
}

/* ---- modules and includes ---- */

static bool define_modules(SpecReader *s, const Yaml *map)
{
    if (map->kind != YAML_MAP) {
        spec_error(NULL, map->loc, NULL, "expected a map of modules, found %s", spec_found(s->arena, map));
        return false;
    }
    bool ok = true;
    for (int i = 0; i < map->npair; i++)
        ok = module_define(s, map->pair[i].key, map->pair[i].key_loc, map->pair[i].val) && ok;
    return ok;
}

/* Each file once, whatever its name: told apart by device and inode. */
static bool read_before(SpecReader *s, const struct stat *st)
{
    char *id = arena_printf(s->arena, "%llu:%llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
    if (dict_get(&s->file_seen, id) >= 0)
        return true;
    dict_put(&s->file_seen, id, 1);
    return false;
}

static bool include_file(const Cx *cx, const char *from, const Yaml *y)
{
    static const char *const keys[] = {"include", "modules"};
    SpecReader *s = cx->s;
    const char *name = eval_text(cx, y), *path;
    struct stat st;
    size_t n;
    if (!name)
        return false;
    if (!(path = find_file(cx, from, name, y->loc, &st)))
        return false;
    if (read_before(s, &st))
        return true;
    if (s->file_seen.n > SPEC_FILES) {
        spec_error(cx, y->loc, NULL, "more than %d files", SPEC_FILES);
        return false;
    }
    char *text = spec_read(cx, from, name, y->loc, &path, &n);
    int file;
    int errors = diag_errors();
    const Yaml *root = text ? spec_tree(s, path, text, n, &file) : NULL;
    if (text && !root && diag_errors() > errors)
        note_at(y->loc, "included here");
    if (!root)
        return false;
    return spec_keys(NULL, root, "a module file", keys, LEN(keys)) && spec_modules(cx, path, root);
}

bool spec_modules(const Cx *cx, const char *path, const Yaml *root)
{
    const Yaml *include = yaml_get(root, "include"), *modules = yaml_get(root, "modules");
    bool ok = !modules || define_modules(cx->s, modules);
    for (int i = 0; include && i < (include->kind == YAML_LIST ? include->n : 1); i++)
        ok = include_file(cx, path, include->kind == YAML_LIST ? include->item[i] : include) && ok;
    return ok;
}

const char *spec_bundled_module(SpecReader *s, const char *name)
{
    struct stat st;
    if (!s->libdir || !spec_identifier(name) ||
        stat(arena_printf(s->arena, "%s/modules/%s.yaml", s->libdir, name), &st))
        return NULL;
    return arena_printf(s->arena, "include: [modules/%s.yaml] defines it", name);
}

/* ---- digest ---- */

static int by_param(const void *a, const void *b)
{
    return strcmp(((const Param *)a)->name, ((const Param *)b)->name);
}

void spec_digest(SpecReader *s, const Param *set, int nset)
{
    Param *sorted = NEW(s->arena, Param, nset);
    int n = 0;
    for (int i = 0; i < nset; i++) { /* the last of a name counts */
        int at = 0;
        while (at < n && strcmp(sorted[at].name, set[i].name))
            at++;
        n += at == n;
        sorted[at] = set[i];
    }
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, by_param);
    for (int i = 0; i < n; i++)
        buf_printf(&s->digest, "%s=%s\n", sorted[i].name, sorted[i].value);
    sha256(s->digest.s, s->digest.n, s->spec->sha256);
    buf_free(&s->digest);
}

void spec_digest_text(SpecReader *s, const char *text, size_t n)
{
    digest_add(s, text, n);
}
