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

static void put_cell(const char *s, int width, char align, bool last)
{
    int n = (int)strlen(s);
    if (n > width)
        printf("%.*s...", width - 3, s);
    else if (align == 'r')
        printf("%*s", width, s);
    else
        printf("%-*s", last ? 0 : width, s);
}

void table_print(const Table *t)
{
    enum { LEAST = 16, MAX_COLUMNS = 16 };
    int ncols = (int)strlen(t->align), width[MAX_COLUMNS] = {0}, sum = 0, term = terminal_width();
    for (int i = 0; i < t->cell.n; i++)
        width[i % ncols] = (int)imax(width[i % ncols], (int64_t)strlen(t->cell.v[i]));
    for (int c = 0; c < ncols; c++)
        sum += width[c] + 2;
    if (term && sum > term)
        width[0] = (int)imax(imin(width[0], LEAST), width[0] - (sum - term));
    bool bold = term && !plain();
    for (int i = 0; i < t->cell.n; i++) {
        int c = i % ncols;
        printf("%s  ", c == 0 && i == 0 && bold ? "\033[1m" : "");
        put_cell(t->cell.v[i], width[c], t->align[c], c == ncols - 1);
        if (c == ncols - 1)
            printf("%s\n", i == ncols - 1 && bold ? "\033[0m" : "");
    }
}

void progress(const char *fmt, ...)
{
    if (!isatty(STDERR_FILENO) || plain())
        return;
    va_list ap;
    va_start(ap, fmt);
    fflush(stdout);
    fprintf(stderr, "\r\033[K");
    vfprintf(stderr, fmt, ap);
    fflush(stderr);
    va_end(ap);
}

void progress_end(void)
{
    if (isatty(STDERR_FILENO) && !plain())
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

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
