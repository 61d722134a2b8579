/* Errors, warnings and notes with their source line. */
#include "diag.h"
#include "cleanup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ERRORS = 20, LINE_BYTES = 110, BEFORE_CARET = 60, TAB = 8 };

typedef struct Source { const char *path, *text; size_t n; } Source;

static struct {
    Arena *arena;
    VEC(Source) file; /* Loc.file - 1 */
    int errors;
    bool muted;       /* the last error was left out, and so are its notes */
    bool quiet;
    Buf *capture;
} diag;

static char context_pass[128], context_node[256];

void diag_reset(void)
{
    Buf *capture = diag.capture;
    arena_free(diag.arena);
    memset(&diag, 0, sizeof diag);
    diag.capture = capture;
}

int diag_file(const char *path, const char *text, size_t n)
{
    if (!diag.arena)
        diag.arena = arena_new();
    PUSH(diag.arena, &diag.file, (Source){arena_strndup(diag.arena, path, strlen(path)), text, n});
    return diag.file.n;
}

static const Source *source_of(int file)
{
    return file > 0 && file <= diag.file.n ? &diag.file.v[file - 1] : NULL;
}

const char *diag_path(int file)
{
    const Source *s = source_of(file);
    return s ? s->path : "";
}

const char *diag_text(int file, size_t *n)
{
    const Source *s = source_of(file);
    *n = s && s->text ? s->n : 0;
    return s ? s->text : NULL;
}

Loc loc_file(int file)
{
    return (Loc){.file = file};
}

const char *loc_text(Arena *a, Loc loc)
{
    const char *path = diag_path(loc.file), *slash = strrchr(path, '/');
    if (!*path)
        return "";
    if (slash)
        path = slash + 1;
    return loc.line ? arena_printf(a, "%s:%d", path, loc.line) : path;
}

/* ---- printing ---- */

/* Bytes of the character at s and the columns that it fills. What is not UTF-8, and what would steer a terminal, counts
   a byte at a time (*wide -1). */
static size_t shown_char(const char *s, size_t n, int *wide)
{
    static const struct { unsigned lo, hi; int wide; } width[] = {
        {0x300, 0x36f, 0}, {0x200b, 0x200d, 0}, {0xfe00, 0xfe0f, 0},
        {0x1100, 0x115f, 2}, {0x2e80, 0xa4cf, 2}, {0xac00, 0xd7a3, 2}, {0xf900, 0xfaff, 2}, {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };
    unsigned u;
    size_t len = utf8_char(s, n, &u);
    *wide = -1;
    if (!len || u < 0x20 || (u >= 0x7f && u < 0xa0) || (u >= 0x202a && u <= 0x202e) || (u >= 0x2066 && u <= 0x2069))
        return 1;
    *wide = 1;
    for (int i = 0; i < LEN(width); i++)
        if (u >= width[i].lo && u <= width[i].hi)
            *wide = width[i].wide;
    return len;
}

bool text_is_clean(const char *s)
{
    for (size_t n = strlen(s), len; n; s += len, n -= len) {
        int wide;
        len = shown_char(s, n, &wide);
        if (wide < 0)
            return false;
    }
    return true;
}

/* Appends text so that no control character of a file reaches the terminal; returns the columns filled. */
static int put_clean(Buf *b, const char *s, size_t n, int column, bool newlines)
{
    for (size_t i = 0; i < n;) {
        int wide;
        size_t len = shown_char(s + i, n - i, &wide);
        if (s[i] == '\t') {
            do
                buf_putc(b, ' ');
            while (++column % TAB);
        } else if (s[i] == '\n' && newlines) {
            buf_putc(b, '\n');
        } else if (wide < 0) {
            buf_printf(b, "\\x%02x", (unsigned)(unsigned char)s[i]);
            column += 4;
        } else {
            buf_write(b, s + i, len);
            column += wide;
        }
        i += len;
    }
    return column;
}

static bool colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return !diag.capture && !(no && *no) && !(term && !strcmp(term, "dumb")) && isatty(STDERR_FILENO);
}

static void emit(Buf *b)
{
    if (diag.capture) {
        buf_write(diag.capture, b->s, b->n);
    } else {
        fflush(stdout);
        fwrite(b->s, 1, b->n, stderr);
    }
    buf_free(b);
}

static bool find_line(const Source *src, int line, const char **begin, size_t *len)
{
    if (!src || !src->text || line < 1)
        return false;
    const char *p = src->text, *end = src->text + src->n;
    for (int i = 1; i < line; i++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            return false;
        p++;
    }
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    *len = (size_t)((nl ? nl : end) - p);
    if (*len && p[*len - 1] == '\r')
        --*len;
    *begin = p;
    return true;
}

static bool inside_char(const char *s, size_t i, size_t n)
{
    return i < n && ((unsigned char)s[i] & 0xc0) == 0x80;
}

