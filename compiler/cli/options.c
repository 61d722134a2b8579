/* The parser of the command line and the printer of its help, both driven by options.def. */
#include "options.h"

#include "../../ir/base/diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../runtime_min/dsq_pool.h"

typedef enum Kind { FLAG, TEXT, LIST, INT, COUNT, REAL, CHOICE, CHOICES, LEVEL } Kind;
typedef struct Row {
    char letter;
    const char *name;
    Kind kind;
    const char *arg;
    int commands;
    const char *doc;
    size_t offset;
} Row;
static const Row rows[] = {
#define OPTION(field, letter, name, kind, arg, commands, doc)                                                          \
    {letter, name, kind, arg, commands, doc, offsetof(Options, field)},
#include "options.def"
#undef OPTION
};

typedef struct Limit { size_t offset; int most; } Limit;
static const Limit limits[] = {
#define OPTION(...)
#define LIMIT(field, most) {offsetof(Options, field), most},
#include "options.def"
#undef LIMIT
#undef OPTION
};

const char *const command_names[NCOMMANDS] = {
#define X(name, operand, doc) #name,
    COMMANDS(X)
#undef X
};
static const char *const operands[NCOMMANDS] = {
#define X(name, operand, doc) operand,
    COMMANDS(X)
#undef X
};

static int command_index(int command)
{
    int i = 0;
    while (command >> (i + 1))
        i++;
    return i;
}

int usage_error(int command, const char *fmt, ...)
{
    const char *name = command ? command_names[command_index(command)] : "";
    va_list ap;
    va_start(ap, fmt);
    fflush(stdout);
    fputs("dsqc: error: ", stderr);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nTry 'dsqc%s%s --help'.\n", *name ? " " : "", name);
    va_end(ap);
    return 2;
}

const char *did_you_mean(Arena *A, const char *said, const char *const *names, int n)
{
    const char *near = nearest_name(said, names, n);
    return near ? arena_printf(A, "; did you mean '%s'?", near) : "";
}

bool option_is(const char *said, const char *word)
{
    return said && !strcmp(said, word);
}

bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncmp(p, word, n) && (!p[n] || p[n] == ','))
            return true;
    }
    return false;
}

/* ---- values ---- */

/* The words of "a|b|c". */
static int split(Arena *A, const char *text, char by, const char *words[16])
{
    int n = 0;
    for (const char *p = text; n < 16; p++) {
        size_t len = strcspn(p, (char[]){by, 0});
        words[n++] = arena_strndup(A, p, len);
        p += len;
        if (!*p)
            break;
    }
    return n;
}

static bool check_choice(Arena *A, int command, const Row *r, const char *value)
{
    const char *words[16];
    int n = split(A, r->arg, '|', words);
    for (int i = 0; i < n; i++)
        if (!strcmp(words[i], value))
            return true;
    Buf all = {0};
    for (int i = 0; i < n; i++)
        buf_printf(&all, "%s%s", i == 0 ? "" : i == n - 1 ? " or " : ", ", words[i]);
    usage_error(command, "--%s takes %s, not '%s'%s", r->name, all.s, value,
                did_you_mean(A, value, words, n));
    buf_free(&all);
    return false;
}

static int limit_of(const Row *r)
{
    for (int i = 0; i < LEN(limits); i++)
        if (limits[i].offset == r->offset)
            return limits[i].most;
    return 1000000000;
}

static bool parse_int(const char *s, int most, int *out)
{
    char *end;
    errno = 0;
    long v = strtol(s, &end, 10);
    if (end == s || *end || errno || v < 1 || v > most)
        return false;
    *out = (int)v;
    return true;
}

static bool store(Arena *A, Options *o, const Row *r, const char *shown, const char *value)
{
    void *field = (char *)o + r->offset;
    if (r->kind != FLAG && r->kind != COUNT && !*value && r->offset != offsetof(Options, target))
        return usage_error(o->command, "%s needs a value: %s", shown, r->arg), false;
    switch (r->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case TEXT:
        *(const char **)field = value;
        return true;
    case LIST:
        PUSH(A, (TextList *)field, value);
        return true;
    case CHOICE:
        *(const char **)field = value;
        return check_choice(A, o->command, r, value);
    case CHOICES: {
        const char *words[16];
        *(const char **)field = value;
        for (int i = 0, n = split(A, value, ',', words); i < n; i++)
            if (!check_choice(A, o->command, r, words[i]))
                return false;
        return true;
    }
    case COUNT:
        if (!value) {
            *(int *)field = -1;
            return true;
        }
        /* fall through */
    case INT:
        if (parse_int(value, limit_of(r), field))
            return true;
        return usage_error(o->command, "%s takes a whole number from 1 to %d, not '%s'", shown, limit_of(r), value),
               false;
    case LEVEL:
        if (value[0] < '0' || value[0] > '3' || value[1])
            return usage_error(o->command, "-O takes a level from 0 to 3, not '%s'", value), false;
        *(int *)field = value[0] - '0';
        return true;
    case REAL: {
        char *end;
        double v = strtod(value, &end);
        if (end == value || *end || !(v > 0 && v <= 1e300))
            return usage_error(o->command, "%s takes a number above 0, not '%s'", shown, value), false;
        *(double *)field = v;
        return true;
    }
    }
    bug("option of kind %d", r->kind);
}

/* ---- arguments ---- */

static const Row *find(int command, const char *name, size_t n)
{
    for (const Row *r = rows; r < rows + LEN(rows); r++)
        if (r->commands & command && r->name && strlen(r->name) == n && !memcmp(r->name, name, n))
            return r;
    return NULL;
}

