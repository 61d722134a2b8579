#ifndef DSQ_TEST_FILES_H
#define DSQ_TEST_FILES_H
/* A folder for a suite's files, and the messages that it listens to. */
#include "../../../compiler/io/io.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heard.h"

static char folder[] = "/tmp/dsq-io-XXXXXX";
static Arena *arena;

static inline int setup(void)
{
    arena = arena_new();
    return !mkdtemp(folder);
}

static inline int teardown(void)
{
    arena_free(arena);
    diag_reset();
    return rmdir(folder);
}

static inline char *in_folder(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static inline int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

static inline bool holds(const char *path, const char *want)
{
    char text[1 << 10]; /* file_begins: it may be written anew afterwards */
    int64_t n = file_begins(path, text, sizeof text);
    return n == (int64_t)strlen(want) && !memcmp(text, want, (size_t)n);
}
#endif
