#ifndef DSQ_LOOPS_H
#define DSQ_LOOPS_H
/* The loop IR: what kernels are written in, printed as C, built as LLVM IR and interpreted. It has loops, vectors and
   typed buffers with affine indices, and no tensor operator.

     program @tiny arena 8192 align 64 {
       const @w0 : f32[2,24,16] align 64
       buffer %image : f32[150528] input
       kernel @k30 (in: f32[9,30,64] ro, w: f32[2,24,16] const, b: f32[32] const, out: f32[7,28,64] wo) {
         parallel for y 0..28 {
           for x 0..28 step 14 {
             let acc[14,2]: f32x16 = load b[0]
             for c 0..24 {
               unroll j 0..2 {
                 let w0: f32x16 = load w[j, c, 0]
                 unroll p 0..14 { acc[p,j] = fma(splat(load in[y, x + p, c]), w0, acc[p,j]) }
               }
             }
             unroll p 0..14 { unroll j 0..2 { store out[y, x + p, 16*j] = max(acc[p,j], 0.0) } }
       } } }
       call @k30 (%image, @w0, @b0, arena+4096)
     }

   A kernel's body is any number of statements without a parallel loop, then at most one parallel loop, whose
   iterations are independent; no element is stored both before it and in it. Two kernels that are equal but for the
   numbers of their const arguments are one kernel called twice. Variables, registers and pointers are numbered in the
   order of their definitions. */
#include "../type.h"

/* ---- index expressions: sums of multiples of atoms, kept canonical by their constructors ---- */
typedef struct Ix Ix;
typedef enum AtomKind { ATOM_VAR, ATOM_DIV, ATOM_MOD, ATOM_MIN, ATOM_MAX } AtomKind;
/* VAR: variable `var`. DIV, MOD: a divided by k > 0, rounded down, and the remainder. MIN, MAX: of a and b. */
typedef struct Atom { AtomKind kind; int var; int64_t k; const Ix *a, *b; } Atom;
typedef struct Term { int64_t k; Atom atom; } Term;
struct Ix { int64_t c; int n; const Term *t; }; /* c + sum k * atom; terms sorted, no two atoms equal, no k zero */

const Ix *ix_const(Arena *, int64_t);
const Ix *ix_var(Arena *, int var);
const Ix *ix_add(Arena *, const Ix *, const Ix *);
const Ix *ix_sub(Arena *, const Ix *, const Ix *);
const Ix *ix_addc(Arena *, const Ix *, int64_t);
const Ix *ix_mulc(Arena *, const Ix *, int64_t);
const Ix *ix_div(Arena *, const Ix *, int64_t k); /* rounded down; splits off multiples of k: (8y + x)/8 = y + x/8 */
const Ix *ix_mod(Arena *, const Ix *, int64_t k);
const Ix *ix_min(Arena *, const Ix *, const Ix *);
const Ix *ix_max(Arena *, const Ix *, const Ix *);
bool ix_eq(const Ix *, const Ix *);
static inline bool ix_is_const(const Ix *x) { return x->n == 0; }
bool ix_uses(const Ix *, int var);
const Ix *ix_subst(Arena *, const Ix *, int var, const Ix *by);
int64_t ix_eval(const Ix *, const int64_t *vars); /* vars[v]: the value of variable v */

/* ---- types and expressions ---- */
typedef struct VT { DType elem; int lanes; } VT; /* lanes 1: scalar */
static inline VT vt(DType e, int lanes) { return (VT){e, lanes}; }
static inline bool vt_eq(VT a, VT b) { return a.elem == b.elem && a.lanes == b.lanes; }

typedef enum XOp {
#define XOP(name, ...) X_##name,
#include "loop_op.def"
#undef XOP
    NXOPS
} XOp;
typedef enum XClass { XC_leaf, XC_lane, XC_bits, XC_cast, XC_splat, XC_math, XC_fold } XClass;
typedef struct XInfo { const char *name; int arity; XClass cls; } XInfo;
extern const XInfo xop_info[NXOPS];