static const Row *find_letter(int command, char letter)
{
    for (const Row *r = rows; r < rows + LEN(rows); r++)
        if (r->commands & command && r->letter == letter)
            return r;
    return NULL;
}

static bool unknown(Arena *A, int command, const char *arg)
{
    const char *names[LEN(rows)];
    int n = 0;
    size_t len = strcspn(arg, "=");
    char *said = arena_strndup(A, arg, len);
    for (const Row *r = rows; r < rows + LEN(rows); r++)
        if (r->commands & command && r->name)
            names[n++] = arena_printf(A, "--%s", r->name);
    const char *meant = did_you_mean(A, said, names, n);
    const Row *other = len > 2 ? find(CMD_ALL, arg + 2, len - 2) : NULL;
    if (!*meant && other)
        return usage_error(command, "'%s' is an option of '%s', not of this command", said,
                           command_names[command_index(other->commands & -other->commands)]), false;
    usage_error(command, "unknown option '%s'%s", said, meant);
    return false;
}

static bool all_digits(const char *s)
{
    return s && *s && s[strspn(s, "0123456789")] == 0;
}

/* One option at **argv; leaves *argv on its last word. */
static bool parse_option(Arena *A, Options *o, char ***argv)
{
    char *arg = **argv, *value = NULL;
    const Row *r;
    const char *shown = arg;
    if (arg[1] == '-') {
        size_t n = strcspn(arg + 2, "=");
        r = find(o->command, arg + 2, n);
        shown = arena_strndup(A, arg, n + 2);
        if (arg[n + 2] == '=')
            value = arg + n + 3;
    } else {
        r = find_letter(o->command, arg[1]);
        shown = arena_strndup(A, arg, 2);
        if (arg[2])
            value = arg + 2;
    }
    if (!r)
        return unknown(A, o->command, arg);
    if (r->kind == FLAG && value)
        return usage_error(o->command, "%s takes no value", shown), false;
    if (!value && (r->kind == COUNT ? all_digits((*argv)[1]) : r->kind != FLAG && r->kind != LEVEL)) {
        value = *++*argv;
        if (!value)
            return usage_error(o->command, "%s needs a value: %s", shown, r->arg), false;
    }
    return store(A, o, r, shown, r->kind == LEVEL && !value ? "" : value);
}

bool options_parse(Arena *A, int command, char **argv, Options *o)
{
    *o = (Options){.command = command, .level = DEFAULT_LEVEL};
    const char *operand = operands[command_index(command)];
    bool only_operands = false;
    for (; *argv; argv++) {
        if (!only_operands && !strcmp(*argv, "--")) {
            only_operands = true;
        } else if (!only_operands && **argv == '-' && (*argv)[1]) {
            if (!parse_option(A, o, &argv))
                return false;
            if (o->help || options_ask_targets(o))
                return true;
        } else if (!*operand || o->file) {
            return usage_error(command, "unexpected argument '%s'%s", *argv,
                               *operand ? arena_printf(A, ": one %s at a time", operand) : ""), false;
        } else if (!**argv) {
            return usage_error(command, "the name of the %s is empty", operand), false;
        } else {
            o->file = *argv;
        }
    }
    if (*operand && !o->file)
        return usage_error(command, "which %s?", operand), false;
    return true;
}

bool options_have(int command, const char *name)
{
    return find(command, name, strlen(name));
}

bool options_ask_targets(const Options *o)
{
    return o->target && !strcmp(o->target, "list");
}

bool option_said(const Options *o, const char *name)
{
    static const Options unsaid = {.level = DEFAULT_LEVEL};
    const Row *r = find(o->command, name, strlen(name));
    if (!r)
        return false;
    const char *is = (const char *)o + r->offset, *was = (const char *)&unsaid + r->offset;
    switch (r->kind) {
    case FLAG: return *(const bool *)is;
    case LIST: return ((const TextList *)(const void *)is)->n > 0;
    case INT:
    case COUNT:
    case LEVEL: return *(const int *)(const void *)is != *(const int *)(const void *)was;
    case REAL: return *(const double *)(const void *)is > 0;
    default: return *(const char *const *)(const void *)is != NULL;
    }
}

/* ---- help ---- */

/* Prints text in lines of at most `width` columns, those behind the first indented. */
static void put_wrapped(const char *text, int indent, int width)
{
    int column = indent;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " ");
        if (column > indent && column + 1 + n > width) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", n, p);
        column += n;
        p += n + (p[n] == ' ');
    }
    putchar('\n');
}

void options_help(int command)
{
    enum { INDENT = 30, WIDTH = 100 };
    for (const Row *r = rows; r < rows + LEN(rows); r++) {
        if (!(r->commands & command))
            continue;
        char left[128];
        if (!r->name)
            snprintf(left, sizeof left, "  -%c%s", r->letter, r->arg);
        else
            snprintf(left, sizeof left, "  %c%c%c --%s%s%s", r->letter ? '-' : ' ', r->letter ? r->letter : ' ',
                     r->letter ? ',' : ' ', r->name,
                     r->kind == FLAG ? "" : r->kind == COUNT ? "[=" : "=",
                     r->kind == COUNT ? "N]" : r->kind == FLAG ? "" : r->arg);
        if (strlen(left) + 2 > INDENT)
            printf("%s\n%*s", left, INDENT, "");
        else
            printf("%-*s", INDENT, left);
        put_wrapped(r->doc, INDENT, WIDTH);
    }
}
