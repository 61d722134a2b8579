#ifndef DSQ_SPEC_OP_H
#define DSQ_SPEC_OP_H
/* One operator's step, as spec_op.c and spec_rnn.c share it. */
#include "spec_impl.h"

enum { MAX_WORDS = 8 };

/* "out!", "kernel!", "layers=1", "weight[out,C/groups,kernel]", "bias?[out]" */
typedef struct Word {
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
} Word;

typedef struct Call {
    Cx cx;              /* of the step, with messages about it */
    const OpStep *step;
    const OpInfo *info;
    Op op;
    Attrs attr;
    Word word[MAX_WORDS];
    int nword;
    Type in;            /* operand 0 */
    bool same, lower;   /* pad: same or same_lower */
    bool listed;        /* pad: all four sides */
} Call;

Word *op_word(Call *, const char *name);
/* Adds one node: the operator applied to in[0..nin) and to the tensors that its words say, the names of which end with
   suffix. Fills out[0..MAX_OUT) and returns the number of results; -1 after an error. */
int op_node(Call *, const char *name, const ValueId *in, int nin, const char *suffix, ValueId *out);

/* ---- spec_rnn.c ---- */
/* lstm, gru, rnn: layers and directions, each with its node. As op_expand. */
int rnn_expand(Call *, ValueId *out);
#endif
