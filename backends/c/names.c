/* Identifiers of the generated C. */
#include "c.h"

#include <ctype.h>
#include <string.h>

static const char *const word[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "asm", "linux", "unix",
    "typeof", "alignas", "alignof", "bool", "constexpr", "false", "nullptr", "thread_local", "true", "static_assert",
    /* C++, for the header */
    "and", "catch", "class", "delete", "explicit", "export", "friend", "mutable", "namespace", "new", "not",
    "operator", "or", "private", "protected", "public", "template", "this", "throw", "try", "typename", "using",
    "virtual", "xor",
};

Names names_new(Arena *A, const char *isa, const Names *outer)
{
    Names n = {.A = A, .used = map_new(A), .next = map_new(A), .outer = outer, .isa = isa};
    for (int i = 0; !outer && i < LEN(word); i++)
        map_put(&n.used, word[i], 1);
    return n;
}

bool names_taken(const Names *n, const char *s)
{
    for (const Names *m = n; m; m = m->outer)
        if (map_get(&m->used, s) > 0)
            return true;
    return isa_helper(n->isa, s) != NULL;
}

const char *names_take(Names *n, const char *want)
{
    size_t len = strlen(want);
    char *s = arena_strndup(n->A, want, len);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            s[i] = '_';
    /* Digits cannot come first, underscores belong to the implementation, dsq_ to the runtime. */
    if (!isalpha((unsigned char)s[0]) || !strncmp(s, "dsq_", 4) || !strncmp(s, "DSQ_", 4))
        s = arena_printf(n->A, "v%s", s);
    const char *unique = s;
    if (names_taken(n, s)) {
        int i = map_get(&n->next, s);
        for (i = i < 1 ? 1 : i; names_taken(n, unique = arena_printf(n->A, "%s_%d", s, i)); i++)
            continue;
        map_put(&n->next, s, i + 1);
    } else
        map_put(&n->next, s, 1);
    map_put(&n->used, unique, 1);
    PUSH(n->A, &n->order, unique);
    return unique;
}

const char *names_short(Arena *A, const char *want)
{
    size_t len = strlen(want), end = len;
    while (end > 0 && isdigit((unsigned char)want[end - 1])) {
        while (end > 0 && isdigit((unsigned char)want[end - 1]))
            end--;
        if (end < 2 || want[end - 1] != '_')
            break;
        len = --end;
    }
    return arena_strndup(A, want, len);
}

const char *names_take_local(Names *n, const char *want)
{
    return names_take(n, names_short(n->A, want));
}

void names_release(Names *n, int mark)
{
    while (n->order.n > mark)
        map_put(&n->used, n->order.v[--n->order.n], 0);
}
