/* Loads libLLVM, and has it end the process as we do where memory is used up. */
#include "impl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../ir/base/cleanup.h"

struct LlvmApi llvm;

bool llvm_present(void) { return true; }

/* ---- what LLVM prints ---- */

/* The output of ours that LLVM's goes in place of. */
static int own_stderr = -1;

Printed catch_printed(void)
{
    Printed p = {.file = temp_nameless()};
    fflush(stderr);
    own_stderr = p.file ? dup(2) : -1;
    if (own_stderr >= 0)
        dup2(fileno(p.file), 2);
    return p;
}

static void own_stderr_again(void)
{
    if (own_stderr < 0)
        return;
    dup2(own_stderr, 2);
    close(own_stderr);
    own_stderr = -1;
}

const char *printed(Arena *A, Printed *p)
{
    char *text = NEW(A, char, 1000);
    own_stderr_again();
    if (p->file) {
        rewind(p->file);
        text[fread(text, 1, 999, p->file)] = 0;
        fclose(p->file);
    }
    text[strcspn(text, "\n")] = 0;
    return text;
}

/* ---- where LLVM gives up ---- */

static const char *wished_machine;

void llvm_machine_is_wished(const char *triple) { wished_machine = triple; }

/* "Cannot select: ...\nIn function: k3_conv" */
NORETURN void llvm_gives_up(const char *why)
{
    static const char in[] = "In function: ", io[] = "IO failure on output stream: ";
    own_stderr_again();
    if (!strncmp(why, io, strlen(io)))
        error_at((Loc){0}, "cannot write a temporary file: %s", why + strlen(io));
    else if (wished_machine)
        error_at((Loc){0}, "LLVM does not compile this for %s: %.*s", wished_machine, (int)strcspn(why, "\n"), why);
    if (diag_errors())
        leave(1);
    const char *kernel = strstr(why, in);
    if (kernel)
        bug_context("llvm-backend", kernel + strlen(in));
    bug("LLVM gives up: %s", why);
}

static void no_memory(void)
{
    own_stderr_again();
    out_of_memory();
}

static void no_memory_for(void *user, const char *why, bool crash)
{
    (void)user, (void)why, (void)crash;
    no_memory();
}

/* std::set_new_handler and llvm::install_bad_alloc_error_handler, which have no C names. */
static void catch_no_memory(void *cxx)
{
    void (*set)(void (*)(void));
    if (cxx && library_find(cxx, "_ZSt15set_new_handlerPFvvE", &set))
        set(no_memory);
}

static void catch_bad_alloc(void *library)
{
    void (*install)(void (*)(void *, const char *, bool), void *);
    if (library_find(library, "_ZN4llvm31install_bad_alloc_error_handlerEPFvPvPKcbES0_", &install))
        install(no_memory_for, NULL);
}

/* ---- loading ---- */

static void aborted(int sig)
{
    (void)sig;
    no_memory();
}

/* LLVM's constructors run before catch_bad_alloc can have its say. They abort for want of memory alone. */
static void *open_llvm(const char **why)
{
    struct sigaction before, act = {.sa_handler = aborted};
    sigaction(SIGABRT, &act, &before);
    void *library = library_open(LLVM_LIBRARY, why);
    sigaction(SIGABRT, &before, NULL);
    return library;
}

static bool find_functions(void *library)
{
    static const struct { const char *name; void *function; } api[] = {
#define FUNCTION(f) {"LLVM" #f, &llvm.f},
        LLVM_API(FUNCTION)
#undef FUNCTION
    };
    for (int i = 0; i < LEN(api); i++)
        if (!library_find(library, api[i].name, api[i].function)) {
            error_at((Loc){0}, "%s is no LLVM 19: it has no %s", LLVM_LIBRARY, api[i].name);
            return false;
        }
    return true;
}

/* All targets that the library has: those that the headers know. */
static void initialize_targets(void *library)
{
    static const char *const target[] = {
#define LLVM_TARGET(name) #name,
#include <llvm/Config/Targets.def>
    };
    static const char *const part[] = {"TargetInfo", "Target", "TargetMC", "AsmPrinter"};
    for (int p = 0; p < LEN(part); p++)
        for (int t = 0; t < LEN(target); t++) {
            char name[80];
            void (*initialize)(void);
            snprintf(name, sizeof name, "LLVMInitialize%s%s", target[t], part[p]);
            if (library_find(library, name, &initialize))
                initialize();
        }
}

/* libstdc++ first: LLVM's constructors ask it for memory. */
bool llvm_open(void)
{
    static bool open;
    if (open)
        return true;
    const char *why;
    catch_no_memory(library_open("libstdc++.so.6", &why));
    void *library = open_llvm(&why);
    if (!library) {
        error_at((Loc){0}, "cannot load LLVM: %s; the C backend (--backend=c) needs none", why);
        return false;
    }
    catch_bad_alloc(library);
    if (!find_functions(library))
        return false;
    LLVMInstallFatalErrorHandler(llvm_gives_up);
    initialize_targets(library);
    return open = true;
}

const char *llvm_version(void)
{
    static char text[32];
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
    return text;
}
