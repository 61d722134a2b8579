#ifndef DSQ_LOWER_H
#define DSQ_LOWER_H
/* What the builders of loop kernels share: one kernel context (KC) per node, operands addressed by logical coordinates
   whatever their layout, the epilogue, and the register tile that convolutions and products are made of. README.md of
   this folder explains it.

   A builder keeps two things apart. What the kernel computes, and how it is cut, is a const struct. Where the loops
   stand is a small one: a function that opens a loop copies it, sets its variable and hands the copy on. Callbacks
   get a pointer to a const one. */
#include "../geometry/conv.h"
#include "../geometry/values.h"
#include "../geometry/vectors.h"

typedef struct Lower {
    Arena *A;
    const Graph *g;
    const Target *t;
    Program *p;
    int *buf;              /* per value: its PBuf, -1 none yet */
    Dict numbers;           /* constants by a hash of their numbers */
    Dict names;             /* of buffers */
    Dict kernels;           /* hash of a kernel, as text -> the last kernel made that has it */
    VEC(int) earlier;      /* per kernel: the one before it with its hash, or -1 */
    bool strict;           /* elementary functions as exact as they can be */
    bool weights_beyond_l2;      /* the network's weights outgrow L2, so each comes from beyond it in every run */
} Lower;

enum { MAX_OPERANDS = 64 };
/* A value that the kernel reads or writes. offset: of its storage in buf, in elements, or in bytes of the arena. table:
   the parameter with the table of its strided layout, or -1. slotted: a per-channel constant in the order
   of KC.slot. */
typedef struct Operand { ValueId v; int param, buf, table; int64_t offset; bool nhwc, slotted; } Operand;
/* The registers of a reduction over the map, or over rows of it: the total, and the sums so far of the rows, of the
   columns and of the tile at work. */
enum { MAX_VECTORS = 8 };
typedef struct Sum { int total, rows, columns, tile; } Sum;
/* The kernel under construction for one node. */
typedef struct KC {
    Lower *l;
    Arena *A;
    const Node *n;
    const Target *t;
    const Schedule *s;
    Kernel *k;
    KB b;
    Call call;
    Operand opnd[MAX_OPERANDS];
    int nopnd;
    const int64_t *slot;   /* not NULL: the result's channels lie in another order, channel c at slot[c] of `slots` */
    int64_t slots;
    Type frame;            /* of the anchor's result and every step's */
    int rows;              /* >= 0: the coordinate of this dimension counts all rows, and other leading ones are 0 */
    /* for each out that is reduced over the map or rows of it, and each vector of the block of channels at work */
    Sum sum[MAX_OUT][MAX_VECTORS];
    int vectors, sum_lanes;
    bool by_rows, by_columns; /* a block of rows, or of tiles in a row, is being added up apart */
} KC;

/* ---- operands (access.c) ---- */
/* The program's buffer for a value; its index. Constants of equal numbers share one, whatever their names
   and shapes. */
int program_buf(Lower *, const char *name, BufKind, Type, const void *data);
/* A parameter for numbers that the lowering made, as packed weights; its index. data stays where it is, in
   the arena. */
int kc_const(KC *, const char *param, const char *name, DType, int rank, const int64_t *dim, const void *data);
/* Loads `lanes` elements along dimension vdim, of which the first n are valid. coord: coordinates in the type `frame`.
   A value of fewer dimensions, or with dimensions of 1, is broadcast as in ONNX. If vdim is, the result is a splat. */
const Expr *kc_load(KC *, ValueId, const Type *frame, const Ix *const *coord, int vdim, int lanes, int n);
/* Loads `lanes` elements that lie side by side. along: what the dimension with the layout's table adds to the place, in
   elements; NULL: it is looked up in the table. */
const Expr *kc_load_along(KC *, ValueId, const Type *frame, const Ix *const *coord, const Ix *along, int lanes);
/* The places of a dimension with a table, in ascending order: in parameter `table`, or, if that is -1, side by side
   from begin on. */
typedef struct KcRun { int table; int64_t begin; } KcRun;
/* For sums over a dimension with a table, which are fastest in the order of memory. Entry i of the result is the index
   that lies i-th; each of `groups` equal parts is sorted on its own. NULL where dimension d of the value has
   no table. */
const int64_t *kc_sort(KC *, ValueId, int d, int64_t groups, KcRun *);
const Ix *kc_along(KC *, const KcRun *, const Ix *i); /* the place of the i-th, for kc_load_along */
/* A parameter of i32 with n numbers. They fit: eliminate-movement makes no view whose table would not. */
int kc_table(KC *, const char *param, const int64_t *, int64_t n);
/* Declares the operands that are not constants. Call it first, so that they are the first parameters. */
void kc_inputs(KC *);
/* Can kc_load load more than one lane along vdim? */
bool kc_vector(const KC *, ValueId, const Type *frame, int vdim);
/* Loads from a constant of rank 1, at index `at`: `lanes` elements of which n are valid, or (not vector) a splat. */
const Expr *kc_load_param(KC *, ValueId, const Ix *at, bool vector, int lanes, int n);
/* Stores the first n lanes along vdim. coord: coordinates in the value's own type. */
void kc_store(KC *, ValueId, const Ix *const *coord, int vdim, const Expr *, int n);
/* Does the kernel write this result where one of its operands lies? */
bool kc_over_operand(const KC *, ValueId result);
/* Zeroes the borders of what this kernel writes. Call it before the kernel's loops. */
void kc_zero_borders(KC *);

