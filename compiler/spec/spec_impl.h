#ifndef DSQ_SPEC_IMPL_H
#define DSQ_SPEC_IMPL_H
/* What the files of the spec reader share. The way of a spec:
     spec.c            the spec's own keys: name, labels, weights
     spec_interface.c  inputs and outputs
     spec_error.c      errors, hints, keys of maps, limits
     spec_file.c       files, includes, digest
     spec_param.c      declared parameters of specs and modules, --set
     expr/spec_expr.c  expressions: grammar
     expr/spec_arith.c expressions: arithmetic and comparisons
     expr/spec_text.c  texts with $name and ${expression}
     expr/spec_value.c scalars and lists by the type that is wanted
     spec_module.c     modules: their definition and their use
     spec_expand.c     bodies: steps, scopes, named values
     spec_loop.c       repetition: repeat and each
     spec_op.c         one operator, from the operator table
     spec_attr.c       its attributes and the words for its tensors
     spec_tensor.c     its tensors: types, names, sharing
     spec_rnn.c        recurrent layers: PyTorch's names, layers and directions
     spec_pad.c        a note on the order of a pad
   And back: spec_write.c, with spec_write_attr.c for texts and attributes.
   Every function that fails has said why, unless the reason was said before (a poisoned value). */
#include "spec.h"
#include "yaml.h"

enum {
    SPEC_ERRORS = 20, /* those that diag prints */
    SPEC_STEPS = 50000, SPEC_DEPTH = 64, SPEC_REPEAT = 10000, SPEC_FILES = 200, SPEC_PARAMS = 64,
    SPEC_TEXT = 1000,   /* bytes of an expanded text */
    SPEC_NAME = 255,    /* bytes of a scoped name */
    SPEC_BYTES = 4 << 20, /* of a file */
    SPEC_WORK = 4000000   /* scalars evaluated and names looked up; long texts count as several */
};

/* Values of the language. Lists are shared, never copied. */
typedef enum PvalKind { PV_INT, PV_NUM, PV_BOOL, PV_TEXT, PV_LIST } PvalKind;
typedef struct Pval Pval;
struct Pval {
    PvalKind kind;
    int n;                                                           /* PV_LIST */
    union { int64_t i; double d; bool b; const char *text; const Pval *item; } as;
};

/* A declared parameter. type: what a use must give. DECL_ANY: the default is an expression, so any value will do. */
typedef enum DeclType { DECL_INT, DECL_NUM, DECL_BOOL, DECL_TEXT, DECL_LIST, DECL_MODULE, DECL_ANY } DeclType;
typedef struct Decl { const char *name; Loc loc; DeclType type; const Yaml *dflt; /* NULL: required */ } Decl;
typedef struct Decls { Decl *v; int n; } Decls;

typedef struct Module {
    const char *name;
    Loc loc;
    Decls param;
    const char *const *input; int ninput;
    const Yaml *scope, *body, *output; /* scope, output: NULL where not given */
} Module;

/* A named parameter value. bad: its error was reported, so uses fail without a message. */
typedef struct Binding { const char *name; Pval val; bool bad; } Binding;
typedef struct Env { const Binding *v; int n; const struct Env *up; } Env;

typedef struct Reported { Loc loc; const char *fmt; int step; } Reported;
typedef struct SpecReader {
    Arena *arena;
    Spec *spec;
    Graph *graph;
    const char *libdir;
    Dict file_seen;
    Buf digest;                     /* all texts read, before hashing */
    VEC(Module) module;
    Dict module_by_name;
    const Env *env;                 /* the spec's parameters */
    Dict tensor_by_name;             /* index into tensor */
    Dict output_by_name;             /* index into the graph's outputs */
    /* alone: made by a step with `shared: true`, and no other step uses it yet */
    VEC(struct SpecTensor { const char *name; Loc loc; bool alone; }) tensor;
    VEC(int) listed_pads;           /* nodes whose pad lists all four sides */
    VEC(Reported) reported;
    int steps;
    int64_t work;
    bool stop;                      /* a limit was reached, so nothing more is expanded */
} SpecReader;

