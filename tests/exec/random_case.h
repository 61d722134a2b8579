#ifndef DSQ_RANDOM_CASE_H
#define DSQ_RANDOM_CASE_H
/* One random graph: its inputs, the reference's results and the loop interpreter's. */
#include "../../ir/loop/loops.h"
#include "../../ir/graph/graph.h"

enum { MAX_PORTS = 8 };

typedef struct Case {
    uint64_t seed;
    int winograd;              /* M, or 0 */
    Arena *A;
    Graph *g, *written, *chosen;
    Program *p;
    float *io[MAX_PORTS];      /* inputs, then the interpreter's outputs */
    double *ref[MAX_PORTS];    /* per output */
    double *largest;           /* magnitude, per value as written */
    void *arena;
    const char *wrong;
} Case;

int case_ports(const Case *);                        /* inputs and outputs */
const Type *case_port(const Case *, int i);
void case_fill(Case *);                              /* inputs and what the reference makes of them */
/* NULL, or what is wrong. */
const char *case_interpret(Case *);                  /* runs the interpreter on poisoned memory */
const char *case_against_reference(Case *);
#endif
