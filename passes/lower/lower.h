#ifndef DSQ_LOWER_H
#define DSQ_LOWER_H
/* Shared by the builders of loop kernels: one kernel context per node, operands addressed by logical coordinates
   whatever their layout, the epilogue, and the register-tile contraction that convolutions and products are made of. */
#include "../geometry/conv.h"
#include "../geometry/values.h"

typedef struct Lower {
    Arena *A;
    const Graph *g;
    const Target *t;
    Program *p;
    int *buf;              /* per value: its PBuf, -1 none yet */
    Map numbers;           /* constants by a hash of their numbers */
    Map names;             /* of buffers */
    Map kernels;           /* hash of a kernel, as text -> the last kernel made that has it */
    VEC(int) earlier;      /* per kernel: the one before it of its hash, -1: none */
    bool strict;           /* functions to the last bits */
    bool weights_far;      /* they outgrow L2: in every run, each comes from beyond it */
} Lower;

enum { MAX_OPERANDS = 64 };
/* offset: of the storage. table: parameter with the table of a strided layout, -1 none yet. slotted: a per-channel
   constant in the order of KC.slot. */
typedef struct Operand { ValueId v; int param, buf, table; int64_t offset; bool nhwc, slotted; } Operand;
/* A reduction over the map, or rows of it, in registers: the total and the parts of the rows, of the columns and of the
   tile being added up. */
enum { MAX_VECTORS = 8 };
typedef struct Sum { int total, rows, columns, tile; } Sum;
/* The kernel under construction for one node. */
typedef struct KC {
    Lower *l;
    Arena *A;
    const Node *n;
    const Target *t;
    Schedule s;
    Kernel *k;
    KB b;
    Call call;
    Operand opnd[MAX_OPERANDS];
    int nopnd;
    const int64_t *slot;   /* the result's channels lie in another order: channel c is coordinate slot[c] of `slots` */
    int64_t slots;
    Type frame;            /* of the anchor's result and every step's */
    int rows;              /* the dimension whose coordinate counts all rows, the others but the last are 0; -1: none */
    /* of the outs that are reduced over the map or rows of it, for each vector of the block of channels at work */
    Sum sum[MAX_OUT][MAX_VECTORS];
    int vectors, sum_lanes;
    bool by_rows, by_columns; /* some rows, some tiles of a row are being added up apart */
} KC;

/* ---- operands (access.c) ---- */
/* Constants of equal numbers are one buffer, whatever their names and shapes. */
int program_buf(Lower *, const char *name, BufKind, Type, const void *data);
/* A parameter for constant numbers made by the lowering (packed weights, tables). data is in the arena. */
int kc_const(KC *, const char *param, const char *name, DType, int rank, const int64_t *dim, const void *data);
/* Loads `lanes` elements along dimension vdim of the frame (the type whose coordinates coord are), n of them valid.
   A value of fewer dimensions or with dimensions of 1 is broadcast as in ONNX; splat where vdim is broadcast. */
const Expr *kc_load(KC *, ValueId, const Type *frame, const Ix *const *coord, int vdim, int lanes, int n);
/* As many elements as lanes, side by side. along: what the dimension with the layout's table contributes, in elements
   (NULL: the table is asked). */
const Expr *kc_load_along(KC *, ValueId, const Type *frame, const Ix *const *coord, const Ix *along, int lanes);
/* Where the elements of a dimension with a table lie, in ascending order: table -1: one behind the other from begin. */
typedef struct KcRun { int table; int64_t begin; } KcRun;
/* Sums over a dimension that goes by a table read fastest in the order in which it lies. order[i] is the index that
   comes i-th, in each of `groups` equal parts on its own. NULL where dimension d of the value has no table. */
const int64_t *kc_sort(KC *, ValueId, int d, int64_t groups, KcRun *);
const Ix *kc_along(KC *, const KcRun *, const Ix *i); /* the place of the i-th, for kc_load_along */
/* A parameter of i32 with n numbers made by the lowering; they fit, or eliminate-movement would have left a kernel. */
int kc_table(KC *, const char *param, const int64_t *, int64_t n);
/* Declares the node's operands that are not constants, so that they stand first among the parameters. */
void kc_inputs(KC *);
/* Can kc_load load more than one lane along vdim? */
bool kc_vector(const KC *, ValueId, const Type *frame, int vdim);
/* The same for a rank-1 constant along one axis of the frame. */
const Expr *kc_load_param(KC *, ValueId, const Ix *at, bool vector, int lanes, int n);
void kc_store(KC *, ValueId, const Ix *const *coord, int vdim, const Expr *, int n);
/* Does the kernel write this result where one of its operands lies? */
bool kc_over_operand(const KC *, ValueId result);
/* Zeroes the borders of what this kernel writes; must come before its loops. */
void kc_zero_borders(KC *);