/* A use of a module that is being expanded: to find cycles, and for notes after an error. */
typedef struct ModuleUse { const Module *module; Loc loc; const struct ModuleUse *up; } ModuleUse;

enum { NO_VALUE = -1, POISON = -2 }; /* ValueId: nothing here; the result of a step that failed */

/* Where evaluation stands. */
typedef struct Cx {
    SpecReader *s;
    const Env *env;
    Dict *value;         /* named values of the module body: ValueId or POISON */
    const char *scope;   /* "layer1.0", "" at the top */
    int *number;         /* number of the next child of a sequential; NULL outside one */
    ValueId cur;         /* the previous result, which the next step takes */
    bool shared;         /* `shared: true` here or around: tensors may be those of earlier steps */
    const ModuleUse *use;
    int depth;
    const char *about, *key; /* what messages begin with: "conv2d 'conv1'" and the attribute at work, or NULL */
} Cx;

/* ---- spec.c ---- */
/* Reports an error, with notes for the modules in use. A step reports an error at a place once, however often its
   module is used. cx may be NULL. */
void spec_error(const Cx *, Loc, const char *hint, const char *fmt, ...) PRINTF(4, 5);
const char *spec_found(Arena *, const Yaml *); /* "'relu'", "a list", "a map", "nothing" */
const char *spec_show(Arena *, const char *);  /* quoted, long text cut */
bool spec_identifier(const char *);
/* A step has one of step_kinds. The keys step_keys are allowed in every step with `op`. */
extern const char *const step_kinds[5], *const step_keys[6];
bool step_is_kind(const char *key);
/* A hint for a name that is none of key[0..n): the nearest key, the key that it begins with, or that the name makes a
   step of another kind. */
const char *key_hint(Arena *, const char *name, const char *const *key, int n);
/* Every key of map must be one of key[0..n); what: "a module". False after errors. */
bool spec_keys(const Cx *, const Yaml *map, const char *what, const char *const *key, int n);
bool spec_work(const Cx *, Loc, size_t bytes); /* counts an evaluation; false once the budget is used up */
bool spec_full(void);                          /* enough errors: give up */

/* ---- spec_interface.c ---- */
bool spec_inputs(Cx *, const Yaml *);                        /* the first one becomes the current value */
bool spec_outputs(const Cx *, const Yaml *, Loc network);    /* of `output`, or NULL: the last result */

/* ---- spec_file.c ---- */
/* The path of `name` in the folder of `file`; name itself if it is absolute. */
const char *spec_beside(Arena *, const char *file, const char *name);
/* The text of the file `name`, which stands at loc: beside `file`, else in libdir. *path: where it was. NULL after an
   error. */
char *spec_read(const Cx *, const char *file, const char *name, Loc, const char **path, size_t *n);
/* "include: [modules/x.yaml] defines it", if dsqc comes with a file of that name; else NULL. */
const char *spec_bundled_module(SpecReader *, const char *name);
/* Parses a spec or module file. *file: its number, under which diag shows it. NULL after an error. */
const Yaml *spec_tree(SpecReader *, const char *path, const char *text, size_t n, int *file);
/* Defines the modules of root and of the files that it includes. */
bool spec_modules(const Cx *, const char *path, const Yaml *root);
void spec_digest_text(SpecReader *, const char *text, size_t n);
void spec_digest(SpecReader *, const Param *set, int nset); /* into spec->sha256 */

/* ---- spec_param.c ---- */
bool decls_read(SpecReader *, const Yaml *map, Decls *);
/* The spec's parameters, with --set; false after errors. */
bool params_read(SpecReader *, const Yaml *map, const Param *set, int nset);
const char *decl_doc(const Decl *); /* "an integer" */
/* The value of a parameter in a use. arg is evaluated in cx; where it is NULL, the default is evaluated in inner. */
bool param_bind(const Cx *cx, const Cx *inner, const Decl *, const Yaml *arg, Pval *);

