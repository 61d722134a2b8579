/* Shared libraries that are loaded when they are needed. */
#include "base.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

/* The loader has many words for memory that it lacks, and some are those of a file that is not there. */
static bool lacks_memory(const char *path, const char *why)
{
    static const char *const words[] = {"allocate", "out of memory", "cannot create"};
    for (int i = 0; i < LEN(words); i++)
        if (strstr(why, words[i]))
            return true;
    if (strstr(why, "failed to map segment"))
        return !strstr(why, "not permitted") && !strstr(why, "denied"); /* a file system that nothing is run from */
    return strstr(why, "cannot open shared object file") && strchr(path, '/') && !access(path, R_OK);
}

void *library_open(const char *path, const char **why)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    *why = library ? NULL : dlerror();
    if (!library && (!*why || lacks_memory(path, *why)))
        out_of_memory();
    return library;
}

bool library_find(void *library, const char *name, void *function)
{
    void *p = dlsym(library, name);
    memcpy(function, &p, sizeof p);
    return p;
}
