#ifndef DSQ_ATTR_TEXT_H
#define DSQ_ATTR_TEXT_H
/* Operators and attributes as words of the text forms. Each function reports what was wrong where it returns false. */
#include "graph.h"
#include "../lex.h"

/* "[1,2]"; one number without brackets is a list of one. */
bool text_ints(Lex *, Ints *);
bool text_operator(Lex *, Op *, Loc *at);
/* An attribute's name. *row is its place among the operator's attributes. *given has a bit for each that was read. A
   second one of a name is an error. */
bool text_attr_name(Lex *, Op, unsigned *given, int *row);
bool text_attr_value(Lex *, Attr, Attrs *);
/* Are all required attributes given? */
bool text_attrs_complete(const Lex *, Op, Loc at, unsigned given);
#endif
