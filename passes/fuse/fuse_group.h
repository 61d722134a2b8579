#ifndef DSQ_FUSE_GROUP_H
#define DSQ_FUSE_GROUP_H
/* Which elementwise nodes join which anchor. fuse-epilogue asks, and then rewrites the graph. */
#include "../edit.h"

typedef struct Group {
    Op anchor;
    ValueId alias;         /* operand of a map, equal to the anchor's value; else -1 */
    VEC(int) node;         /* in their order */
    VEC(ValueId) value;    /* the anchor's, then one per node */
    const Type *frame;
    int low;               /* a node whose Fuse.top is lower cannot depend on the group */
} Group;

/* What is known of values and nodes while groups grow. Entries about the group at work are zero between groups. */
typedef struct Fuse {
    Pass *p;
    Graph *g;
    bool settle;           /* groups leave nothing to others any more */
    bool *home;            /* per node: an anchor will take it, so what it reads need not be stored for it */
    int *top;              /* per node: no node that it depends on, or fused into one of those, stood behind here */
    int *at;               /* per value of the group: its position in Group.value, from 1 on */
    int *inner;            /* per value: reads by nodes of the group */
    int *outer;            /* per value from outside that the group reads: the node that asked first, from 1 on */
    bool *kept;            /* per value of the group: it is read outside, whichever nodes join */
    int *leaving;          /* per value: reads by nodes that may leave the group */
    int *seen, *reached, stamp; /* per node: the search that has been there, from below and from above */
    int *stack;
    VEC(ValueReader) ahead;
} Fuse;

Fuse fuse_start(Pass *, Graph *);
bool elementwise(const Node *);
bool bare_anchor(const Node *);

/* The largest group of an anchor and nodes at position `from` or after it. Call group_done before the next one. */
Group group_grow(Fuse *, int anchor, int from);
Group group_of_one(Fuse *, int map, int node); /* the node alone, which reads the map's result */
void group_done(Fuse *, const Group *);
/* The value's position in Group.value; -1: it is not of the group. */
static inline int group_find(const Fuse *f, const Group *s, ValueId v) { return v == s->alias ? 0 : f->at[v] - 1; }
/* How often a value of the group is read outside it; outputs count as reads. */
static inline int reads_outside(const Fuse *f, ValueId v) { return value_uses(f->g, v) - f->inner[v]; }
/* Is v, which `node` reads, made by nodes outside of a value of the group? */
bool group_depends(Fuse *, const Group *, ValueId v, int node);
int group_stored(const Fuse *, const Group *); /* how many of its values must be stored */
/* The group's nodes are now fused into the anchor. */
void group_fused(Fuse *, int anchor, const Group *);
#endif
