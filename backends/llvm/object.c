/* Programs as object files and as text. */
#include "impl.h"

#include <errno.h>
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
    const char *own = arena_printf(m->A, "%s_weights", m->model);
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

/* By writing, not by way of the mapping: the pages of 100 MB of weights would count as the compiler's memory. */
static bool put_weights(const LMod *m, int fd, int64_t at)
{
    for (int i = 0; i < m->p->buf.n; i++) {
        const PBuf *p = &m->p->buf.v[i];
        if (p->kind != BUF_CONST)
            continue;
        const char *from = l_numbers(p);
        size_t left = (size_t)(type_elems(&p->type) * dtype_size(p->type.dtype));
        for (off_t to = (off_t)(at + m->blob.at[i]); left;) {
            ssize_t n = pwrite(fd, from, left, to);
            if (n <= 0)
                return false;
            from += n, to += n, left -= (size_t)n;
        }
    }
    return true;
}

static bool complete(const LMod *m, int fd, const uint8_t *data, size_t n, const char *path)
{
    Elf e;
    if (!elf_read(m->A, data, n, arena_printf(m->A, ".rodata.%s_weights", m->model), &e))
        return m->weights_in == IN_MODULE;
    if (m->weights) {
        if (e.weights_at < 0 || e.weights_bytes < m->blob.bytes)
            bug("LLVM backend: the object has no place for the weights");
        if (!put_weights(m, fd, e.weights_at)) {
            error_at(loc_file(diag_file(path, NULL, 0)), "cannot write the weights: %s", strerror(errno));
            return false;
        }
    }
    return nothing_undefined(m, &e);
}

/* Puts the weights in their place in the file and looks at its symbols. */
static bool finish_object(const LMod *m, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &st)) {
        error_at(loc_file(diag_file(path, NULL, 0)), "cannot read the object back");
        return false;
    }
    uint8_t *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        out_of_memory();
    bool ok = complete(m, fd, data, (size_t)st.st_size, path);
    munmap(data, (size_t)st.st_size);
    close(fd);
    return ok;
}

bool llvm_object(Arena *A, const Program *p, const BackendOptions *o, const LoopLines *lines, const char *loops,
                 const char *path, LlvmFacts *facts)
{
    CodeMachine machine;
    LMod m;
    if (!machine_open(A, o, &machine))
        return false;
    WeightsIn in = o->weights_as == WEIGHTS_FILE ? IN_ARGUMENT : machine.elf ? IN_OBJECT : IN_MODULE;
    bool ok = l_module(&m, A, p, o, &machine, in, lines, loops, false) && l_emit(&m, LLVMObjectFile, path, NULL) &&
              finish_object(&m, path);
    *facts = (LlvmFacts){l_stack_bytes(&m), machine.triple, machine.cpu};
    l_module_free(&m);
    machine_close(&machine);
    return ok;
}

bool llvm_text(Arena *A, const Program *p, const BackendOptions *o, bool ir, Buf *out)
{
    CodeMachine machine;
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
