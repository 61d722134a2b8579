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
    Names n = {.A = A, .used = map_new(A), .outer = outer, .isa = isa};
    for (int i = 0; !outer && i < LEN(word); i++)
        map_put(&n.used, word[i], 1);
    return n;
}

static bool taken(const Names *n, const char *s)
{
    for (const Names *m = n; m; m = m->outer)
        if (map_get(&m->used, s) >= 0)
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
    for (int i = 1; taken(n, unique); i++)
        unique = arena_printf(n->A, "%s_%d", s, i);
    map_put(&n->used, unique, 1);
    return unique;
}
