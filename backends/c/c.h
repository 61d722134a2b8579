#ifndef DSQ_C_H
#define DSQ_C_H
/* Shared by the files of the C printer. */
#include "../../ir/loop/loop_facts.h"
#include "../backend.h"

/* ---- model_name.c ---- */
/* Could c_model_name (backend.h) give a model this name? If not, *why says what the name is. */
bool c_model_name_is_free(Arena *, const char *name, const char **why);
const char *c_macro_case(Arena *, const char *);  /* what macros of that model begin with */
const char *c_macro_part(Arena *, const char *);  /* what an input or output is called in a macro */

/* The identifiers taken in a scope of C. Those of the scopes around it count too, because compilers warn
   of shadowing. */
typedef struct Names {
    Arena *A;
    Dict used, next;        /* names taken (1); the number of the next namesake */
    VEC(const char *) order;
    const struct Names *outer;
    const char *isa;
} Names;
Names names_new(Arena *, const char *isa, const Names *outer);
/* Takes a free identifier made of the characters of want. It is no word of C or C++, and does not look like a macro or
   a type of somebody else. */
const char *names_take(Names *, const char *want);
bool names_taken(const Names *, const char *);
/* A name without the number that the builder or a pass appended. Scopes of C make such numbers needless. */
const char *names_short(Arena *, const char *);
const char *names_take_local(Names *, const char *want); /* takes the short name */
/* Frees the names taken since order.n was `mark`. */
void names_release(Names *, int mark);

/* What is known of a kernel after its text was printed. */
typedef struct KernelText {
    const char *name, *head_name, *args_name, *part_name;
    const char *index;     /* the type of its index variables: int, or long long where offsets need it */
    int64_t iterations;    /* of the loop that threads share; 0: there is none */
    bool head;             /* the function head_name has the statements before that loop; it runs first, alone */
    bool beside;           /* or at the same time: part_name takes one index more, and index 0 is the head */
} KernelText;

/* One NAME.c under construction. */
typedef struct CFile {
    Arena *A;
    const Program *p;
    const BackendOptions *o;
    const char *isa;
    const char *model, *MODEL;      /* the model's name in functions and files, and in macros */
    const char *arguments;          /* the name of the function that checks NAME_run's arguments */
    Names global;
    const char **buf;               /* C name of every PBuf */
    const char **elems;             /* per input and output: the macro with its number of elements */
    const char *arena, *weights, *executor, *hook, *user, *mem, *mode; /* names in NAME_run and its siblings */
    KernelText *kernel;
    Blob blob;                      /* where constants lie in NAME.bin, if they are not arrays */
    Dict needed;                     /* types and helpers that were printed */
    Buf types, helpers;
    bool special;                   /* DSQ_INF or DSQ_NAN is used */
} CFile;

enum { COLUMNS = 110 };
const char *c_dtype(DType);                           /* "float" */
const char *c_typename(CFile *, VT);                  /* "float", "f32x16"; declares it on first use */
/* Declares the types and defines the helpers that occur in a spelling. */
void c_need(CFile *, const char *text);
/* Make a helper function for an operation without an ISA row, and return its name: lane by lane; or a load or store of
   part of a vector. */
const char *c_lanewise(CFile *, XOp, VT);
const char *c_part(CFile *, VT, bool store);
/* A number as C spells it: exact, with suffix; -0.0f, DSQ_INF, and (-2147483647 - 1) included. */
void c_number(CFile *, Buf *, DType, double);
void c_refusals(const CFile *, Buf *);                /* #error where NAME.c would compute other numbers (refuse.c) */
/* --flush-to-zero (flush.c). c_flush_type: the C type of the mode, which flush_begin returns and flush_set restores;
   NULL without the option. c_flush_helpers prints these two functions. */
const char *c_flush_type(const CFile *);
void c_flush_helpers(const CFile *, Buf *);
void c_special_macros(const CFile *, Buf *);          /* defines DSQ_INF and DSQ_NAN, if they were used */
/* Appends item; first a line break and indent spaces, if the line would be longer than COLUMNS. */
void c_wrap(Buf *, int indent, const char *item);