/* ---- loops (nest.c) ---- */
typedef void BodyFn(KC *, const Ix *const *coord, int lanes, int n, const void *user);
/* Opens loops over all elements of frame and calls body inside them: once for whole vectors, once for the tail. vdim is
   the innermost loop, in steps of lanes. The others go in the order of dimensions. parallel: the outermost loop may be
   parallel. */
void kc_nest(KC *, const Type *frame, int vdim, int lanes, bool parallel, BodyFn *, const void *user);
/* The same, element by element, in blocks of the dimensions vdim and `across`. Use it where what is read lies side by
   side along `across` and what is written along vdim: whole lines of the cache are then used for both. */
void kc_nest_across(KC *, const Type *frame, int vdim, int across, bool parallel, BodyFn *, const void *user);
/* The frame's dimension along which the value lies side by side, if kc_nest_across is worth it: it is not vdim, and
   what is read and written is several times as large as L1. Else -1. */
int kc_across(const KC *, ValueId, const Type *frame, int vdim);
/* The register with x added (X_add), or the larger of both (X_maximum); NaN where either is. */
const Expr *x_gather(KB *, XOp, int reg, const Expr *x);
/* A sum. add(i, acc) adds term i to register acc, a tile of elems elements (0: a single register), each of `lanes`.
   From `least` terms on the sum goes in blocks; 0: from LONG_SUM on. */
typedef void AddFn(KC *, const Ix *i, int acc, const void *user);
typedef struct Terms {
    const char *name;
    AddFn *add;
    const void *user;
    int elems, lanes;
    bool unroll;
    int64_t least;
} Terms;
/* for i lo..hi { add }. most: the largest number of terms. Many go in blocks, so that the rounding error grows with the
   fourth root of their number. A maximum has no rounding: give 1. */
void kc_add_up(KC *, const Terms *, const Ix *lo, const Ix *hi, int64_t most, int acc);
void kc_add_parts(KC *, int acc, int part, int elems); /* acc += part */
/* Combines init with term(0) to term(n - 1) by op; returns the register. op: X_add, in blocks from FOLD_LONG terms on,
   or X_maximum. init: the neutral element; terms have its type. */
typedef const Expr *TermFn(KC *, const Ix *i, const void *user);
enum { FOLD_LONG = 64 };
int kc_fold(KC *, const char *name, XOp op, const Expr *init, int64_t n, TermFn *, const void *user);

Slide kc_slide(const KC *, int64_t k, int dim);
void kc_close(KC *, int n); /* ends n loops */
const Ix *kc_each(KC *, LoopKind, const char *name, int64_t n); /* opens a loop over n things; 0 where there is one */
/* The taps of output o that lie inside the input: lo <= k < hi, for which 0 <= o * s + k * d - p < in. */
void kc_clip(KC *, const Slide *, const Ix *o, const Ix **lo, const Ix **hi);
/* Walks the outputs of a row in tiles of px pixels, and one narrower tile for the remainder. peel: outputs whose window
   leaves the input come one by one, with clip true. */
void kc_columns(KC *, const Slide *, bool peel, int px,
                void (*tile)(KC *, const Ix *x, int px, bool clip, const void *), const void *user);

/* ---- elementwise (elem.c) ---- */
const Expr *elem_expr(KC *, Op, const Attrs *, const Expr *const *a); /* a: the operands, then NULL */
/* Applies the node's steps to the anchor's result at coord. Returns the values of $0, $1, ...; those that are used
   twice are registers. */
const Expr **kc_epilogue(KC *, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n);
const Expr *kc_reg(KC *, const char *name, const Expr *); /* itself if a register or constant, else a new let */

/* ---- what becomes of the anchor's results (finish.c) ---- */
typedef void CoordFn(KC *, const void *user, const Ix *row, const Ix *px, int j, const Ix **coord);
/* A tile of the anchor's results. acc[j]: the register tile of vector j, with element row * px + pixel. coord: fills in
   the coordinates of a pixel and vector, in the frame. twin: where each lane's result is stored a second time
   (symmetric products); NULL: nowhere. even: the steps give the same result there. */
typedef struct Finish {
    int rows, px, nb, lanes, last_n, vdim;
    const int *acc;
    CoordFn *coord;
    const void *user;
    void (*twin)(KC *, const void *user, const Ix *const *coord, int lane, const Ix **at);
    bool even;
} Finish;
/* Applies the steps, stores plain outs and windows, and adds up outs that are reduced over the map. */
void kc_finish(KC *, const Finish *);
/* The same for one vector, where no out is reduced. */
void kc_store_results(KC *, const Expr *acc, const Ix *const *coord, int vdim, int lanes, int n);
/* Is there an out over the map, or over the rows that the schedule adds up together? Then loops over pixels stand
   between kc_totals and kc_store_totals, and loops over channels around both. */
