#ifndef DSQ_TARGET_H
#define DSQ_TARGET_H
/* What the compiler knows of a machine. Each is a row of backends/isa/targets.def. */
#include "../ir/loop/loops.h"
#include "machine.h"

/* The register with the mode in which subnormal numbers are zeros. */
typedef enum Flush { FLUSH_NONE, FLUSH_MXCSR, FLUSH_FPCR, FLUSH_FPSCR } Flush;
typedef struct Target {
    const char *name;      /* --target */
    const char *isa;       /* rows of backends/isa/<isa>.def spell its vector operations */
    const char *cflags;    /* what the C compiler is given */
    const char *cc;        /* the cross compiler's name, NULL: the host's cc */
    const char *cpu_check; /* what it takes to run it, for messages and the report */
    int lanes;             /* widest f32 vector, 1: scalar only */
    int min_lanes;         /* narrowest useful vector, 1 for scalar targets */
    int vregs;             /* number of registers of the widest vector (scalar: of float registers) */
    bool fma;              /* fused multiply-add in hardware */
    bool fma_by_lane;      /* it takes its scalar operand from any lane of a vector, so one load brings several */
    bool mcu;              /* a microcontroller, with little flash and RAM: no borders, weights as arrays */
    int ptr_bytes;
    const Machine *machine; /* what it takes; the row of machines.def */
    const char *triple, *cpu, *features, *abi; /* for LLVM; triple NULL: this machine's */
    Flush flush;           /* what --flush-to-zero sets */
} Target;
/* Bytes that the arena, and what threads must not share a line of, are multiples of. */
static inline int arena_align(const Target *t) { return t->lanes > 1 ? t->machine->line : 16; }
/* NULL where unknown. "native" is the row that fits this machine best, compiled with -march=native or -mcpu=native. */
const Target *target_find(const char *name);
const char *target_doc(const char *name); /* which machines it is meant for; "" where nothing is said */
extern const Target targets[];
extern const int ntargets;

/* The C spelling of an operation, from the ISA's row or that of an ISA that it extends; NULL where none has one. In it,
   %a %b %c %d stand for operands, %p for the address, %n for the number of elements, %m for a mask of so many bits, %i
   for the lane. Variant "n" takes a scalar where the operation has a splat: of fma that is %b. */
const char *isa_instr(const char *isa, XOp, VT, const char *variant);
const char *isa_type(const char *isa, VT);      /* C type */
const char *isa_load(const char *isa, VT, bool partial);
const char *isa_store(const char *isa, VT, bool partial);
const char *isa_prelude(const char *isa);       /* #include lines */
const char *isa_gcc_options(const char *isa);   /* text for #pragma GCC optimize */
/* A row of an ISA's own table, as isa/<isa>.def has it. */
typedef enum RowKind { ROW_INSTR, ROW_TYPE, ROW_HELPER } RowKind;
typedef struct IsaRow {
    RowKind kind;
    XOp op;
    VT type;
    const char *name;      /* variant of an instruction, name of a helper */
    const char *text[5];   /* spelling, meaning or NULL; C type, load, partial load, store, partial store; C text */
} IsaRow;
/* The rows of the ISA of number i, from 0 on; NULL where there is none. Sets its name and their number. */
const IsaRow *isa_rows(int i, const char **isa, int *n);
/* C text of the helper function of that name, which rows and other helpers may use; NULL where there is none. */
const char *isa_helper(const char *isa, const char *name);
#endif
