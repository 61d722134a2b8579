/* Identifiers of the generated C. */
#include "c.h"

#include <ctype.h>
#include <string.h>

/* Words of C and C++, and what compilers and the headers of C, POSIX and boards define in small letters. */
static const char *const word[] = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern",
    "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed",
    "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "alignas",
    "alignof", "asm", "bool", "constexpr", "false", "nullptr", "static_assert", "thread_local", "true", "typeof",
    "typeof_unqual", "and", "and_eq", "atomic_cancel", "atomic_commit", "atomic_noexcept", "bitand", "bitor", "catch",
    "class", "co_await", "co_return", "co_yield", "compl", "concept", "const_cast", "consteval", "constinit",
    "contract_assert", "decltype", "delete", "dynamic_cast", "explicit", "export", "final", "friend", "import",
    "module", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "operator", "or", "or_eq", "override",
    "private", "protected", "public", "reflexpr", "reinterpret_cast", "requires", "static_cast", "synchronized",
    "template", "this", "throw", "try", "typeid", "typename", "using", "virtual", "xor", "xor_eq", "arm", "bit",
    "cdecl", "complex", "errno", "far", "fortran", "huge", "hyper", "i386", "imaginary", "interface", "linux", "max",
    "min", "mips", "near", "noreturn", "offsetof", "pascal", "pixel", "small", "sparc", "stderr", "stdin", "stdout",
    "sun", "unix", "unreachable", "vax", "vector", "word",
};

Names names_new(Arena *A, const char *isa, const Names *outer)
{
    return (Names){.A = A, .used = dict_new(A), .next = dict_new(A), .outer = outer, .isa = isa};
}

static bool taken_word(const Names *n, const char *s)
{
    static const char *const elem[] = {"f32", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64"};
    for (int i = 0; i < LEN(word); i++)
        if (!strcmp(s, word[i]))
            return true;
    for (int i = 0; i < LEN(elem); i++) { /* types and helpers of the file: f32, f32x8, add_f32x8 */
        const char *at = strstr(s, elem[i]), *end = at ? at + strlen(elem[i]) : NULL;
        if (at && (at == s || at[-1] == '_') && (!*end || (*end == 'x' && end[1 + strspn(end + 1, "0123456789")] == 0)))
            return true;
    }
    return isa_helper(n->isa, s) != NULL;
}

/* Macros are in capitals or end as a model's do; types of the system end in _t. */
static bool like_others(const char *s)
{
    static const char *const end[] = {"_t", "_ELEMS", "_BYTES", "_ALIGN", "_CONST", "_BIN", "_H"};
    size_t n = strlen(s);
    for (int i = 0; i < LEN(end); i++)
        if (n > strlen(end[i]) && !strcmp(s + n - strlen(end[i]), end[i]))
            return true;
    return !s[strcspn(s, "abcdefghijklmnopqrstuvwxyz")];
}

bool names_taken(const Names *n, const char *s)
{
    for (const Names *m = n; m; m = m->outer)
        if (dict_get(&m->used, s) > 0)
            return true;
    return false;
}

/* The characters of want, made a name that belongs to nobody else wherever the file or its header is read. */
static const char *harmless(const Names *n, const char *want)
{
    char *s = arena_strndup(n->A, want, strlen(want));
    for (char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            *p = '_';
    /* Digits cannot come first, underscores belong to the implementation, dsq_ to the runtime. */
    if (!isalpha((unsigned char)s[0]) || !strncmp(s, "dsq_", 4) || !strncmp(s, "DSQ_", 4))
        s = arena_printf(n->A, "v%s", s);
    return taken_word(n, s) || like_others(s) ? arena_printf(n->A, "%s_v", s) : s;
}

const char *names_take(Names *n, const char *want)
{
    const char *s = harmless(n, want), *unique = s;
    if (names_taken(n, s)) {
        int i = dict_get(&n->next, s);
        for (i = i < 1 ? 1 : i; names_taken(n, unique = arena_printf(n->A, "%s_%d", s, i)); i++)
            continue;
        dict_put(&n->next, s, i + 1);
    } else
        dict_put(&n->next, s, 1);
    dict_put(&n->used, unique, 1);
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
        dict_put(&n->used, n->order.v[--n->order.n], 0);
}
