#ifndef DSQ_SPEC_OP_H
#define DSQ_SPEC_OP_H
/* One operator at work: its attributes (spec_attr.c), its tensors (spec_tensor.c), the node (spec_op.c). A recurrent
   layer makes several (spec_rnn.c). */
#include "spec_impl.h"

enum { MAX_WORDS = 8 };

/* "out!", "kernel!", "layers=1", "weight[out,C/groups,kernel]", "bias?[out]" */
typedef struct SpecWord {
    const char *name;
    char mode;           /* '!' spec-only number(s), '=' with a default, '?' tensor unless false, '-' tensor if true,
                            0 tensor */
    const char *dims;    /* of a tensor: "out,C/groups,kernel" */
    Loc loc;             /* where the step gives it */
    bool given;
    Ints ints;           /* spec-only: its numbers; of true: 1 */
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

/* ---- spec_op.c ---- */
/* Adds one node: the operator applied to in[0..nin) and to the tensors that its words say, the names of which end with
   suffix. Fills out[0..MAX_OUT) and returns the number of results; -1 after an error. */
int op_node(OpCase *, const char *name, const ValueId *in, int nin, const char *suffix, ValueId *out);

/* ---- spec_rnn.c ---- */
/* lstm, gru, rnn: layers and directions, each with its node. As op_expand. */
int rnn_expand(OpCase *, ValueId *out);

/* ---- spec_attr.c ---- */
void op_words(OpCase *);    /* from the operator's row */
SpecWord *op_word(OpCase *, const char *name);
bool op_keys(OpCase *);     /* attributes and words that the step gives; false after errors */

/* ---- spec_tensor.c ---- */
bool op_tensor_type(const OpCase *, const SpecWord *, Type *);
/* A tensor of that whole name is made at loc. alone: under `shared: true`, and no other step has it yet. */
void tensor_note(SpecReader *, const char *name, Loc, bool alone);
/* The tensor "scope.name". Without `shared` it must be new. POISON after an error. */
ValueId tensor_make(const Cx *, const char *scope, const char *name, bool shared, Loc, Type);
#endif
