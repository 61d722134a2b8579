/* The name that a model has in C and in its files, and the macros that begin with it. Both are made in one place, so
   that two models never share a function, a macro or a file:
   - Functions and files are the name and an ending of ours, such as NAME_run or NAME_weights.h. A name gets "_net"
     behind it where it ends in one of those, or where it is a file of the runtime or of the system. So does a name
     that such a change would make: math is math_net, math_net is math_net_net.
   - Macros are the name in capitals. A name that has capitals keeps its case, or is in small letters where it has
     nothing else: seg is SEG, Seg is Seg, SEG is seg.
   - An input or output loses its underscores in a macro. So the last underscore before the macro's ending ends the
     model's name. */
#include "c.h"

#include <ctype.h>
#include <string.h>

#define CHANGED "_net"

/* A folder of models is searched for headers, so NAME.h would be found in place of the system's. */
static const char *const headers[] = {
    /* C and C++ */
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "math",
    "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbit", "stdbool", "stdckdint", "stddef", "stdint",
    "stdio", "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time", "uchar", "wchar", "wctype",
    /* POSIX and the GNU C library */
    "aio", "alloca", "byteswap", "cpio", "dirent", "dlfcn", "elf", "endian", "err", "error", "execinfo", "fcntl",
    "features", "fnmatch", "fts", "ftw", "getopt", "glob", "grp", "iconv", "ifaddrs", "langinfo", "libgen", "libintl",
    "link", "malloc", "mcheck", "memory", "mntent", "mqueue", "netdb", "nss", "obstack", "paths", "poll", "printf",
    "pthread", "pty", "pwd", "regex", "resolv", "sched", "search", "semaphore", "shadow", "spawn", "strings",
    "syscall", "sysexits", "syslog", "tar", "termio", "termios", "ucontext", "ulimit", "unistd", "utime", "utmp",
    "utmpx", "values", "wait", "wordexp",
    /* compilers, other C libraries and systems */
    "altivec", "arm_acle", "arm_bf16", "arm_cde", "arm_cmse", "arm_fp16", "arm_mve", "arm_mve_types", "arm_neon",
    "arm_sve", "arm_sme", "builtins", "cpuid", "io", "mm_malloc", "newlib", "omp", "reent", "riscv_vector", "stdfix",
    "syslimits", "unwind", "varargs", "wasm_simd128", "intrin", "windows", "process", "direct", "conio", "arduino",
};

/* NAME_run and the functions of the program that runs a model in dsqc's own process would be the same. */
static const char *const prefixes[] = {"dsq", "dsqc"};
static const char *const endings[] = {"_weights", "_selftest"};
/* No file may have these names on Windows, whatever its ending. */
static const char *const devices[] = {"aux", "con", "nul", "prn", "com", "lpt"};

static bool among(const char *s, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(s, list[i]))
            return true;
    return false;
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

static bool is_device(const char *s)
{
    size_t n = strlen(s);
    return among(s, devices, 4) || (n == 4 && isdigit((unsigned char)s[3]) &&
                                    (!strncmp(s, devices[4], 3) || !strncmp(s, devices[5], 3)));
}

static const char *mapped(Arena *A, const char *s, int (*map)(int))
{
    char *t = arena_strndup(A, s, strlen(s));
    for (char *p = t; *p; p++)
        *p = (char)map((unsigned char)*p);
    return t;
}

/* What is in the way of a model's name, its ending CHANGED aside; NULL: nothing. */
static const char *in_the_way(Arena *A, const char *base)
{
    const char *s = mapped(A, base, tolower); /* for file systems that do not tell case */
    for (int i = 0; i < LEN(prefixes); i++)
        if (!strncmp(s, prefixes[i], strlen(prefixes[i])) && strchr("_", s[strlen(prefixes[i])]))
            return "is the runtime's";
    for (int i = 0; i < LEN(endings); i++)
        if (ends_in(s, endings[i]))
            return "ends as files of another model do";
    if (among(s, headers, LEN(headers)) || ends_in(s, "intrin"))
        return "is a header of the system";
    if (is_device(s))
        return "is a device on Windows";
    return name_valid(base) ? NULL : "is a keyword";
}

bool c_hides_library(const char *model)
{
    static const char *const library[] = {
        "anl", "atomic", "c", "crypt", "dl", "g", "gcc", "gcc_s", "gomp", "m", "nosys", "nsl", "pthread", "resolv",
        "rt", "util",
    };
    return among(model, library, LEN(library));
}

/* The length of a name without the endings that c_model_name has given or would give. */
static size_t unchanged(const char *s)
{
    size_t n = strlen(s), m = strlen(CHANGED);
    while (n > m && !strncmp(s + n - m, CHANGED, m))
        n -= m;
    return n;
}

const char *c_model_name(Arena *A, const char *want, const char **why)
{
    const char *base = arena_strndup(A, want, unchanged(want));
    *why = in_the_way(A, base);
    if (*why && *base && strcmp(base, want))
        *why = arena_printf(A, "is what '%s' becomes", base);
    return *why ? arena_printf(A, "%s" CHANGED, want) : want;
}

bool c_model_name_is_free(Arena *A, const char *name, const char **why)
{
    *why = unchanged(name) < strlen(name) ? NULL : in_the_way(A, name);
    return !*why;
}

const char *c_macro_case(Arena *A, const char *s)
{
    bool small = false, capital = false;
    for (const char *p = s; *p; p++) {
        small |= islower((unsigned char)*p) != 0;
        capital |= isupper((unsigned char)*p) != 0;
    }
    return small && capital ? s : mapped(A, s, capital ? tolower : toupper);
}

const char *c_macro_part(Arena *A, const char *s)
{
    char *t = arena_strndup(A, s, strlen(s)), *to = t;
    for (const char *p = s; *p; p++)
        if (*p != '_')
            *to++ = *p;
    *to = 0;
    return c_macro_case(A, t);
}
