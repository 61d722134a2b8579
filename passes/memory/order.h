#ifndef DSQ_ORDER_H
#define DSQ_ORDER_H
/* Orders of nodes and the memory that they need: what the pass (order.c) and its search (order_search.c) share. */
#include "blocks.h"

typedef struct Links { int *begin, *v; } Links; /* of node i: v[begin[i]] to v[begin[i + 1]] */
/* The nodes at positions begin to end - 1. */
typedef struct Part { int begin, end; int64_t given, peak; /* in the order given, in the best one known */ } Part;
typedef struct Ordering {
    Arena *A;
    Storages s;
    int n, *order;         /* nodes by position; nodes are numbered as given */
    Links before, behind;  /* nodes that a node needs and that need it */
    int *done;             /* per storage: nodes that have touched it */
    int *seen;             /* per storage: the end of the last part that asked for it */
    int64_t work;
} Ordering;

typedef struct Effect { int64_t during, after; } Effect;
/* Bytes alive while node runs, where `alive` are before, and when it has run. */
Effect order_effect(Ordering *, int node, int64_t alive);
/* The node has run (by 1), or has not after all (-1). */
void order_count(Ordering *, int node, int by);

/* Looks for an order of the part with a lower peak than part->peak, keeping `width` sets of a level; `floor` is low
   enough. o->done is what was touched before the part. True where nothing better is left to be found. */
bool order_search(Ordering *, Part *, int64_t alive, int64_t floor, int width);
#endif
