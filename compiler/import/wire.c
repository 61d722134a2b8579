/* The wire format of Protocol Buffers. */
#include "wire.h"

static bool wire_bad(Wire *w, const char *what)
{
    w->bad = what;
    w->p = w->end;
    return false;
}

bool wire_varint(Wire *w, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (w->p == w->end)
            return wire_bad(w, "it ends inside a number");
        uint8_t b = *w->p++;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
    }
    return wire_bad(w, "a number has more than ten bytes");
}

bool wire_fixed(Wire *w, int size, uint64_t *v)
{
    *v = 0;
    if (w->end - w->p < size)
        return wire_bad(w, "it ends inside a number");
    for (int i = 0; i < size; i++)
        *v |= (uint64_t)w->p[i] << (8 * i);
    w->p += size;
    return true;
}

static bool length(Wire *w, WireBytes *b)
{
    uint64_t n;
    if (!wire_varint(w, &n))
        return false;
    if (n > (uint64_t)(w->end - w->p))
        return wire_bad(w, "a length reaches beyond the end of what holds it");
    *b = (WireBytes){w->p, (size_t)n};
    w->p += n;
    return true;
}

bool wire_next(Wire *w, WireField *f)
{
    uint64_t tag;
    if (w->p == w->end || !wire_varint(w, &tag))
        return false;
    if (!(tag >> 3) || tag >> 3 > INT32_MAX)
        return wire_bad(w, "a field has no number");
    *f = (WireField){(int)(tag >> 3), (WireKind)(tag & 7), 0, {NULL, 0}};
    switch (f->kind) {
    case WIRE_VARINT: return wire_varint(w, &f->value);
    case WIRE_I64: return wire_fixed(w, 8, &f->value);
    case WIRE_I32: return wire_fixed(w, 4, &f->value);
    case WIRE_BYTES: return length(w, &f->bytes);
    }
    return wire_bad(w, "a field is of a kind that ONNX does not use");
}