enum { MAX_IX = 8 };
typedef struct Expr Expr;
struct Expr {
    XOp op;
    VT type;
    const Expr *a[4];
    double imm;             /* const: the number; lane: which lane */
    int ref;                /* reg: register; load: parameter of the kernel, or ~pointer */
    int n;                  /* load: elements read, <= lanes */
    int nix;
    const Ix *ix[MAX_IX];   /* reg: tile indices; load: buffer indices; index: ix[0] */
};

/* ---- statements ---- */
typedef struct Stmt Stmt;
typedef struct Block { Stmt **v; int n, cap; } Block;
/* PREFETCH: a hint that the element will be read; changes no numbers. RETURN: the last statement of a function. */
typedef enum StmtKind {
    ST_FOR, ST_LET, ST_SET, ST_STORE, ST_INDEX, ST_PTR, ST_PREFETCH, ST_COMMENT, ST_RETURN
} StmtKind;
typedef enum LoopKind { LOOP_SERIAL, LOOP_UNROLL, LOOP_PARALLEL } LoopKind;
struct Stmt {
    StmtKind kind;
    LoopKind loop;          /* FOR: for var in lo..hi step step; empty where lo >= hi; unroll wants constant bounds */
    int var;                /* FOR, INDEX: the variable defined */
    const Ix *lo, *hi;
    int64_t step;
    Block body;
    int ref;                /* LET, SET: register; STORE, PTR, PREFETCH: parameter or ~pointer; INDEX: i32 parameter */
    int ptr;                /* PTR: the pointer defined: ptr p = &ref[ix...], afterwards p[i] of rank 1 */
    int nix;
    const Ix *ix[MAX_IX];   /* SET: tile indices; STORE, PTR, PREFETCH, INDEX: buffer indices */
    const Expr *val;        /* LET: initial value of every element; SET, STORE */
    int n;                  /* STORE: elements written, <= lanes */
    const char *text;       /* COMMENT */
};

/* ---- kernels ---- */
typedef enum Access { ACC_RO, ACC_WO, ACC_RW, ACC_CONST } Access;
/* A buffer that a kernel is given: row-major, dims constant. alias: another parameter may be the same memory, as where
   a residual is added in place. So backends must not promise that they differ. */
typedef struct KParam {
    const char *name;
    DType elem;
    int rank;
    int64_t dim[MAX_IX];
    Access access;
    bool alias;
} KParam;
typedef struct Reg { const char *name; VT type; int rank; int64_t dim[3]; } Reg; /* rank 0: a single register */
typedef struct KVar { const char *name; } KVar;
typedef struct KPtr { const char *name; int param; } KPtr;
typedef struct Kernel {
    const char *name;       /* a C identifier, unique in the program */
    VEC(KParam) param;
    VEC(KVar) var;
    VEC(Reg) reg;
    VEC(KPtr) ptr;
    int args;               /* > 0: a function. Its first `args` registers are its arguments; it has no parameters */
    Block body;
    const char *title;      /* first line of the comment above the code: what it computes, shapes, schedule */
} Kernel;

/* The function that defines an operation of class math, on vectors of so many lanes (ir/loop/functions.loops). */
const Kernel *xop_function(Arena *, XOp, int lanes);

/* ---- programs ---- */
typedef enum BufKind { BUF_INPUT, BUF_OUTPUT, BUF_CONST } BufKind;
/* data: the numbers of a constant, little endian, of the type's element type; NULL in text without numbers. */
typedef struct PBuf { const char *name; BufKind kind; Type type; const void *data; int align; } PBuf;
enum { ARG_ARENA = -1 };
typedef struct Arg { int buf; int64_t offset; } Arg; /* PBuf index and offset in elements, or ARG_ARENA and bytes */
typedef struct Call {
    int kernel;
    VEC(Arg) arg;           /* one per parameter */
    /* what this call computes, for reports, traces and comments */
    const char *layers, *op, *epilogue, *impl, *shape;
    const char *why;        /* movement that remains a kernel: the reason; else NULL */
    Loc loc;
    int64_t macs, bytes_read, bytes_written;
    VEC(struct CallOut { int value; Arg at; }) out; /* graph values (Graph.value index) that are complete after it */
} Call;
typedef struct Program {
    Arena *arena;
    const char *name;
    VEC(PBuf) buf;
    VEC(Kernel) kernel;
    VEC(Call) call;
    int64_t arena_bytes, arena_align;
    bool flush_to_zero;     /* operands and results of arithmetic that are subnormal are zeros of their sign */
} Program;

