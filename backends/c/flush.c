/* --flush-to-zero: the processor's mode in which subnormal operands and results are zeros. NAME_run sets it and puts
   back what was there. The mode belongs to a thread, so each part of a kernel on its own thread does so, too. The
   statements that set it are barriers to the compiler: nothing is loaded before the first or stored after the
   last. */
#include "c.h"

typedef struct CFlushMode { const char *type, *read, *set; const char *bits; } CFlushMode;

static const CFlushMode modes[] = {
    /* FTZ and DAZ: Intel SDM vol. 1, 10.2.3 */
    [FLUSH_MXCSR] = {"unsigned", "__asm__ volatile(\"stmxcsr %0\" : \"=m\"(mode))",
                     "__asm__ volatile(\"ldmxcsr %0\" : : \"m\"(mode) : \"memory\")", "0x8040u"},
    /* FZ: Arm ARM, FPCR */
    [FLUSH_FPCR] = {"unsigned long long", "__asm__ volatile(\"mrs %0, fpcr\" : \"=r\"(mode))",
                    "__asm__ volatile(\"msr fpcr, %0\" : : \"r\"(mode) : \"memory\")", "0x1000000u"},
    /* FZ: Armv7-M ARM, FPSCR; its flags are nobody's between two functions */
    [FLUSH_FPSCR] = {"unsigned", "__asm__ volatile(\"vmrs %0, fpscr\" : \"=r\"(mode))",
                     "__asm__ volatile(\"vmsr fpscr, %0\" : : \"r\"(mode) : \"memory\")", "0x1000000u"},
};

static const CFlushMode *mode_of(const CFile *c) { return &modes[c->o->target->flush]; }

const char *c_flush_type(const CFile *c) { return c->p->flush_to_zero ? mode_of(c)->type : NULL; }

void c_flush_helpers(const CFile *c, Buf *b)
{
    if (!c->p->flush_to_zero)
        return;
    if (c->o->target->flush == FLUSH_NONE)
        bug("C backend: %s has no mode that flushes to zero", c->o->target->name);
    const CFlushMode *m = mode_of(c);
    buf_puts(b, "#ifndef DSQ_HAS_flush_begin\n#define DSQ_HAS_flush_begin\n"); /* several models in one unit */
    buf_printf(b, "static inline void flush_set(%s mode)\n{\n    %s;\n}\n\n", m->type, m->set);
    buf_printf(b, "/* Subnormal operands and results are zeros from now on. The mode that was. */\n"
                  "static inline %s flush_begin(void)\n{\n    %s mode;\n    %s;\n    flush_set(mode | %s);\n"
                  "    return mode;\n}\n#endif\n\n", m->type, m->type, m->read, m->bits);
}
