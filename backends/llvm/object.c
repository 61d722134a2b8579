/* Programs as object files and as text. */
#include "impl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what is in the object ---- */

/* What every linker brings: the compiler's library of arithmetic that the processor lacks (libgcc, compiler-rt), and
   the names that it defines itself. */
static bool comes_with_linking(const char *name)
{
    return !strncmp(name, "__", 2) || !strcmp(name, "_GLOBAL_OFFSET_TABLE_") || !strcmp(name, ".TOC.");
}

static bool nothing_undefined(const LMod *m, const Elf *e)
{
    const char *own = arena_printf(m->A, "%s_weights", m->c.model);
    for (int i = 0; i < e->symbol.n; i++) {
        const ElfSymbol *s = &e->symbol.v[i];
        if (!s->undefined || comes_with_linking(s->name) || !strcmp(s->name, own))
            continue;
        if (!strcmp(s->name, "fmaf"))
            error_at((Loc){0}, "'%s' computes with fused multiply-adds, which %s lacks", m->o->target->name,
                     *m->machine->cpu ? m->machine->cpu : m->machine->triple);
        else
            error_at((Loc){0}, "LLVM makes the code call '%s', which nothing provides", s->name);
        return false;
    }
    return true;
}

static bool complete(const LMod *m, uint8_t *data, size_t n)
{
    Elf e;
    if (!elf_read(m->A, data, n, arena_printf(m->A, ".rodata.%s_weights", m->c.model), &e))
        return m->weights_in == IN_MODULE;
    if (m->weights) {
        if (e.weights_at < 0 || e.weights_bytes < m->c.blob_bytes)
            bug("LLVM backend: the object has no place for the weights");
        l_put_weights(m, data + e.weights_at);
    }
    return nothing_undefined(m, &e);
}

/* Puts the weights in their place in the file and looks at its symbols. */
static bool finish(const LMod *m, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &st)) {
        error_at(loc_file(diag_file(path, NULL, 0)), "cannot read the object back");
        return false;
    }
    uint8_t *data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        out_of_memory();
    bool ok = complete(m, data, (size_t)st.st_size);
    munmap(data, (size_t)st.st_size);
    return ok;
}

bool llvm_object(Arena *A, const Program *p, const BackendOptions *o, const LoopLines *lines, const char *loops,
                 const char *path, LlvmFacts *facts)
{
    Machine machine;
    LMod m;
    if (!machine_open(A, o, &machine))
        return false;
    WeightsIn in = o->weights_as == WEIGHTS_FILE ? IN_ARGUMENT : machine.elf ? IN_OBJECT : IN_MODULE;
    bool ok = l_module(&m, A, p, o, &machine, in, lines, loops, false) && l_emit(&m, LLVMObjectFile, path, NULL) &&
              finish(&m, path);
    *facts = (LlvmFacts){l_stack_bytes(&m), machine.triple, machine.cpu};
    l_module_free(&m);
    machine_close(&machine);
    return ok;
}

bool llvm_text(Arena *A, const Program *p, const BackendOptions *o, bool ir, Buf *out)
{
    Machine machine;
    LMod m;
    if (!machine_open(A, o, &machine))
        return false;
    bool ok = l_module(&m, A, p, o, &machine, o->weights_as == WEIGHTS_FILE ? IN_ARGUMENT : OUTSIDE, NULL, NULL, false);
    if (ok && ir) {
        char *text = LLVMPrintModuleToString(m.mod);
        buf_puts(out, text);
        LLVMDisposeMessage(text);
    } else if (ok) {
        LLVMMemoryBufferRef text;
        ok = l_emit(&m, LLVMAssemblyFile, NULL, &text);
        if (ok) {
            buf_write(out, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
            LLVMDisposeMemoryBuffer(text);
        }
    }
    l_module_free(&m);
    machine_close(&machine);
    return ok;
}
