/* Runs a fuzz target without libFuzzer: on every file, and on mutations of it that are the same on every machine.

     fuzz_X COUNT FILE...        COUNT mutations of each file */
#include "../../ir/base/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_BYTES = 1 << 20, SECONDS = 20 };

static uint8_t *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(MAX_BYTES);
    if (!f || !data) {
        printf("not ok %s: cannot be read\n", path);
        exit(1);
    }
    *n = fread(data, 1, MAX_BYTES, f);
    fclose(f);
    return data;
}

/* Numbers that programs get wrong, as text and as bytes. */
static size_t put_number(Rng *r, uint8_t *at, size_t room)
{
    static const char *const text[] = {"0", "-1", "99999999999999999999", "4294967296", "1e309", "nan", "[", "]", "{",
                                       "}", "\"", "'", ":", ",", "\n", "%", "@", "$", "\xff", "\xc3"};
    const char *s = text[rng_next(r) % LEN(text)];
    size_t n = strlen(s) < room ? strlen(s) : room;
    memcpy(at, s, n);
    return n;
}

/* Changes x in place, one to four times; returns its new size, n at most. */
static size_t mutate(Rng *r, uint8_t *x, size_t n)
{
    for (int times = 1 + (int)(rng_next(r) % 4); times > 0 && n > 0; times--) {
        size_t at = rng_next(r) % n, len = rng_next(r) % (n - at) % 64 + 1;
        switch (rng_next(r) % 6) {
        case 0: x[at] ^= (uint8_t)(1u << rng_next(r) % 8); break;
        case 1: x[at] = (uint8_t)rng_next(r); break;
        case 2: n = rng_next(r) % 4 ? n : at; break;
        case 3: put_number(r, x + at, n - at); break;
        case 4: memmove(x + at, x + at + len, n - at - len); n -= len; break;
        case 5: memmove(x + at, x + rng_next(r) % (n - len + 1), len); break;
        }
    }
    return n;
}

/* What is being read, for the message of a run that dies or hangs. */
static char current[512];

static void on_death(int sig)
{
    static const char what[] = "not ok fuzz target died or hung on ";
    if (write(1, what, sizeof what - 1) < 0 || write(1, current, strlen(current)) < 0 || write(1, "\n", 1) < 0)
        _exit(2);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void run(const uint8_t *data, size_t n, Rng *r, bool changed)
{
    uint8_t *x = malloc(n + 1);
    memcpy(x, data, n);
    size_t m = changed ? mutate(r, x, n) : n;
    uint8_t *exact = malloc(m ? m : 1); /* reading beyond it is seen */
    memcpy(exact, x, m);
    free(x);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(exact, m);
    free(exact);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    int mutations = argc > 1 ? atoi(argv[1]) : 0, runs = 0;
    signal(SIGALRM, on_death);
    signal(SIGABRT, on_death);
    signal(SIGSEGV, on_death);
    for (int i = 2; i < argc; i++) {
        size_t n;
        uint8_t *data = slurp(argv[i], &n);
        Rng r = rng_seed(1, strrchr(argv[i], '/') ? strrchr(argv[i], '/') : argv[i]);
        for (int k = 0; k <= mutations; k++, runs++) {
            snprintf(current, sizeof current, "%s, mutation %d", argv[i], k);
            run(data, n, &r, k > 0);
        }
        free(data);
    }
    printf("%sok %s: %d inputs\n", runs ? "" : "not ", name, runs);
    return !runs;
}
