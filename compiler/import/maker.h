#ifndef DSQ_MAKER_H
#define DSQ_MAKER_H
/* What becomes of one node of a model: nodes of the graph, or a reason why not. */
#include "../../ir/graph/graph.h"

typedef struct NodeMaker {
    Graph *g;
    const char *name;         /* of the nodes that are made; NULL: none */
    Loc loc;
    int *made, most;          /* counts them, up to so many. NULL: nobody counts */
    const char *why, *help;   /* once something was refused */
} NodeMaker;

/* The reason why this node cannot be compiled and, or NULL, what helps. The first reason counts. Returns false. */
bool maker_refuse(NodeMaker *, const char *help, const char *fmt, ...) PRINTF(3, 4);

Attrs maker_defaults(Op);
Type maker_type(const NodeMaker *, ValueId); /* of rank 0 where it is -1 */
/* op(...) in the graph: nin values, or a list of them. -1 after refusing, also where one of them is -1. attr NULL: the
   defaults. */
ValueId maker_add(NodeMaker *, Op, const Attrs *, int nin, ...);
ValueId maker_add_list(NodeMaker *, Op, const Attrs *, const ValueId *, int nin);
/* The node of several results; -1 as above. */
int maker_add_node(NodeMaker *, Op, const Attrs *, const ValueId *, int nin);
ValueId maker_reshape(NodeMaker *, ValueId, int rank, const int64_t *dim);
/* Every step-th element from start to end, which it is not, along an axis. */
ValueId maker_slice(NodeMaker *, ValueId, int64_t axis, int64_t start, int64_t end, int64_t step);
#endif
