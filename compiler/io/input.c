/* One file to the numbers of one input. */
#include "io.h"

#include "image.h"

#include <string.h>

static Loc input_loc(const char *path)
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

/* ---- what an array of another shape may be, and what to save in its place; x stands for the array in Python ---- */

/* Dimensions without those of 1 in front; type_make has no more than the rank says. */
static Type without_ones(const Type *t)
{
    int i = 0;
    while (i < t->rank - 1 && t->dim[i] == 1)
        i++;
    return type_make(t->dtype, t->rank - i, t->dim + i);
}

static const char *batch_hint(Arena *a, const Type *have, const Type *want)
{
    int64_t n = have->dim[0];
    if (have->rank != want->rank || want->dim[0] == n || want->rank < 2)
        return NULL;
    for (int i = 1; i < want->rank; i++)
        if (have->dim[i] != want->dim[i])
            return NULL;
    int64_t size = want->dim[0];
    if (size > n)
        return arena_printf(a, "it holds %lld of the %lld that the input takes at once", (long long)n, (long long)size);
    return arena_printf(a, "it is a batch of %lld: save x[%s:%lld], x[%lld:%lld], ... and run each, "
                        "or give the spec's input the size %lld", (long long)n, size == 1 ? "0" : "", (long long)size,
                        (long long)size, (long long)(2 * size), (long long)n);
}

static void swap(int *x, int *y)
{
    int t = *x;
    *x = *y;
    *y = t;
}

/* The next permutation in lexicographic order; false behind the last. */
static bool next_order(int *perm, int n)
{
    int i = n - 2, k = n - 1;
    while (i >= 0 && perm[i] >= perm[i + 1])
        i--;
    if (i < 0)
        return false;
    while (perm[k] <= perm[i])
        k--;
    swap(&perm[i], &perm[k]);
    for (int lo = i + 1, hi = n - 1; lo < hi; lo++, hi--)
        swap(&perm[lo], &perm[hi]);
    return true;
}

static bool takes_to(const int *perm, const Type *have, const Type *want)
{
    for (int i = 0; i < want->rank; i++)
        if (have->dim[perm[i]] != want->dim[i])
            return false;
    return true;
}

/* The orders that are usual, then any; false where none leads to what is wanted. */
static bool find_order(const Type *have, const Type *want, int *perm)
{
    static const int last_first[2][4] = {{2, 0, 1}, {0, 3, 1, 2}}; /* [H,W,C] and [N,H,W,C] */
    int r = want->rank;
    if (r == 3 || r == 4) {
        memcpy(perm, last_first[r - 3], (size_t)r * sizeof *perm);
        if (takes_to(perm, have, want))
            return true;
    }
    for (int i = 0; i < r; i++)
        perm[i] = i;
    do
        if (takes_to(perm, have, want))
            return true;
    while (next_order(perm, r));
    return false;
}

static const char *order_hint(Arena *a, const Type *have, const Type *want)
{
    enum { MOST = 5 };
    int perm[MAX_RANK];
    if (have->rank != want->rank || want->rank < 2 || want->rank > MOST || !find_order(have, want, perm))
        return NULL;
    const char *list = "";
    for (int i = 0; i < want->rank; i++)
        list = arena_printf(a, "%s%s%d", list, i ? ", " : "", perm[i]);
    bool last = want->rank >= 3 && perm[want->rank - 3] == want->rank - 1;
    const char *what = last ? "its channels come last, first is expected" : "its dimensions are in another order";
    return arena_printf(a, "%s: save x.transpose(%s)", what, list);
}

static const char *shape_hint(Arena *a, const Type *have, const Type *want)
{
    Type h = without_ones(have), w = without_ones(want);
    const char *hint = batch_hint(a, have, want);
    if (!hint)
        hint = order_hint(a, have, want);
    if (!hint)
        hint = order_hint(a, &h, &w);
    if (hint || type_elems(have) != type_elems(want))
        return hint;
    const char *shape = "";
    for (int i = 0; i < want->rank; i++)
        shape = arena_printf(a, "%s%s%lld", shape, i ? ", " : "", (long long)want->dim[i]);
    return arena_printf(a, "it has as many elements: save x.reshape(%s) if they are in that order", shape);
}