/* The line, cut around the place where it is long, and a caret under the place with the hint behind it. */
static void put_source(Buf *b, Loc loc, const char *line, size_t n, const char *hint, bool tty)
{
    size_t at = (size_t)imin(imax(loc.col, 1) - 1, (int64_t)n), from = 0, to = n;
    while (at > 0 && inside_char(line, at, n))
        at--;
    size_t end = at + (size_t)imin(imax(loc.len, 1), (int64_t)(n - at));
    for (int i = 0; i < 3 && inside_char(line, end, n); i++)
        end++;
    if (n > LINE_BYTES) {
        from = at > BEFORE_CARET ? at - BEFORE_CARET : 0;
        to = (size_t)imin((int64_t)(from + LINE_BYTES), (int64_t)n);
        for (int i = 0; i < 3 && inside_char(line, from, n); i++)
            from++;
        for (int i = 0; i < 3 && inside_char(line, to, n); i++)
            to--;
    }
    if (from > at)
        from = at;
    if (to < at)
        to = at;
    if (end > to)
        end = to;
    buf_printf(b, "%4d | %s", loc.line, from ? "..." : "");
    int start = put_clean(b, line + from, at - from, from ? 3 : 0, false);
    int stop = put_clean(b, line + at, end - at, start, false);
    put_clean(b, line + end, to - end, stop, false);
    buf_puts(b, to < n ? "...\n" : "\n");
    for (int digits = loc.line; digits > 9999; digits /= 10)
        buf_putc(b, ' ');
    buf_printf(b, "     | %*s%s^", start, "", tty ? "\033[1;32m" : "");
    for (int i = start + 1; i < stop; i++)
        buf_putc(b, '~');
    if (tty)
        buf_puts(b, "\033[0m");
    if (hint) {
        buf_putc(b, ' ');
        put_clean(b, hint, strlen(hint), 0, false);
    }
    buf_putc(b, '\n');
}

static void print_message(Loc loc, const char *kind, const char *tone, const char *hint, const char *fmt, va_list ap)
{
    const Source *src = source_of(loc.file);
    bool tty = colour();
    Buf b = {0}, text = {0};
    buf_vprintf(&text, fmt, ap);
    if (tty)
        buf_puts(&b, "\033[1m");
    const char *path = src ? src->path : "dsqc";
    put_clean(&b, path, strlen(path), 0, false);
    if (src && loc.line > 0)
        buf_printf(&b, ":%d:%d", loc.line, (int)imax(loc.col, 1));
    buf_puts(&b, ": ");
    if (tty)
        buf_puts(&b, tone);
    buf_printf(&b, "%s: ", kind);
    if (tty)
        buf_puts(&b, "\033[0m");
    put_clean(&b, text.s, text.n, 0, true);
    buf_free(&text);
    const char *line;
    size_t n;
    bool shown = find_line(src, loc.line, &line, &n);
    if (hint && !shown) {
        buf_puts(&b, "; ");
        put_clean(&b, hint, strlen(hint), 0, false);
    }
    buf_putc(&b, '\n');
    if (shown)
        put_source(&b, loc, line, n, hint, tty);
    emit(&b);
}

static void error_v(Loc loc, const char *hint, const char *fmt, va_list ap)
{
    diag.muted = diag.quiet;
    if (diag.quiet)
        return;
    if (diag.errors < INT_MAX)
        diag.errors++;
    diag.muted = diag.errors > MAX_ERRORS;
    if (!diag.muted) {
        print_message(loc, "error", "\033[31m", hint, fmt, ap);
    } else if (diag.errors == MAX_ERRORS + 1) {
        Buf b = {0};
        buf_printf(&b, "dsqc: more than %d errors, the others are left out\n", MAX_ERRORS);
        emit(&b);
    }
}

void error_at(Loc loc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_v(loc, NULL, fmt, ap);
    va_end(ap);
}

void error_hint(Loc loc, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    error_v(loc, hint, fmt, ap);
    va_end(ap);
}

void warn_at(Loc loc, const char *fmt, ...)
{
    if (diag.errors > MAX_ERRORS || diag.quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    print_message(loc, "warning", "\033[35m", NULL, fmt, ap);
    va_end(ap);
    diag.muted = false;
}

void note_at(Loc loc, const char *fmt, ...)
{
    if (diag.muted)
        return;
    va_list ap;
    va_start(ap, fmt);
    print_message(loc, "note", "\033[36m", NULL, fmt, ap);
    va_end(ap);
}

void error_more(const char *fmt, ...)
{
    if (diag.muted)
        return;
    Buf b = {0}, text = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    put_clean(&b, text.s, text.n, 0, true);
    if (!b.n || b.s[b.n - 1] != '\n')
        buf_putc(&b, '\n');
    buf_free(&text);
    emit(&b);
}

int diag_errors(void)
{
    return diag.errors;
}

bool diag_full(void)
{
    return diag.errors >= MAX_ERRORS;
}

void diag_capture(Buf *b)
{
    diag.capture = b;
}

void diag_quiet(void)
{
    diag.quiet = true;
}

void diag_loud(void)
{
    diag.quiet = false;
}

void bug_context(const char *pass, const char *node)
{
    snprintf(context_pass, sizeof context_pass, "%s", pass ? pass : "");
    snprintf(context_node, sizeof context_node, "%s", node ? node : "");
}

void bug(const char *fmt, ...)
{
    va_list ap;
    Buf b = {0}, text = {0};
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    buf_puts(&b, "dsqc: internal error: ");
    put_clean(&b, text.s, text.n, 0, true);
    buf_putc(&b, '\n');
    if (*context_pass)
        buf_printf(&b, "  in pass %s\n", context_pass);
    if (*context_node)
        buf_printf(&b, "  at node %s\n", context_node);
    buf_puts(&b, "  This is a fault of dsqc, not of the input.\n");
    fflush(stdout);
    fwrite(b.s, 1, b.n, stderr);
    leave(3);
}
