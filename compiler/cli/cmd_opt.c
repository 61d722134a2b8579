/* dsqc opt */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "../driver.h"
#include "../io/io.h"
#include "term.h"

const char help_opt[] =
    "Reads graph IR as text, runs the passes named, and prints the graph. Without --passes the text\n"
    "is parsed, checked and printed. With --loops the file is a program in loop IR.\n";
const char examples_opt[] =
    "  dsqc opt net.dsq --passes=fold-batch-norm,fuse-epilogue\n"
    "  dsqc compile SPEC --emit=graph -o - -O0 | dsqc opt - --passes=canonicalize\n"
    "  dsqc opt program.loops --loops --passes=loop-unroll,loop-cse\n";

enum { MAX_TEXT = 1 << 28 };

/* The next word of a comma list. */
static const char *next_word(Arena *A, const char **list)
{
    size_t n = strcspn(*list, ",");
    const char *word = arena_strndup(A, *list, n);
    *list += n + ((*list)[n] == ',');
    return word;
}

static int check_loop_pass(Arena *A, const Options *o, const char *word)
{
    const char **names = NEW(A, const char *, npass_info);
    int n = 0;
    for (int i = 0; i < npass_info; i++)
        if (pass_info[i].loop)
            names[n++] = pass_info[i].name;
    const PassInfo *p = pass_find(word);
    if (p && p->loop)
        return 0;
    return usage_error(o->command, "unknown pass on loops '%s'%s", word, did_you_mean(A, word, names, n));
}

static int check_loop_passes(Arena *A, const Options *o)
{
    int status = o->stop_after ? check_loop_pass(A, o, o->stop_after) : 0;
    for (const char *list = o->passes ? o->passes : ""; *list && !status;)
        status = check_loop_pass(A, o, next_word(A, &list));
    return status ? status : options_check_loops(A, o);
}

static bool opt_loops(Arena *A, const Options *o, const char *text, int file, Buf *out)
{
    Program *p = program_parse(A, text, file);
    if (!p)
        return false;
    const char *wrong = program_check(p);
    if (wrong) {
        error_at(loc_file(file), "%s", wrong);
        return false;
    }
    for (const char *list = o->passes ? o->passes : ""; *list;) { /* in the order of the list */
        const char *name = next_word(A, &list);
        if (!passes_run_loops(NULL, p, &(PassOptions){.passes = name}))
            return false;
        if (o->stop_after && !strcmp(o->stop_after, name))
            break;
    }
    program_print(out, p, o->print_data);
    return true;
}

/* Passes that compute with constants leave those alone that have none: whoever wonders sees which. */
static void warn_numbers(Arena *A, const Graph *g)
{
    enum { NAMED = 8 };
    const Value *first = NULL;
    const char *names = "";
    int n = 0;
    for (int i = 0; i < g->value.n; i++) {
        const Value *v = &g->value.v[i];
        if (v->kind != VAL_CONST || v->tensor->data || !value_uses(g, i))
            continue;
        first = first ? first : v;
        if (++n <= NAMED)
            names = arena_printf(A, "%s%s'%s' (line %d)", names, n > 1 ? ", " : "", v->name, v->loc.line);
    }
    if (n)
        warn_at(first->loc, "%s%s no numbers, so no pass computes with %s: %s%s; --weights gives them numbers",
                plural(A, n, "constant"), n == 1 ? " has" : " have", n == 1 ? "it" : "them", names,
                n > NAMED ? ", ..." : "");
}

static bool opt_graph(Job *j, const char *text, int file, Buf *out)
{
    const Options *o = j->opt;
    if (!job_read_rules(j))
        return false;
    Graph *g = graph_parse(j->arena, text, file);
    if (!g)
        return false;
    const char *wrong = graph_check(g);
    if (wrong) {
        error_at(loc_file(file), "%s", wrong);
        return false;
    }
    /* a graph that passes have changed needs some of the file only */
    WeightsOptions use = {!o->weights_extra || !strcmp(o->weights_extra, "ignore"), o->weights_prefix};
    if (o->weights && !weights_bind(j->arena, g, o->weights, &use, &j->weights))
        return false;
    if (o->passes) {
        if (!o->verify_each) /* which needs them, and says so */
            warn_numbers(j->arena, g);
        PassOptions po = job_pass_options(j);
        if (!passes_run(g, &po))
            return false;
    }
    graph_print(out, g, PRINT_LAYOUT | (o->print_data ? PRINT_DATA : 0));
    return true;
}

/* A block that begins a file, no NUL behind it, may be one of comments alone. */
static int64_t may_begin(const uint8_t *p, size_t n, const char *word)
{
    Arena *A = arena_new();
    const char *start = text_start(arena_strndup(A, (const char *)p, n), ';');
    bool may = !*start || text_is_word(start, word);
    arena_free(A);
    return may ? INT64_MAX : 0;
}

static int64_t may_be_graph(const uint8_t *p, size_t n)
{
    return may_begin(p, n, "graph");
}

static int64_t may_be_loops(const uint8_t *p, size_t n)
{
    return may_begin(p, n, "program");
}

/* Registers the text for messages; of a file that is no text of the IR nothing is shown. */
static bool is_ours(const Options *o, const char *text, size_t n, int *file)
{
    const char *path = strcmp(o->file, "-") ? o->file : "<stdin>", *word = o->loops ? "program" : "graph";
    bool ours = text_is_word(text_start(text, ';'), word);
    *file = diag_file(path, ours ? text : NULL, ours ? n : 0);
    if (!ours)
        error_at(loc_file(*file),
                 "no text of the IR: it must begin with '%s'; 'dsqc compile SPEC --emit=%s -o -' prints one", word,
                 o->loops ? "loops" : "graph");
    return ours;
}

int cmd_opt(Arena *A, const Options *o)
{
    Job j;
    int status = o->loops ? check_loop_passes(A, o) : job_open(&j, A, o);
    if (status)
        return status;
    size_t n;
    const FileLimit limit = {.file = MAX_TEXT, .pipe = MAX_TEXT, .bytes = o->loops ? may_be_loops : may_be_graph};
    char *text = read_within(A, o->file, &limit, &n);
    if (!text)
        return 1;
    int file = -1;
    Buf out = {0};
    bool ok = is_ours(o, text, n, &file) &&
              (o->loops ? opt_loops(A, o, text, file, &out) : opt_graph(&j, text, file, &out));
    if (ok)
        ok = write_file(o->output ? o->output : "-", out.s, out.n);
    buf_free(&out);
    if (!o->loops)
        job_close(&j);
    return !ok;
}
