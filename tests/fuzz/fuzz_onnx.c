/* libFuzzer: any bytes as an ONNX model; one that is taken becomes the text of a spec, too. */
#include "../../compiler/onnx/onnx.h"
#include "fuzz.h"

#include <stdlib.h>

static void fuzz(Arena *a, const uint8_t *data, size_t n)
{
    Spec *s = onnx_parse(a, "fuzz.onnx", data, n, NULL, 0);
    if (!s == !diag_errors())
        abort();
    if (!s)
        return;
    Buf b = {0};
    const char *wrong = graph_check(s->graph);
    spec_write(a, &b, s, "fuzz", "fuzz.safetensors");
    if (wrong || !b.n)
        abort();
    buf_free(&b);
    spec_close(s);
}
