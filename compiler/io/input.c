/* One file to the numbers of one input. */
#include "io.h"

#include "image.h"

#include <string.h>

static Loc place(const char *path)
{
    return loc_file(diag_file(strcmp(path, "-") ? path : "<stdin>", NULL, 0));
}

static bool same_shape(const Type *a, const Type *b)
{
    int i = 0, j = 0;
    while (i < a->rank && a->dim[i] == 1)
        i++;
    while (j < b->rank && b->dim[j] == 1)
        j++;
    if (a->rank - i != b->rank - j)
        return false;
    for (; i < a->rank; i++, j++)
        if (a->dim[i] != b->dim[j])
            return false;
    return true;
}

static bool read_npy(Arena *a, const uint8_t *data, size_t n, const char *path, const InputSpec *in, float *x)
{
    Tensor t = {.name = path};
    if (!npy_read(a, data, n, path, &t.type, &t.data))
        return false;
    if (!same_shape(&t.type, &in->type)) {
        error_at(place(path), "has the shape %s, the input '%s' expects %s", type_text(a, &t.type), in->name,
                 type_text(a, &in->type));
        return false;
    }
    t.stored = t.type.dtype;
    memcpy(x, tensor_f32(a, &t), (size_t)type_elems(&t.type) * sizeof *x);
    return true;
}

/* Shorter side to `resize` and the middle of it, as torchvision's Resize and CenterCrop: the longer side is truncated,
   the corner rounded half to even. resize = 0: straight to w x h. */
static const char *fit(Arena *a, Image *im, int resize, int w, int h)
{
    int64_t sw = w, sh = h;
    if (resize) {
        int64_t shorter = imin(im->w, im->h), longer = (int64_t)resize * imax(im->w, im->h) / shorter;
        sw = im->w <= im->h ? resize : longer;
        sh = im->w <= im->h ? longer : resize;
    }
    if (sw < w || sh < h)
        return arena_printf(a, "resized to %lldx%lld it is smaller than the input's %dx%d", (long long)sw,
                            (long long)sh, w, h);
    int64_t x0 = (sw - w) / 2, y0 = (sh - h) / 2;
    x0 += (sw - w) % 2 && x0 % 2;
    y0 += (sh - h) % 2 && y0 % 2;
    *im = image_scale(a, im, sw, sh, x0, y0, w, h);
    return NULL;
}

static const char *read_picture(Arena *a, const uint8_t *data, size_t n, const InputSpec *in, float *x)
{
    const Type *t = &in->type;
    if (t->rank != 4 || t->dim[0] != 1 || (t->dim[1] != 1 && t->dim[1] != 3))
        return arena_printf(a, "a picture fills f32[1,1,h,w] or f32[1,3,h,w], the input '%s' is %s", in->name,
                            type_text(a, t));
    if (t->dim[2] > IMAGE_MAX_SIDE || t->dim[3] > IMAGE_MAX_SIDE)
        return arena_printf(a, "the input '%s' is %s, too large for a picture", in->name, type_text(a, t));
    Image im;
    const char *err = image_read(a, data, n, (int)t->dim[1], &im);
    if (!err)
        err = fit(a, &im, in->resize, (int)t->dim[3], (int)t->dim[2]);
    if (err)
        return err;
    int64_t plane = (int64_t)im.w * im.h;
    for (int c = 0; c < im.c; c++) {
        const float mean = (float)in->mean[c], std = (float)in->std[c];
        for (int64_t i = 0; i < plane; i++)
            x[c * plane + i] = ((float)im.px[i * im.c + c] / 255.0f - mean) / std;
    }
    return NULL;
}

static bool is_npy(const uint8_t *data, size_t n) { return n >= 6 && !memcmp(data, "\x93NUMPY", 6); }

static bool may_be_input(const uint8_t *data, size_t n) { return is_npy(data, n) || image_known(data, n); }

bool input_read(Arena *a, const char *path, const InputSpec *in, float *x)
{
    static const FileLimit limit = {.file = (int64_t)16 << 30, .pipe = (int64_t)1 << 30, .wanted = may_be_input};
    size_t n;
    const uint8_t *data = map_within(path, &limit, &n);
    if (!data)
        return false;
    bool ok = false;
    if (is_npy(data, n)) {
        ok = read_npy(a, data, n, path, in, x);
    } else if (image_known(data, n)) {
        const char *err = read_picture(a, data, n, in, x);
        ok = !err;
        if (err)
            error_at(place(path), "%s", err);
    } else {
        error_at(place(path), "%s is neither .npy nor a PNG, JPEG, PPM or PGM picture", n ? "it" : "an empty file");
    }
    unmap_file(data, n);
    return ok;
}