/* ---- loops (nest.c) ---- */
typedef void BodyFn(KC *, const Ix *const *coord, int lanes, int n, void *user);
/* Calls body once for whole vectors and once for the tail, inside loops over all elements of frame. vdim is walked
   innermost, in steps of lanes: [N][H][W][C] for NHWC, row-major otherwise. parallel: the outermost loop is. */
void kc_nest(KC *, const Type *frame, int vdim, int lanes, bool parallel, BodyFn *, void *user);
/* The same one by one, in blocks of the dimensions vdim and `across`: lines of both caches are used whole where what is
   read lies side by side along `across`. */
void kc_nest_across(KC *, const Type *frame, int vdim, int across, bool parallel, BodyFn *, void *user);
/* The frame's dimension along which the value lies side by side. It counts where it is another one than vdim and what
   is read and written is more than some times L1. Otherwise -1. */
int kc_across(const KC *, ValueId, const Type *frame, int vdim);
/* The register with x added, or the larger of both; NaN where either is. */
const Expr *x_gather(KB *, XOp, int reg, const Expr *x);
/* add(i, acc) adds term i to the register acc, a tile of elems elements or a single one (0), each of `lanes`. least: so
   many terms go in blocks, 0: LONG_SUM. */
typedef void AddFn(KC *, const Ix *i, int acc, void *user);
typedef struct Terms { const char *name; AddFn *add; void *user; int elems, lanes; bool unroll; int64_t least; } Terms;
/* for i lo..hi { add }, of which there are `most` at most; in blocks where these are many, so that the rounding error
   grows with the square root of most's root. What has no rounding (maxima) says that there is 1. */
void kc_add_up(KC *, const Terms *, const Ix *lo, const Ix *hi, int64_t most, int acc);
void kc_add_parts(KC *, int acc, int part, int elems); /* acc += part */
/* The register with init combined by op with all n term(i)s. op: X_add, in blocks from FOLD_LONG terms on, or
   X_maximum. Terms have init's type. init: what changes nothing. */
typedef const Expr *TermFn(KC *, const Ix *i, void *user);
enum { FOLD_LONG = 64 };
int kc_fold(KC *, const char *name, XOp op, const Expr *init, int64_t n, TermFn *, void *user);

Slide kc_slide(const KC *, int64_t k, int dim);
void kc_close(KC *, int n); /* ends n loops */
/* Window positions lo <= k < hi for which 0 <= o * s + k * d - p < in. */
void kc_clip(KC *, const Slide *, const Ix *o, const Ix **lo, const Ix **hi);
/* Walks the outputs along a row in tiles of px pixels and one narrower tile for the rest; with peel, outputs whose
   window leaves the input come one by one with clip true. */
void kc_columns(KC *, const Slide *, bool peel, int px,
                void (*tile)(KC *, const Ix *x, int px, bool clip, void *), void *user);

/* ---- elementwise (elem.c) ---- */
const Expr *elem_expr(KC *, Op, const Attrs *, const Expr *const *a); /* a: NULL behind the last operand */
/* Applies the node's steps to the anchor's result at coord: the values of $0, $1, ... Registers hold those used
   twice. */
const Expr **kc_epilogue(KC *, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n);
bool kc_epilogue_vector(const KC *, int vdim); /* operands of the steps and outs lie as vectors along vdim */
const Expr *kc_reg(KC *, const char *name, const Expr *); /* itself if a register or constant, else a new let */

/* ---- what becomes of the anchor's results (finish.c) ---- */
typedef void CoordFn(KC *, void *user, const Ix *row, const Ix *px, int j, const Ix **coord);
/* A tile of the anchor's results: acc[j][row * px + pixel] of vector j. coord: of the frame. twin: where the result
   of a lane is stored a second time; NULL: nowhere. even: the steps make the same of it there. */
typedef struct Finish {
    int rows, px, nb, lanes, last_n, vdim;
    const int *acc;
    CoordFn *coord;
    void *user;
    void (*twin)(KC *, void *user, const Ix *const *coord, int lane, const Ix **at);
    bool even;
} Finish;
/* Steps, stores of plain outs and windows, sums of the outs that are reduced over the map. */
void kc_finish(KC *, const Finish *);
/* The same for one vector, where no out is reduced. */
void kc_store_results(KC *, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n);
/* Is there an out over the map, or over the rows that the schedule adds up together? Those come between kc_totals and
   kc_store_totals, channels around them. */
bool kc_sums(const KC *);
/* Makes registers for the totals of nb vectors. Afterwards kc_store_totals stores those of vector j. part: which of
   the map's parts that are added up together; 0: the map is one. */
void kc_totals(KC *, int nb, int lanes);
void kc_store_totals(KC *, int j, const Ix *n, const Ix *channel, const Ix *part, int valid);
/* What is reduced inside a row goes to a part of its own until kc_end_columns adds that up; where nothing is, no more
   than the loops. */