/* Is it an identifier that neither C nor the text form reserves? */
bool name_valid(const char *);
const char *program_check(const Program *); /* NULL, or what is wrong */
void program_print(Buf *, const Program *, bool data);
/* The same with a comment above every kernel: layers and places of its calls. Returns the lines of this text, counted
   from 1: of every kernel, of every call, and stmt[k] of kernel k's statements, each before those in its body. */
typedef struct LoopLines { int **stmt, *kernel, *call; } LoopLines;
LoopLines program_print_lines(Arena *, Buf *, const Program *);
void kernel_print(Buf *, const Kernel *);
Program *program_parse(Arena *, const char *text, int file); /* errors to diag, NULL then */
const char *program_diff(Arena *, const Program *, const Program *);
/* Equal but for names, title and comments: either can be called in place of the other. */
bool kernel_eq(const Kernel *, const Kernel *);
uint64_t kernel_hash(const Kernel *);        /* equal where kernel_eq holds */
/* Runs the program on real memory. io[i]: each input and output buffer in the order of their PBufs. Arithmetic is as in
   loop_op.def. Every access is checked against the parameter's dims, or through a pointer against its number of
   elements. In a kernel with a parallel loop it is also checked against what other iterations access. NULL, or the text
   of the first violation. The program must have passed program_check. */
const char *program_interp(const Program *, float *const *io, void *arena, Arena *scratch);

/* ---- building kernels ---- */
typedef struct KB { Arena *A; Kernel *k; Dict names; Block *stack[64]; int depth; } KB;
KB kb_begin(Arena *, Kernel *);
int kb_param(KB *, const char *name, DType, Access, int rank, const int64_t *dim);
/* Opens a loop and returns its variable; kb_end closes it. Names are made unique. */
int kb_for(KB *, LoopKind, const char *name, const Ix *lo, const Ix *hi, int64_t step);
void kb_end(KB *);
int kb_let(KB *, const char *name, const Expr *init);                         /* a single register */
int kb_tile(KB *, const char *name, int d0, int d1, const Expr *init);        /* acc[d0,d1], each init; d1 0: acc[d0] */
void kb_set(KB *, int reg, const Ix *i, const Ix *j, const Expr *);           /* i, j NULL for a single register */
void kb_store(KB *, int param, const Ix *const *ix, const Expr *, int n);     /* n 0: all lanes */
void kb_prefetch(KB *, int param, const Ix *const *ix);
int kb_index(KB *, const char *name, int param, const Ix *const *ix);         /* variable := i32 table element */
void kb_comment(KB *, const char *fmt, ...) PRINTF(2, 3);

/* Constructors of expressions. They fold constants, and identities that are exact in floating point (x * 1, x + -0,
   neg neg). lanes and n count elements. */
const Expr *x_const(KB *, VT, double);
const Expr *x_reg(KB *, int reg);
const Expr *x_tile(KB *, int reg, const Ix *i, const Ix *j);
const Expr *x_load(KB *, int param, const Ix *const *ix, int lanes, int n);   /* n 0: all lanes */
const Expr *x_splat(KB *, const Expr *, int lanes);                          /* itself for one lane */
const Expr *x_un(KB *, XOp, const Expr *);
const Expr *x_bin(KB *, XOp, const Expr *, const Expr *);
const Expr *x_cast(KB *, XOp, DType to, const Expr *);
const Expr *x_fma(KB *, bool has_fma, const Expr *a, const Expr *b, const Expr *c); /* mul and add without has_fma */
/* erf with an absolute error of at most 4e-7; NaN of NaN. Under --strict use X_erf. x is read once. */
const Expr *x_fast_erf(KB *, bool has_fma, const Expr *x);
const Expr *x_select_gt(KB *, const Expr *a, const Expr *b, const Expr *c, const Expr *d);
const Expr *x_select_ge(KB *, const Expr *a, const Expr *b, const Expr *c, const Expr *d);
const Expr *x_lane(KB *, const Expr *, int lane);
const Expr *x_index(KB *, const Ix *);
/* x as a vector of so many lanes: itself, or a splat of the scalar. */
const Expr *x_widen(KB *, const Expr *, int lanes);
#endif
