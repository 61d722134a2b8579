#ifndef DSQ_GRAPH_PARSE_H
#define DSQ_GRAPH_PARSE_H
/* The parser of the graph's text: values, constants, inputs and outputs (graph_parse.c), nodes (graph_parse_node.c). A
   function that returns false has said why. */
#include "attr_text.h"

typedef struct GraphParse {
    Lex lex;
    Arena *arena;
    Graph *g;
    Dict values;            /* "%" names -> ValueId */
} GraphParse;
typedef struct Stored { Type type; Layout layout; Region region; int64_t offset, bytes; } Stored;
typedef VEC(Ref) Refs;

bool gp_pair(GraphParse *, const char *first, int64_t *, const char *second, int64_t *); /* "(first=1, second=2)" */
bool gp_stored(GraphParse *, Stored *);                 /* a type, a layout, a region */
void gp_set_stored(Value *, const Stored *);
/* The key of a "%" name. *plain: the name, NULL of a plain value: a quoted name of digits is none. */
bool gp_value_key(GraphParse *, const char **key, const char **plain);
bool gp_define(GraphParse *, Loc, const char *key, ValueId);
bool gp_operands(GraphParse *, bool steps, Refs *);     /* steps: "$0" may stand among them */
bool gp_node(GraphParse *);
#endif
