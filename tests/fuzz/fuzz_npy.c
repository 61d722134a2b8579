/* libFuzzer: any bytes as .npy and, where the first bytes say so, as a picture. */
#include "../../compiler/io/image.h"
#include "../../compiler/io/io.h"
#include "fuzz.h"

#include <stdlib.h>

static void read_npy(Arena *a, const uint8_t *data, size_t n)
{
    Tensor t = {.name = "fuzz"};
    if (!npy_read(a, data, n, "fuzz", &t.type, &t.data)) {
        if (!diag_errors())
            abort();
        return;
    }
    t.stored = t.type.dtype;
    double sum = 0;
    for (int64_t i = 0; i < type_elems(&t.type); i++)
        sum += tensor_at(&t, i);
    volatile double kept = sum;
    (void)kept;
}

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    Image im;
    if (!image_known(data, n))
        read_npy(a, data, n);
    else if (!image_read(a, data, n, 3, &im) && image_scale(a, &im, 9, 9, 1, 1, 7, 7).w != 7)
        abort();
}
