/* dsqc import */
#include <stdio.h>
#include <string.h>

#include "../driver.h"
#include "../network.h"
#include "cmd.h"
#include "term.h"

const char help_import[] =
    "Makes a spec of an ONNX or TensorFlow Lite model, to read, change and keep: SPEC.yaml, and the\n"
    "weights beside it in SPEC.safetensors. Every step has the name of the model's node, and every\n"
    "tensor its name. The spec compiles to the same kernels as the model does.\n";
const char examples_import[] =
    "  dsqc import model.onnx -o model.yaml\n"
    "  dsqc import keywords.tflite -o keywords.yaml\n"
    "  dsqc import segmenter.onnx --shape image=1,3,512,512 -o segmenter.yaml\n";

/* The folder of the spec, its name in there, and the name of the weights' file. */
typedef struct SpecPlace { const char *folder, *spec, *weights; } SpecPlace;

static SpecPlace import_place(Arena *A, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    const char *folder = !slash ? "." : slash == path ? "/" : arena_strndup(A, path, (size_t)(slash - path));
    int stem = dot ? (int)(dot - name) : (int)strlen(name);
    return (SpecPlace){folder, name, arena_printf(A, "%.*s.safetensors", stem, name)};
}

static bool write_weights(Arena *A, const Graph *g, OutDir *dir, const char *name)
{
    const Tensor **t = NEW(A, const Tensor *, g->value.n + 1);
    int n = 0;
    for (int i = 0; i < g->value.n; i++)
        if (spec_keeps(g, i))
            t[n++] = g->value.v[i].tensor;
    OutFile *f = outdir_begin(dir, name);
    if (f && !safetensors_write(f, t, n)) {
        out_abort(f);
        f = NULL;
    }
    return outdir_end(dir, f);
}

static bool write_spec(Arena *A, const Spec *s, const SpecPlace *p)
{
    const char *slash = strrchr(s->path, '/');
    bool tensors = spec_has_tensors(s->graph), ok;
    OutDir *dir = outdir_open(p->folder);
    Buf b = {0};
    spec_write(A, &b, s, arena_printf(A, "Made by 'dsqc import' of %s.", slash ? slash + 1 : s->path),
               tensors ? p->weights : NULL);
    ok = dir && (!tensors || write_weights(A, s->graph, dir, p->weights)) && outdir_add(dir, p->spec, b.s, b.n);
    buf_free(&b);
    if (dir && !ok)
        outdir_abort(dir);
    return ok && outdir_commit(dir);
}

/* A file of weights may be all that somebody has of a training: only one that an import has made is replaced. */
static bool may_replace(Arena *A, const Spec *s, const SpecPlace *p)
{
    static const char ours[] = "# Made by 'dsqc import'";
    char begins[sizeof ours];
    const char *path = arena_printf(A, "%s/%s", p->folder, p->weights);
    bool there = file_begins(path, begins, sizeof begins) >= 0;
    file_begins(arena_printf(A, "%s/%s", p->folder, p->spec), begins, sizeof begins);
    if (!there || !spec_has_tensors(s->graph) || !strcmp(begins, ours))
        return true;
    error_at(loc_file(diag_file(path, NULL, 0)),
             "it is there, and no import has made it with %s: choose another name for the spec", p->spec);
    return false;
}

/* The name of a spec, which is neither the model's nor that of the weights beside it. */
static bool names_spec(const Options *o)
{
    const char *slash = o->output ? strrchr(o->output, '/') : NULL, *name = slash ? slash + 1 : o->output;
    size_t n = name ? strlen(name) : 0;
    const char *dot = n ? strrchr(name, '.') : NULL;
    return n && strcmp(name, "-") && (!dot || !strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

int cmd_import(Arena *A, const Options *o)
{
    if (!names_spec(o))
        return usage_error(o->command, "which file? -o SPEC.yaml; the weights go beside it");
    Spec *s = network_read(A, o->file, o, NULL);
    bool ok = s && s->model;
    if (s && !ok)
        error_at(loc_file(diag_file(o->file, NULL, 0)), "this is a spec already");
    SpecPlace p = import_place(A, o->output);
    ok = ok && may_replace(A, s, &p) && write_spec(A, s, &p);
    if (ok && !o->quiet)
        fprintf(stderr, "%s: %s -> %s\n", s->name, plural(A, s->graph->node.n, "step"), o->output);
    spec_close(s);
    return !ok;
}
