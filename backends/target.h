#ifndef DSQ_TARGET_H
#define DSQ_TARGET_H
/* What the compiler knows of a machine: one row each in backends/isa/targets.def. */
#include "../ir/loop/loops.h"

/* Where the processor has a mode in which subnormal numbers are zeros. */
typedef enum Flush { FLUSH_NONE, FLUSH_MXCSR, FLUSH_FPCR, FLUSH_FPSCR } Flush;
typedef struct Target {
    const char *name;      /* --target */
    const char *isa;       /* rows of backends/isa/<isa>.def spell its vector operations */
    const char *cflags;    /* what the C compiler is given */
    const char *cc;        /* the cross compiler's name, NULL: the host's cc */
    const char *cpu_check; /* text for the report */
    int lanes;             /* widest f32 vector, 1: scalar only */
    int min_lanes;         /* narrowest useful vector, 1 for scalar targets */
    int vregs;             /* registers of that width (scalar: float registers) */
    bool fma;              /* fused multiply-add in hardware */
    bool fma_by_lane;      /* it takes the scalar operand from any lane of a vector: one load brings several */
    bool mcu;              /* flash and RAM count: peel edges instead of borders, weights as arrays */
    int ptr_bytes;
    int64_t l1, l2, l3;    /* data cache bytes of a core, 0: none */
    int l2_rate, l3_rate, memory_rate; /* bytes that arrive from there in a cycle, 0: no such cache */
    const char *triple, *cpu, *features, *abi; /* what LLVM calls it; triple NULL: this machine's */
    Flush flush;           /* --flush-to-zero */
} Target;
/* NULL where unknown; "native" is the row that fits this machine best, with -march=native. */
const Target *target_find(const char *name);
const char *target_doc(const char *name); /* what to take it for; "" where nothing is said */
extern const Target targets[];
extern const int ntargets;

/* How an ISA spells an operation: NULL where it has no row. pattern: %a %b %c %d operands, %p address, %n count,
   %m mask of so many bits, %i imm. A row may match a splat operand: op "fma" with variant "n" has a scalar %b. */
const char *isa_instr(const char *isa, XOp, VT, const char *variant);
const char *isa_type(const char *isa, VT);      /* C type */
const char *isa_load(const char *isa, VT, bool partial);
const char *isa_store(const char *isa, VT, bool partial);
const char *isa_prelude(const char *isa);       /* #include lines */
const char *isa_gcc_options(const char *isa);   /* for #pragma GCC optimize */
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
