/* libFuzzer target: spec text of any kind must be refused with a message or give a graph that passes the checker,
   prints and reads back. The first line may set parameters: "# set: name=value name=value". Includes are looked for
   beside a file that is in no folder, and nowhere else. */
#include "../../compiler/spec/spec.h"
#include "fuzz.h"

#include <string.h>

enum { MAX_SET = 4 };

static int read_set(Arena *a, const char *text, Param *set)
{
    static const char head[] = "# set: ";
    int n = 0;
    if (strncmp(text, head, sizeof head - 1))
        return 0;
    for (const char *p = text + sizeof head - 1; n < MAX_SET && *p && *p != '\n';) {
        size_t len = strcspn(p, " \n"), eq = strcspn(p, "= \n");
        if (p[eq] == '=')
            set[n++] = (Param){arena_strndup(a, p, eq), arena_strndup(a, p + eq + 1, len - eq - 1)};
        p += len + (p[len] == ' ');
    }
    return n;
}

static void exercise(Arena *a, const Spec *spec)
{
    const char *err = graph_check(spec->graph);
    if (err)
        bug("the spec made a graph that fails the checker: %s", err);
    if (spec->graph->value.n > 200)
        return;
    Buf b = {0};
    graph_print(&b, spec->graph, PRINT_DATA);
    Graph *again = graph_parse(a, b.s, diag_file("printed", b.s, b.n));
    err = again ? graph_diff(a, spec->graph, again) : "it does not parse";
    if (err)
        bug("printed and read back: %s\n%s", err, b.s);
    buf_free(&b);
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    Param set[MAX_SET];
    char *text = arena_strndup(a, (const char *)data, n);
    int nset = read_set(a, text, set);
    Spec *spec = spec_parse(a, "fuzz.yaml", text, n, set, nset, NULL);
    if (!spec && !diag_errors())
        bug("refused without a message");
    if (spec && diag_errors())
        bug("accepted with a message: %s", messages.s);
    if (spec)
        exercise(a, spec);
}
