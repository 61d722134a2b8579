/* libFuzzer: any bytes as a weights file (safetensors, or npz by its first bytes), bound to a small graph. */
#include "../../compiler/weights/file.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    WeightFile f = {.arena = a, .map = data, .n = n, .index = dict_new(a), .file = diag_file("fuzz", NULL, 0)};
    bool ok = n >= 4 && !memcmp(data, "PK", 2) ? npz_read(&f) : safetensors_read(&f);
    if (ok == (diag_errors() > 0))
        abort();
    double sum = 0;
    for (int i = 0; ok && i < f.entry.n; i++) {
        if (f.entry.v[i].member && !npz_load(&f, &f.entry.v[i]))
            continue;
        Tensor t = {.name = f.entry.v[i].name, .type = f.entry.v[i].type, .data = f.entry.v[i].data};
        t.stored = t.type.dtype;
        for (int64_t k = 0; k < type_elems(&t.type); k++)
            sum += tensor_at(&t, k);
    }
    volatile double kept = sum;
    (void)kept;
}