void kc_begin_columns(KC *);
void kc_end_columns(KC *);
/* Loops over n rows from `first` on, in steps. Where something is reduced, the loops are in blocks whose sums are
   added up apart. tiles: in a row. */
typedef void RowFn(KC *, const Ix *y, void *user);
void kc_rows(KC *, LoopKind, const Ix *first, int64_t n, int64_t step, int64_t tiles, RowFn *, void *user);

/* ---- contraction in register tiles (tile.c) ---- */
/* A loop of the reduction, of `most` turns at most. step: of a loop over blocks. in: it runs over a block of loop
   in - 1; 0: over lo..hi. apart: in each turn, the sum of everything inside it is added up apart. */
typedef struct RedLoop { const char *name; const Ix *lo, *hi; int64_t most, step; int in; bool apart; } RedLoop;
enum { MAX_RED = 12 };
typedef struct Contract {
    int rows, px, nb, lanes, last_n;      /* last_n: valid lanes of the last vector */
    int nred;                             /* reduction loops, outermost first */
    RedLoop red[MAX_RED];
    int64_t rest;                         /* steps of the innermost loop behind the last whole block */
    const Ix *last;                       /* of the loop around it, for those */
    int vdim;
    bool pairs;                           /* two pixels share the last vector: conv_pairs */
    int mask;                             /* pairs: a parameter of `lanes` numbers, those of the upper half positive */
    void *user;
    const Expr *(*init)(KC *, void *, int j);                                             /* bias of vector j, or 0 */
    const Expr *(*x)(KC *, void *, const Ix *row, const Ix *px, const Ix *const *red);    /* scalar input */
    /* n scalar inputs from that step of the innermost loop on, which takes a multiple of the target's lanes. NULL:
       they do not lie side by side. */
    const Expr *(*xs)(KC *, void *, const Ix *row, const Ix *px, const Ix *const *red, int n);
    const Expr *(*w)(KC *, void *, int j, const Ix *const *red);                          /* vector of weights */
    CoordFn *coord;                                                                       /* of the output */
    void (*twin)(KC *, void *, const Ix *const *coord, int lane, const Ix **at);          /* as Finish.twin */
    bool even;
    void (*store)(KC *, void *, const Ix *row, const Ix *px, int j, const Expr *sum);     /* NULL: kc_finish follows */
} Contract;
void kc_contract(KC *, const Contract *);
/* Adds loops over blocks of what l, whose `most` is set, runs over, and blocks of blocks: each has fewer than LONG_SUM
   turns. l, which the caller adds, then runs inside a block. */
void kc_cut(Contract *, RedLoop *l);
/* Numbers that loops from..to add up one behind the other, at most. */
int64_t kc_terms(const Contract *, int from, int to);
/* Sums inside loop inner - 1 are added up apart. So are those inside as many loops around it as it takes until the
   loops outside add up fewer than LONG_SUM numbers one after the other. */
void kc_apart(Contract *, int inner);
/* The reduction goes over n terms in blocks, of which many are added up in groups; returns how many loops they take.
   Term i is what kc_blocked makes of the loops' variables. */
int kc_blocks(KC *, Contract *, const char *name, int64_t n);
const Ix *kc_blocked(KC *, int loops, const Ix *const *red);
/* Panels of weights, [panels][steps][wide], of which each is read by several passes. */
typedef struct Panels { int param; int64_t panels, steps, wide, passes; } Panels;
/* In step `step` of pass `pass` over a panel: fetches what falls to it of the next panel. */
void kc_prefetch(KC *, const Panels *, const Ix *panel, const Ix *pass, const Ix *step);

/* ---- one builder per kernel family ---- */
void lower_conv(KC *);
void lower_depthwise(KC *);
void lower_winograd(KC *);
void lower_conv_transpose(KC *);
void lower_matmul(KC *);   /* linear and matmul */
void lower_pool(KC *);
void lower_reduce(KC *);
void lower_softmax(KC *);
void lower_l2(KC *);
void lower_layer_norm(KC *);
void lower_map(KC *);
void lower_arg(KC *);      /* argmax and argmin */
void lower_move(KC *);
void lower_upsample(KC *); /* and resize */
void lower_picks(KC *);    /* gather, pad with a border of the tensor's own */

/* Shorthands on the kernel's arena. */
#define IXC(c) ix_const(kc->A, (c))
#define IXV(v) ix_var(kc->A, (v))
#define ADD(a, b) ix_add(kc->A, (a), (b))
#define ADDC(a, c) ix_addc(kc->A, (a), (c))
#define MULC(a, c) ix_mulc(kc->A, (a), (c))
static inline const Type *kc_type(const KC *kc, ValueId v) { return &kc->l->g->value.v[v].type; }
static inline ValueId kc_out(const KC *kc) { return kc->n->out[0].value; }
static inline Order kc_order(const KC *kc, ValueId v) { return kc->l->g->value.v[v].layout.order; }
#endif
