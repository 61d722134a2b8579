/* The one place that knows what may stand where a spec is meant. */
#include "network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../ir/base/files.h"
#include "onnx/onnx.h"
#include "tflite/tflite.h"

/* NAME=1,3,224,224; false after a message. */
static bool read_model_shape(Arena *A, const char *text, ModelShape *s)
{
    const char *equals = strrchr(text, '='), *p = equals;
    *s = (ModelShape){.name = equals ? arena_strndup(A, text, (size_t)(equals - text)) : text};
    while (p && *p && s->dim.n < MAX_RANK) {
        char *end;
        errno = 0;
        int64_t v = strtoll(p + 1, &end, 10);
        if (p[1] < '0' || p[1] > '9' || v < 1 || errno || (*end && *end != ','))
            break;
        s->dim.v[s->dim.n++] = v;
        p = end;
    }
    if (p && !*p && s->dim.n && *s->name)
        return true;
    error_at((Loc){0}, "--shape %s: expected NAME=1,3,224,224, at most %d sizes of 1 or more", text, MAX_RANK);
    return false;
}

/* Integers are shown, and nothing else is done with them yet. */
static Spec *floats_alone(Spec *s, const Options *o)
{
    if (!s || !s->quantized || o->command == CMD_info)
        return s;
    error_at(loc_file(diag_file(s->path, NULL, 0)), "the model computes with %s, and integers are not compiled yet: "
             "'dsqc info' shows it, and a float model of the network compiles", s->quantized->type);
    spec_close(s);
    return NULL;
}

typedef Spec *ModelParse(Arena *, const char *path, const uint8_t *, size_t n, const ModelShape *, int nshape);

/* The numbers are views into the file, which stays mapped until spec_close. */
static Spec *read_mapped(Arena *A, const char *path, const ModelShape *shape, int nshape, ModelParse *parse)
{
    size_t n;
    const uint8_t *p = map_file(path, &n);
    Spec *s = p ? parse(A, path, p, n, shape, nshape) : NULL;
    if (s)
        PUSH(A, &s->mapped, ((struct Mapped){p, n}));
    else
        unmap_file(p, n);
    return s;
}

static Spec *read_model(Arena *A, const char *path, const Options *o)
{
    ModelShape *shape = NEW(A, ModelShape, o->shape.n + 1);
    Loc at = loc_file(diag_file(path, NULL, 0));
    if (o->set.n)
        error_at(at, "--set is for specs: a model has no parameters (--shape settles sizes that it leaves open)");
    const char *weights = o->weights          ? "--weights"
                        : o->weights_prefix ? "--weights-prefix"
                        : o->weights_extra  ? "--weights-extra" : NULL;
    if (weights)
        error_at(at, "%s is for specs: a model holds its weights; 'dsqc import' makes a spec of it", weights);
    bool ok = !o->set.n && !weights;
    for (int i = 0; i < o->shape.n; i++)
        ok = read_model_shape(A, o->shape.v[i], &shape[i]) && ok;
    if (!ok)
        return NULL;
    return floats_alone(read_mapped(A, path, shape, o->shape.n, tflite_known(path) ? tflite_parse : onnx_parse), o);
}

Spec *network_read(Arena *A, const char *path, const Options *o, const char *libdir)
{
    if (strcmp(path, "-") && (onnx_known(path) || tflite_known(path)))
        return read_model(A, path, o);
    if (o->shape.n) {
        error_at(loc_file(diag_file(path, NULL, 0)), "--shape is for models: a spec says its sizes (--set changes its "
                 "parameters)");
        return NULL;
    }
    Param *set = NEW(A, Param, o->set.n);
    for (int i = 0; i < o->set.n; i++) {
        size_t n = strcspn(o->set.v[i], "=");
        set[i] = (Param){arena_strndup(A, o->set.v[i], n), o->set.v[i] + n + 1};
    }
    return spec_load(A, path, set, o->set.n, libdir);
}
