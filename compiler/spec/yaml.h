#ifndef DSQ_YAML_H
#define DSQ_YAML_H
/* YAML as a tree in which every scalar, list and map knows its place. The only user of libyaml. */
#include "../../ir/base/base.h"
#include "../../ir/base/diag.h"

typedef enum YamlKind { YAML_SCALAR, YAML_LIST, YAML_MAP } YamlKind;
typedef struct Yaml Yaml;
typedef struct YamlPair { const char *key; Loc key_loc; Yaml *val; } YamlPair;
struct Yaml {
    YamlKind kind;
    Loc loc;
    const char *text; bool quoted;      /* scalar; text is NUL-terminated without inner NULs */
    Yaml **item; int n;                 /* list */
    YamlPair *pair; int npair;          /* map, in the file's order; duplicate keys are errors */
};
/* Parses one document. NULL after an error. Errors are also: tags, several documents, keys that are no scalars, more
   than 100,000 nodes, a depth of more than 64, a file of more than 4 MiB. Aliases share subtrees and count
   as copies. */
Yaml *yaml_parse(Arena *, const char *text, size_t n, int file);
/* The same for another number of nodes, in thousands. */
Yaml *yaml_parse_up_to(Arena *, const char *text, size_t n, int file, int thousands);
Yaml *yaml_get(const Yaml *map, const char *key); /* NULL where the map lacks the key */
#endif
