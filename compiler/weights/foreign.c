/* Weights in the formats of other programs: what they are, and a line of Python that makes a .npz of them. */
#include "file.h"

#include <string.h>

/* Python between single quotes for a shell, so that it has double ones alone. argv: the file, the .npz. */
#define ARGV "import sys, numpy; a = sys.argv; "
#define SAVE(dict) "numpy.savez(a[2], **" dict ")"
static const char torch[] =
    ARGV "import torch; s = lambda v: getattr(getattr(v, \"state_dict\", lambda: v)(), \"items\", list)(); "
    "t = lambda v: {k: x.detach().float().numpy() for k, x in s(v) if torch.is_tensor(x)}; "
    "d = torch.load(a[1], \"cpu\"); d = max(map(t, [d, *getattr(d, \"values\", list)()]), key=len) or "
    "sys.exit(\"no tensors in it\"); " SAVE("d");
static const char keras[] = /* kernels lie [h, w, in, out] there, [h, w, in, factor] where they are depthwise */
    ARGV "import h5py; d = {}; "
    "t = lambda k, v: v.transpose((2, 3, 0, 1) if \"depthwise\" in k else (3, 2, 0, 1)) if v.ndim == 4 else v.T; "
    "h5py.File(a[1]).visititems(lambda k, v: d.update({k: t(k, v[()])}) if hasattr(v, \"dtype\") else None); "
    SAVE("d");
static const char tensorflow[] =
    ARGV "import tensorflow as tf; r = tf.train.load_checkpoint(a[1]); "
    "t = lambda v: v.transpose(3, 2, 0, 1) if v.ndim == 4 else v.T; "
    SAVE("{k: t(r.get_tensor(k)) for k, s in r.get_variable_to_shape_map().items() if s}");
static const char onnx[] =
    ARGV "import onnx, onnx.numpy_helper as h; m = onnx.load(a[1]); "
    SAVE("{i.name: h.to_array(i) for i in m.graph.initializer}");
static const char tflite[] =
    ARGV "import tensorflow as tf; i = tf.lite.Interpreter(a[1], experimental_preserve_all_tensors=True); "
    "i.allocate_tensors(); " SAVE("{t[\"name\"]: i.get_tensor(t[\"index\"]) for t in i.get_tensor_details()}");

const char *shell_word(Arena *a, const char *s)
{
    if (*s && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+,:=@%")])
        return s;
    Buf b = {0};
    for (; *s; s++)
        buf_printf(&b, *s == '\'' ? "'\\''" : "%c", *s);
    const char *text = arena_printf(a, "'%s'", b.s ? b.s : "");
    buf_free(&b);
    return text;
}

/* The file with .npz in place of its ending. */
static const char *npz_name(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    return arena_printf(a, "%.*s.npz", (int)(dot && dot > base ? dot - path : (int64_t)strlen(path)), path);
}

static void name_converter(const WeightFile *f, const char *what, const char *file, const char *script)
{
    const char *path = diag_path(f->file);
    error_at(loc_file(f->file), "is %s; this makes a .npz of it, which can be read:", what);
    error_more("  python3 -c '%s' %s %s", script, shell_word(f->arena, file ? file : path),
               shell_word(f->arena, npz_name(f->arena, path)));
}

void foreign_torch(const WeightFile *f)
{
    name_converter(f, "a PyTorch checkpoint, which only Python can read", NULL, torch);
}

static bool begins(const WeightFile *f, size_t at, const char *magic, size_t n)
{
    return f->n >= at + n && !memcmp(f->map + at, magic, n);
}

/* TensorFlow's checkpoints are several files under one name: x.index, x.data-00000-of-00001. */
static const char *checkpoint(Arena *a, const char *path)
{
    const char *end = text_ends_with(path, ".index") ? strrchr(path, '.') : strstr(path, ".data-0");
    return end ? arena_strndup(a, path, (size_t)(end - path)) : NULL;
}

bool foreign_report(const WeightFile *f)
{
    const char *path = diag_path(f->file), *base = checkpoint(f->arena, path);
    if (begins(f, 0, "\x80", 1))
        foreign_torch(f);
    else if (begins(f, 0, "\x89HDF\r\n\x1a\n", 8))
        name_converter(f, "an HDF5 file, as Keras writes them", NULL, keras);
    else if (begins(f, 4, "TFL3", 4))
        name_converter(f, "a TFLite model", NULL, tflite);
    else if (base)
        name_converter(f, "a part of a TensorFlow checkpoint", base, tensorflow);
    else if (text_ends_with(path, ".onnx") && begins(f, 0, "\x08", 1)) /* the model's version comes first */
        name_converter(f, "an ONNX model", NULL, onnx);
    else
        return false;
    return true;
}
