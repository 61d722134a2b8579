/* dsqc export */
#include <stdio.h>

#include "cmd.h"
#include "../driver.h"
#include "../onnx/onnx.h"
#include "term.h"

const char help_export[] =
    "Writes the network as it stands in the spec, before any pass, with its weights as an ONNX model\n"
    "(opset 14, float32) for other runtimes and tools. Modules are ordinary ONNX operators in it.\n";
const char examples_export[] =
    "  dsqc export specs/resnet18.yaml --weights resnet18.safetensors -o resnet18.onnx\n"
    "  dsqc export specs/resnet18.yaml --set unit=square_encoding --weights random:1 -o square.onnx\n";

int cmd_export(Arena *A, const Options *o)
{
    Job j;
    int status = job_open(&j, A, o);
    if (status)
        return status;
    if (!o->output)
        return usage_error(o->command, "which file? -o MODEL.onnx");
    OnnxSize size;
    bool ok = job_read(&j) && onnx_write(A, j.written, o->output, &size);
    if (ok && !o->quiet)
        fprintf(stderr, "%s: %s, %s bytes -> %s\n", j.spec->name, plural(A, size.nodes, "ONNX node"),
                digits(A, size.bytes), o->output);
    job_close(&j);
    return !ok;
}