static inline const char *c_readonly(Access a) { return a == ACC_RO || a == ACC_CONST ? "const " : ""; }

/* ---- kernels ---- */
/* One C function under construction. */
typedef struct KPrint {
    CFile *c;
    Arena *A;
    const Kernel *k;
    Buf *out;
    int depth;
    Names local;
    Live live;
    const char **param, **var, **ptr, ***elem;
    int *var_at, *ptr_at, *reg_at;   /* depth of the block that declares it, 0: not declared */
    VEC(int) scope;                  /* names taken before each open block */
    Range *range;                    /* of every variable that is in scope */
    bool wide;                       /* offsets need long long */
    Buf line;                        /* short statements that share a line */
    int group;
    const char *defined, *defined_type; /* the last definition on that line */
    const Block *held;               /* the block at work, if its loads must stay in registers; else NULL */
    bool fresh;                      /* such a block is inside this one: loads of this one must not stay */
} KPrint;
/* Statements that belong together share a line (line.c): of one kind, or settings behind the definition that they use.
   c_put_buf frees its buffer. */
enum { GROUP_LET = 1, GROUP_SET, GROUP_STORE, GROUP_POINTER };
void c_put(KPrint *, const char *, int group);
void c_put_buf(KPrint *, Buf *, int group);
void c_put_definition(KPrint *, const char *type, const char *list); /* "f32x8" and "w0 = ...;" */
void c_end_line(KPrint *);
/* Sets held and fresh for a block (hold.c). */
void c_hold_begin(KPrint *, const Block *);
/* The pattern for a let's load that tells the compiler what to keep in a register. Its operand is the load's text or,
   if *address is set, the address. NULL: the load is printed as usual. */
const char *c_hold(KPrint *, const Stmt *, bool *address);
bool c_fits_int(KPrint *, const Block *);
enum { PREC_ANY, PREC_ADD, PREC_MUL, PREC_UNARY, PREC_POSTFIX };
void c_ix(KPrint *, Buf *, const Ix *, int prec);
void c_address(KPrint *, Buf *, int ref, const Ix *at);
void c_element(KPrint *, Buf *, int ref, const Ix *at);
const char *c_reg(const KPrint *, int reg, int nix, const Ix *const *ix); /* the variable of a register's element */
void c_expr(KPrint *, Buf *, const Expr *, int prec);
/* Prints a pattern of an ISA row with %a..%d replaced by expressions, %p by the address, %n, %m and %i by numbers. e,
   text and p are NULL where the pattern does not use them. */
typedef struct Operands { const Expr *const *e; const char *text[4], *p; int n; } Operands;
void c_pattern(KPrint *, Buf *, const char *pattern, const Operands *);
/* Prints text so that it cannot end the comment. indent: spaces before lines after the first. */
void c_comment_text(Buf *, const char *, int indent);
void c_kernel_comment(CFile *, Buf *, int kernel);
/* Prints one kernel: its comment, then its function or functions. */
void c_kernel(CFile *, Buf *, int kernel);
/* Prints the function of an operation of class math on vectors of so many lanes. */
void c_function(CFile *, Buf *, const char *name, XOp, int lanes);

/* Prints what the executor calls with ranges of a shared loop: a struct of the kernel's arguments and a function. */
void c_part_function(CFile *, Buf *, int kernel);

/* ---- the rest of the folder ---- */
CFile c_file(Arena *, const Program *, const BackendOptions *);
void c_file_free(CFile *);
/* Constants: arrays, or macros that find them in the blob. */
void c_constants(CFile *, Buf *);
bool c_blob(CFile *, OutDir *);              /* NAME.bin, and NAME_weights.S where the assembler includes it */
/* Prints before, then "static const float name[n] = { ... };". */
void c_array(CFile *, Buf *, const char *before, const char *name, const Type *, const void *data, int align);
void c_run(CFile *, Buf *);                  /* NAME_run and its siblings */
void c_header(CFile *, Buf *);
/* "int NAME_run(const float *image, float *logits, void *arena)" */
void c_prototype(CFile *, Buf *, RunKind);
#endif
