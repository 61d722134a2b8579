#ifndef DSQ_FUZZ_H
#define DSQ_FUZZ_H
/* What every target does around its own work: an arena for one input, and no messages from earlier ones. */
#include "../../ir/base/base.h"
#include "../../ir/base/diag.h"

static Buf messages; /* about the input at hand */

/* The target's own. data: exactly n bytes, so that reading beyond them is seen. */
static void fuzz(Arena *, const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Arena *a = arena_new();
    diag_reset();
    diag_capture(&messages);
    fuzz(a, data, n);
    diag_reset();
    diag_capture(NULL);
    buf_free(&messages);
    arena_free(a);
    return 0;
}
#endif