/* Bytes where the spec says how pictures are normalized: nobody does that for arrays. */
static void warn_bytes(const char *path, const Type *t, const InputSpec *in)
{
    bool normalized = false;
    for (int i = 0; i < LEN(in->mean); i++)
        normalized = normalized || in->mean[i] != 0 || in->std[i] != 1;
    if (normalized && (t->dtype == DT_U8 || t->dtype == DT_I8))
        warn_at(input_loc(path), "it holds bytes, which are taken as they are; mean and std of the input '%s' are for "
                "pictures: save ((x / 255 - mean) / std).astype('float32')", in->name);
}

static bool read_npy(Arena *a, const uint8_t *data, size_t n, const char *path, const InputSpec *in, float *x)
{
    Tensor t = {.name = path};
    if (!npy_read(a, data, n, path, &t.type, &t.data))
        return false;
    if (!same_shape(&t.type, &in->type)) {
        const char *hint = shape_hint(a, &t.type, &in->type);
        error_at(input_loc(path), "has the shape %s, the input '%s' expects %s%s%s", type_text(a, &t.type), in->name,
                 type_text(a, &in->type), hint ? "; " : "", hint ? hint : "");
        return false;
    }
    warn_bytes(path, &t.type, in);
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

static bool colours(int64_t n) { return n == 1 || n == 3; }

/* Of [1,C,H,W] or, as TensorFlow has them, [1,H,W,C]. */
typedef struct Frame { int64_t c, h, w; bool last; } Frame;

static bool frame_of(const Type *t, Frame *f)
{
    const int64_t *d = t->dim;
    bool ok = t->rank == 4 && d[0] == 1 && (colours(d[1]) || (colours(d[3]) && d[2] > 1));
    if (ok)
        *f = colours(d[1]) ? (Frame){d[1], d[2], d[3], false} : (Frame){d[3], d[1], d[2], true};
    return ok;
}

static const char *read_picture(Arena *a, const uint8_t *data, size_t n, const InputSpec *in, float *x)
{
    Frame f;
    if (!frame_of(&in->type, &f))
        return arena_printf(a, "a picture fills f32[1,1,h,w], f32[1,3,h,w] or, channels last, f32[1,h,w,3]; the input "
                            "'%s' is %s", in->name, type_text(a, &in->type));
    if (f.h > IMAGE_MAX_SIDE || f.w > IMAGE_MAX_SIDE)
        return arena_printf(a, "the input '%s' is %s, too large for a picture", in->name, type_text(a, &in->type));
    Image im;
    const char *err = image_read(a, data, n, (int)f.c, &im);
    if (!err)
        err = fit(a, &im, in->resize, (int)f.w, (int)f.h);
    if (err)
        return err;
    int64_t plane = (int64_t)im.w * im.h;
    for (int c = 0; c < im.c; c++) {
        const float mean = (float)in->mean[c], std = (float)in->std[c];
        for (int64_t i = 0; i < plane; i++)
            x[f.last ? i * im.c + c : c * plane + i] = ((float)im.px[i * im.c + c] / 255.0f - mean) / std;
    }
    return NULL;
}

static bool is_npy(const uint8_t *data, size_t n) { return n >= 6 && !memcmp(data, "\x93NUMPY", 6); }

static int64_t input_bytes(const uint8_t *data, size_t n)
{
    return is_npy(data, n) ? npy_bytes(data, n) : image_bytes(data, n);
}

bool input_read(Arena *a, const char *path, const InputSpec *in, float *x)
{
    static const FileLimit limit = {.file = (int64_t)16 << 30, .pipe = (int64_t)1 << 30, .bytes = input_bytes};
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
            error_at(input_loc(path), "%s", err);
    } else {
        error_at(input_loc(path), "%s is neither .npy nor a PNG, JPEG, PPM or PGM picture", n ? "it" : "an empty file");
    }
    unmap_file(data, n);
    return ok;
}
