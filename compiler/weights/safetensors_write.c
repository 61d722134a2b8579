/* Tensors to the safetensors format; safetensors.c says what that is. */
#include "../io/json.h"
#include "weights.h"

#include <string.h>

/* As a file holds them: halves stay halves, all else is f32. */
static const char *stored_as(const Tensor *t, int64_t *bytes)
{
    bool half = t->stored == DT_F16 || t->stored == DT_BF16;
    *bytes = type_elems(&t->type) * (half ? 2 : 4);
    return t->stored == DT_F16 ? "F16" : half ? "BF16" : "F32";
}

static void put_header(Buf *b, const Tensor *const *t, int n)
{
    json_t *root = js_object();
    int64_t at = 0, bytes;
    for (int i = 0; i < n; i++) {
        json_t *entry = js_object(), *shape = js_list(), *offsets = js_list();
        const char *dtype = stored_as(t[i], &bytes);
        for (int d = 0; d < t[i]->type.rank; d++)
            js_add(shape, js_int(t[i]->type.dim[d]));
        js_add(offsets, js_int(at));
        js_add(offsets, js_int(at += bytes));
        js_put_text(entry, "dtype", dtype);
        js_put(entry, "shape", shape);
        js_put(entry, "data_offsets", offsets);
        js_put(root, t[i]->name, entry);
    }
    js_print(b, root, JSON_COMPACT);
    while (b->n && b->s[b->n - 1] == '\n')
        b->n--;
    while (b->n % 8)
        buf_putc(b, ' ');
}

bool safetensors_write(OutFile *f, const Tensor *const *t, int n)
{
    Buf header = {0};
    uint8_t size[8];
    put_header(&header, t, n);
    for (int i = 0; i < 8; i++)
        size[i] = (uint8_t)((uint64_t)header.n >> (8 * i));
    bool ok = out_write(f, size, sizeof size) && out_write(f, header.s, header.n);
    buf_free(&header);
    for (int i = 0; ok && i < n; i++) {
        Arena *A = arena_new(); /* what is converted is needed for this tensor alone */
        int64_t bytes;
        stored_as(t[i], &bytes);
        bool half = bytes != type_elems(&t[i]->type) * 4;
        ok = out_write(f, half ? t[i]->data : tensor_f32(A, t[i]), (size_t)bytes);
        arena_free(A);
    }
    return ok;
}
