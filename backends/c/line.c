/* Lines of generated functions: statements that share one, and where a long one breaks. */
#include "c.h"

#include <string.h>

void c_end_line(KPrint *k)
{
    if (k->line.n)
        buf_printf(k->out, "%*s%s\n", 4 * k->depth, "", k->line.s);
    k->line.n = 0;
}

/* Where to break a line that is longer than room: behind a comma or before a sign, outside as many parentheses as can
   be without leaving half of the line empty. 0: nowhere. */
static size_t break_at(const char *s, size_t room)
{
    size_t best = 0;
    int depth = 0, least = 1000;
    for (size_t i = 1; s[i] && i < room; i++) {
        depth += (s[i] == '(' || s[i] == '[') - (s[i] == ')' || s[i] == ']');
        bool sign = (s[i + 1] == '+' || s[i + 1] == '-') && s[i + 2] == ' ';
        bool may = s[i] == ' ' && (s[i - 1] == ',' || s[i - 1] == ';' || sign);
        if (may && (depth <= least || best < room / 2)) {
            best = i;
            least = depth;
        }
    }
    return best;
}

static void long_line(KPrint *k, const char *s)
{
    int indent = 4 * k->depth;
    size_t at;
    while (strlen(s) + (size_t)indent > COLUMNS && (at = break_at(s, (size_t)imax(COLUMNS - indent, 40)))) {
        buf_printf(k->out, "%*s%.*s\n", indent, "", (int)at, s);
        s += at + 1;
        indent = 4 * k->depth + 4;
    }
    buf_printf(k->out, "%*s%s\n", indent, "", s);
}

/* Statements that belong together share a line: of one kind, or settings behind the definition that they use. */
void c_put(KPrint *k, const char *s, int group)
{
    size_t room = (size_t)(COLUMNS - 4 * k->depth);
    bool together = group == k->group || (group == GROUP_SET && k->group == GROUP_LET && strstr(s, k->defined));
    if (!together || k->line.n + 1 + strlen(s) > room)
        c_end_line(k);
    k->group = group;
    if (strlen(s) > room) {
        long_line(k, s);
        return;
    }
    buf_printf(&k->line, "%s%s", k->line.n ? " " : "", s);
}

void c_put_buf(KPrint *k, Buf *b, int group)
{
    c_put(k, b->s, group);
    buf_free(b);
}

/* Definitions of one type share it: f32x8 w0 = ..., w1 = ...; */
void c_put_definition(KPrint *k, const char *type, const char *list)
{
    size_t room = (size_t)(COLUMNS - 4 * k->depth);
    if (k->line.n && k->group == GROUP_LET && !strcmp(k->defined_type, type) && k->line.n + 1 + strlen(list) <= room) {
        k->line.n--; /* the semicolon */
        buf_printf(&k->line, ", %s", list);
    } else {
        c_end_line(k);
        c_put(k, arena_printf(k->A, "%s %s", type, list), GROUP_LET);
    }
    k->defined_type = type;
}
