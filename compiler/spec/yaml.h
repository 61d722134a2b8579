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
/* Parses one document. Aliases share subtrees and are counted as if copied: more than 100,000 nodes, a depth beyond
   64 or a file beyond 4 MiB is an error, as are tags, several documents, non-scalar keys. NULL on error. */
Yaml *yaml_parse(Arena *, const char *text, size_t n, int file);
/* The same for another number of nodes, in thousands. */
Yaml *yaml_parse_up_to(Arena *, const char *text, size_t n, int file, int thousands);
Yaml *yaml_get(const Yaml *map, const char *key);
#endif