/* ---- spec_expr.c ---- */
/* Evaluates an expression. what: the type that is wanted, "an integer", for messages. False after an error. */
bool eval_expr(const Cx *, const Yaml *, const char *what, Pval *);
const char *eval_text(const Cx *, const Yaml *);              /* NULL after an error */

/* ---- spec_value.c ---- */
bool eval_int(const Cx *, const Yaml *, int64_t *);
bool eval_num(const Cx *, const Yaml *, double *);
bool eval_bool(const Cx *, const Yaml *, bool *);
bool eval_list(const Cx *, const Yaml *, Pval *);
bool eval_ints(const Cx *, const Yaml *, Ints *);             /* a list, or one integer */
bool eval_any(const Cx *, const Yaml *, Pval *);
/* Is it a number, true or false, without quotes? Then *v is its value. */
bool literal(const Yaml *, Pval *);
bool is_expression(const char *text);                         /* has $name or a call, and no ${...} */
const char *pval_kind(const Pval *);                          /* "an integer" */
static inline bool pval_is_num(const Pval *v) { return v->kind == PV_INT || v->kind == PV_NUM; }
static inline double pval_num(const Pval *v) { return v->kind == PV_INT ? (double)v->as.i : v->as.d; }
const char *pval_text(Arena *, const Pval *);                 /* NULL for lists */
const Binding *env_find(const Env *, const char *name);
const char *env_hint(const Cx *, const char *name);

/* ---- spec_module.c ---- */
typedef struct Results { ValueId v[MAX_OUT]; int n; } Results; /* of a step; n = 0: it failed */
const Module *module_find(const SpecReader *, const char *name);
bool module_define(SpecReader *, const char *name, Loc, const Yaml *);
/* Expands a use of a module. step: gives the parameters. name: the scope that it opens; NULL: the module's own,
   if any. */
void module_use(const Cx *, const Module *, const Yaml *step, Loc, const char *name, const ValueId *in, int nin,
                Results *);

/* ---- spec_expand.c ---- */
const Yaml *step_key(const Yaml *step, const char *key); /* NULL where a step is only a word */
/* The values that `in` or `output` names. False after an error, also where one of them is poisoned. */
bool read_in(const Cx *, const Yaml *, const ValueId **in, int *n);
void expand_body(Cx *, const Yaml *list);
bool count_step(Cx *, Loc);                              /* false once there are too many */
ValueId value_find(const Cx *, const char *name, Loc); /* POISON after an error too */
const char *scope_join(const Cx *, const char *scope, const char *name, Loc); /* NULL after an error */

/* ---- spec_loop.c ---- */
/* kind: "repeat" or "each"; what: its value. */
void step_loop(Cx *, const Yaml *step, const char *kind, const Yaml *what, Results *);

/* ---- spec_op.c ---- */
typedef struct OpStep {
    const char *op_name;
    Loc loc;                 /* of the operator's name */
    const Yaml *keys;        /* the step's map, NULL where it has none */
    const char *tensor_scope, *node_name;
    const ValueId *in; int nin; bool in_given;
} OpStep;
bool op_exists(const char *name);                   /* operators, constant and parameter */
/* Adds the operator's nodes. Fills out[0..MAX_OUT) and returns the number of results; -1 after an error. */
int op_expand(const Cx *, const OpStep *, ValueId *out);
const char *const *op_names(Arena *, int *n);

/* ---- spec_pad.c ---- */
/* After an error of shapes: adds a note about the last pad before it whose four numbers may be in the order of
   PyTorch's F.pad. own: the pad of the step itself; NULL: it lists none. */
void spec_note_pads(const Cx *, const Ints *own, const OpStep *, const ValueId *in, int nin);

/* ---- spec_write_attr.c: into the text of a spec ---- */
void put_text(Buf *, const char *); /* as YAML and the language of specs read it back */
void put_int_list(Buf *, const int64_t *, int n);
void put_attr_list(Buf *, Attr, const Ints *); /* ", kernel: 3" */
/* Nothing where it is what it is without being said. rank: of the node's first operand. */
void put_attr(Buf *, const Node *, Attr, int rank);
#endif
