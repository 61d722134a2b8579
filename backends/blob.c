#include "backend.h"

Blob blob_layout(Arena *A, const Program *p)
{
    Blob b = {.at = NEW(A, int64_t, p->buf.n + 1)};
    for (int i = 0; i < p->buf.n; i++) {
        const PBuf *c = &p->buf.v[i];
        if (c->kind != BUF_CONST)
            continue;
        b.at[i] = b.bytes;
        b.bytes = round_up(b.bytes + type_elems(&c->type) * dtype_size(c->type.dtype), BLOB_ALIGN);
    }
    return b;
}
