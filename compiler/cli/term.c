/* Tables, progress and numbers for people. */
#include "term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

Table table_new(Arena *A, const char *align)
{
    return (Table){.arena = A, .align = align};
}

void table_cell(Table *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    PUSH(t->arena, &t->cell, arena_vprintf(t->arena, fmt, ap));
    va_end(ap);
}

/* Columns of the terminal behind standard output, 0 where it is none. */
static int terminal_width(void)
{
    struct winsize w;
    return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) ? w.ws_col : 0;
}

static bool plain(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return (no && *no) || !term || !strcmp(term, "dumb");
}

/* Columns that s fills: its characters, UTF-8 being what names are written in. */
static int columns(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* Bytes of the first n characters. */
static int prefix_bytes(const char *s, int n)
{
    int i = 0;
    for (; s[i] && n > 0; n--)
        for (i++; (s[i] & 0xc0) == 0x80; i++)
            continue;
    return i;
}

/* pad: spaces that are owed from cells before. Those at the end of a line are never printed. */
static void put_cell(const char *s, int width, char align, int *pad)
{
    int n = columns(s), room = width - n;
    if (align == 'r')
        *pad += room;
    if (*s)
        printf("%*s", *pad, "");
    if (room < 0)
        printf("%.*s...", prefix_bytes(s, width - 3), s);
    else
        fputs(s, stdout);
    *pad = (*s ? 0 : *pad) + (align == 'r' ? 0 : (int)imax(room, 0)) + 2;
}

void table_print(const Table *t)
{
    enum { LEAST = 16, MAX_COLUMNS = 16 };
    int ncols = (int)strlen(t->align), width[MAX_COLUMNS] = {0}, sum = 0, pad = 2, term = terminal_width();
    for (int i = 0; i < t->cell.n; i++)
        width[i % ncols] = (int)imax(width[i % ncols], columns(t->cell.v[i]));
    for (int c = 0; c < ncols; c++)
        sum += width[c] + 2;
    if (term && sum > term)
        width[0] = (int)imax(imin(width[0], LEAST), width[0] - (sum - term));
    bool bold = term && !plain();
    for (int i = 0; i < t->cell.n; i++) {
        int c = i % ncols;
        if (i == 0 && bold)
            printf("\033[1m");
        put_cell(t->cell.v[i], width[c], t->align[c], &pad);
        if (c == ncols - 1) {
            printf("%s\n", i == c && bold ? "\033[0m" : "");
            pad = 2;
        }
    }
}

static bool no_progress;

void progress_off(void)
{
    no_progress = true;
}

static bool shows_progress(void)
{
    return !no_progress && isatty(STDERR_FILENO) && !plain();
}

static void put_progress(const char *fmt, va_list ap, const char *end)
{
    if (!shows_progress())
        return;
    fflush(stdout);
    fprintf(stderr, "\r\033[K");
    vfprintf(stderr, fmt, ap);
    fputs(end, stderr);
    fflush(stderr);
}

void progress(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_progress(fmt, ap, "");
    va_end(ap);
}

void progress_line(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put_progress(fmt, ap, "\n");
    va_end(ap);
}

void progress_end(void)
{
    if (shows_progress())
        fprintf(stderr, "\r\033[K");
}

const char *digits(Arena *A, int64_t n)
{
    char raw[32], out[48];
    int len = snprintf(raw, sizeof raw, "%lld", (long long)n), k = 0;
    for (int i = 0; i < len; i++) {
        if (i > (raw[0] == '-') && (len - i) % 3 == 0)
            out[k++] = ',';
        out[k++] = raw[i];
    }
    return arena_strndup(A, out, (size_t)k);
}

const char *plural(Arena *A, int64_t n, const char *noun)
{
    return arena_printf(A, "%s %s%s", digits(A, n), noun, n == 1 ? "" : "s");
}

/* Length of the scope, "layer1.0.", that the name at s begins with and all others, too. */
static size_t shared_scope(const char *layers)
{
    size_t n = 0, first = strcspn(layers, " ");
    for (size_t i = 0; i < first; i++)
        if (layers[i] == '.')
            n = i + 1;
    for (const char *p = strstr(layers, " + "); p && n; p = strstr(p + 3, " + "))
        while (n && strncmp(p + 3, layers, n))
            for (n--; n && layers[n - 1] != '.'; n--)
                continue;
    return n;
}

const char *short_layers(Arena *A, const char *layers)
{
    size_t scope = shared_scope(layers), first = strcspn(layers, " ");
    char *out = arena_strndup(A, layers, strlen(layers)), *to = out + first;
    for (const char *p = layers + first; *p;) {
        bool next = !strncmp(p, " + ", 3);
        size_t n = next ? 3 : 1;
        memcpy(to, p, n);
        to += n;
        p += n + (next ? scope : 0);
    }
    *to = 0;
    return out;
}

const char *ms_text(Arena *A, double ms)
{
    double v = ms < 1 ? ms * 1e3 : ms;
    return arena_printf(A, "%.*f %s", v < 10 ? 3 : v < 100 ? 2 : v < 1000 ? 1 : 0, v, ms < 1 ? "us" : "ms");
}

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
