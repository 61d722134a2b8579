#ifndef DSQ_SPEC_H
#define DSQ_SPEC_H
/* Reads a network spec in YAML: the graph, inputs, labels and weights. */
#include "../../ir/graph/graph.h"

/* How a picture becomes an input. mean, std: per channel, for samples of 0..1. resize: the shorter side in pixels
   before the centre crop; 0: the picture is scaled to the input's size. */
typedef struct InputSpec { const char *name; Type type; double mean[4], std[4]; int resize; } InputSpec;

typedef struct Param { const char *name, *value; } Param; /* --set name=value */

/* --shape NAME=1,3,224,224: the sizes of an input of a model, or of a dimension that the model calls so. */
typedef struct ModelShape { const char *name; Ints dim; } ModelShape;

/* The file in dir that was probably meant: the same name with .yaml or .yml, or the nearest name. As one would write
   it; NULL: there is none. */
const char *spec_near_file(Arena *, const char *dir, const char *name);
typedef struct Spec {
    const char *path, *name;     /* name: a C identifier */
    Graph *graph;
    InputSpec *input; int ninput;
    const char *const *labels; int nlabels; /* NULL, 0 where the spec has none */
    const char *weights;         /* path resolved beside the spec, or "random:SEED", or NULL */
    uint8_t sha256[32];          /* over the spec, every file that it included, and the parameters set */
    bool model;                  /* read from a model, with all its numbers; they are views into `mapped` */
    const struct Quantized *quantized; /* it computes with integers: for info alone. NULL: floats */
    VEC(struct Mapped { const uint8_t *p; size_t n; }) mapped;
} Spec;
/* A layer of a quantized model, as info shows it. out, weight: types with their grids; weight NULL: it has none. */
typedef struct QuantizedLayer { const char *kind, *name, *out, *weight; int64_t macs, bytes; } QuantizedLayer;
typedef struct Quantized {
    const char *type;            /* "int8" */
    const char **input, **output; int ninput, noutput; /* names and types */
    QuantizedLayer *layer; int nlayer;
    int64_t parameters, macs, bytes; /* of constants, as they are stored: bytes */
} Quantized;
void spec_close(Spec *); /* the numbers of a model must not be read any more. NULL is none */

/* Reads path ("-": standard input). NULL after errors. libdir: the installed specs/, where included files are looked
   for if they are not beside the including file. */
Spec *spec_load(Arena *, const char *path, const Param *set, int nset, const char *libdir);
/* The same on text in memory (fuzzing, tests); name is used in messages. */
Spec *spec_parse(Arena *, const char *name, const char *text, size_t n, const Param *set, int nset, const char *libdir);
/* The folder of the installed specs: $DSQC_SPECS, share/dsqc/specs beside the binary's bin, or specs beside build. NULL
   where there is none. */
const char *spec_libdir(Arena *);
/* The file that name means: itself, or, such as "resnet18", the spec of that name in libdir. NULL after a message. */
const char *spec_find(Arena *, const char *name, const char *libdir);
/* A file's name without folder and ending, as the name of a model. */
const char *spec_file_name(Arena *, const char *path);
/* A name that an input or output of a spec may have: a C identifier that no keyword takes. */
bool c_port_name(const char *);
/* The graph of s as the text of a spec that gives it again. from: what its first line says; weights: the file, NULL: it
   has none. (spec_write.c) */
void spec_write(Arena *, Buf *, const Spec *s, const char *from, const char *weights);
bool spec_keeps(const Graph *, ValueId); /* a constant that the weights file of such a spec holds */
bool spec_has_tensors(const Graph *);    /* whether it holds any */
/* JSON Schema (draft 2020-12) of the spec format, generated from the operator and attribute tables. */
void spec_schema(Buf *);
#endif