bool kc_sums(const KC *);
/* kc_totals makes registers for the totals of nb vectors; kc_store_totals stores those of vector j. part: which part of
   the map was added up; 0 where the map is one part. */
void kc_totals(KC *, int nb, int lanes);
void kc_store_totals(KC *, int j, const Ix *n, const Ix *channel, const Ix *part, int valid);
/* What is reduced between the two goes to a register of its own, which kc_end_columns adds to the sum. Nothing happens
   where nothing is reduced. */
void kc_begin_columns(KC *);
void kc_end_columns(KC *);
/* Loops over n rows from `first` on, in steps. If something is reduced, rows go in blocks whose sums are added up
   apart. tiles: how many there are in a row. */
typedef void RowFn(KC *, const Ix *y, const void *user);
void kc_rows(KC *, LoopKind, const Ix *first, int64_t n, int64_t step, int64_t tiles, RowFn *, const void *user);

/* ---- contraction in register tiles (tile.c) ---- */
/* A loop of the reduction. most: its turns, at most. step: of a loop over blocks. in: the loop runs over one block of
   loop in - 1; 0: it runs over lo..hi. apart: in each turn, the sum of what is inside gets registers of its own. */
typedef struct RedLoop { const char *name; const Ix *lo, *hi; int64_t most, step; int in; bool apart; } RedLoop;
enum { MAX_RED = 12 };
typedef struct Contract {
    int rows, px, nb, lanes, last_n;      /* last_n: valid lanes of the last vector */
    int nred;                             /* reduction loops, outermost first */
    RedLoop red[MAX_RED];
    int64_t rest;                         /* steps of the innermost loop after the last whole block */
    const Ix *last;                       /* for those: the index of the loop around it */
    int vdim;
    bool pairs;                           /* two pixels share the last vector: conv_pairs */
    int mask;                             /* pairs: a parameter of `lanes` numbers, positive in the upper half */
    const void *user;
    const Expr *(*init)(KC *, const void *, int j);                                       /* bias of vector j, or 0 */
    /* What the inputs of a step share. Asked once a step, before its weights and inputs. NULL: nothing. */
    const Ix *(*shared)(KC *, const void *, const Ix *const *red);
    /* A scalar input. */
    const Expr *(*x)(KC *, const void *, const Ix *row, const Ix *px, const Ix *const *red, const Ix *shared);
    /* n scalar inputs as a vector: of that step of the innermost loop and of those after it. The loop has a multiple of
       the target's lanes of steps. NULL: inputs do not lie side by side, or share something. */
    const Expr *(*xs)(KC *, const void *, const Ix *row, const Ix *px, const Ix *const *red, int n);
    const Expr *(*w)(KC *, const void *, int j, const Ix *const *red);                    /* vector of weights */
    CoordFn *coord;                                                                       /* of the output */
    void (*twin)(KC *, const void *, const Ix *const *coord, int lane, const Ix **at);    /* as Finish.twin */
    bool even;
    void (*store)(KC *, const void *, const Ix *row, const Ix *px, int j, const Expr *sum); /* NULL: kc_finish */
    void (*take)(KC *, const void *, const Ix *row, const Ix *px, const Expr *const *sum);  /* all nb sums of a pixel */
} Contract;
void kc_contract(KC *, const Contract *);
/* Adds loops over blocks of loop l, and over blocks of blocks, so that each has fewer than LONG_SUM turns. l->most must
   be set. The caller then adds l itself, which runs inside a block. */
void kc_cut(Contract *, RedLoop *l);
/* How many numbers loops from to to - 1 add up one after the other, at most. */
int64_t kc_terms(const Contract *, int from, int to);
/* Gives the sums inside loop inner - 1 registers of their own. So it does for loops around it, until no loop adds up
   LONG_SUM numbers one after the other. */
void kc_apart(Contract *, int inner);
/* A reduction over n terms in blocks, and in groups of blocks where these are many; returns how many loops that takes.
   kc_blocked computes the term's index from the loops' variables. */
int kc_blocks(KC *, Contract *, const char *name, int64_t n);
const Ix *kc_blocked(KC *, int loops, const Ix *const *red);
/* Output channels, or columns, from `first` on in blocks of nb vectors, the last of which has last_n. weights: their
   parameter. Most are whole blocks; what is left is a second segment of one narrower block. */
typedef struct Segment { int64_t first; int blocks, nb, last_n, weights; } Segment;
int kc_segments(const KC *, int64_t channels, int lanes, Segment *); /* returns how many there are */
/* Packed weights, [panels][steps][wide] floats. Each panel is read by `passes` passes. */
typedef struct Panels { int param; int64_t panels, steps, wide, passes; } Panels;
/* In step `step` of pass `pass` over a panel: prefetches this step's share of the next panel. */
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
void lower_rnn(KC *);      /* lstm, gru, rnn */
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
