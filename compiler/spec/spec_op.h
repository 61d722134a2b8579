#ifndef DSQ_SPEC_OP_H
#define DSQ_SPEC_OP_H
/* One operator at work: its attributes (spec_attr.c), its tensors (spec_tensor.c), the node (spec_op.c). */
#include "spec_impl.h"

enum { MAX_WORDS = 8 };

/* "out!", "kernel!", "weight[out,C/groups,kernel]", "bias?[out]" */
typedef struct SpecWord {
    const char *name;
    char mode;           /* '!' spec-only number(s), '?' tensor unless false, '-' tensor if true, 0 tensor */
    const char *dims;    /* of a tensor: "out,C/groups,kernel" */
    Loc loc;             /* where the step gives it */
    bool given;
    Ints ints;           /* spec-only: its numbers */
    bool present;        /* tensor */
    const char *tensor;  /* tensor: its own name */
    bool whole;          /* tensor: that is the whole name, whatever the scope */
} SpecWord;

typedef struct OpCase {
    Cx cx;              /* of the step, with messages about it */
    const OpStep *step;
    const OpInfo *info;
    Op op;
    Attrs attr;
    SpecWord word[MAX_WORDS];
    int nword;
    Type in;            /* operand 0 */
    bool same, lower;   /* pad: same or same_lower */
    bool listed;        /* pad: all four sides */
} OpCase;

/* ---- spec_attr.c ---- */
void op_words(OpCase *);    /* from the operator's row */
bool op_keys(OpCase *);     /* attributes and words that the step gives; false after errors */

/* ---- spec_tensor.c ---- */
bool op_tensor_type(const OpCase *, const SpecWord *, Type *);
/* A tensor of that whole name is made at loc. alone: under `shared: true`, and no other step has it yet. */
void tensor_note(SpecReader *, const char *name, Loc, bool alone);
/* The tensor "scope.name". Without `shared` it must be new. POISON after an error. */
ValueId tensor_make(const Cx *, const char *scope, const char *name, bool shared, Loc, Type);
#endif
