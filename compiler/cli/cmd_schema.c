/* dsqc schema */
#include <stdio.h>

#include "cmd.h"
#include "../spec/spec.h"

const char help_schema[] =
    "Prints the JSON Schema (draft 2020-12) of the spec format, generated from the operator and\n"
    "attribute tables, for completion and checking in editors.\n";
const char examples_schema[] =
    "  dsqc schema > deepsquare.schema.json\n"
    "  # then, as the first line of a spec, for editors with the YAML language server:\n"
    "  # yaml-language-server: $schema=deepsquare.schema.json\n";

int cmd_schema(Arena *A, const Options *o)
{
    (void)A;
    (void)o;
    Buf b = {0};
    spec_schema(&b);
    fwrite(b.s, 1, b.n, stdout);
    if (b.n && b.s[b.n - 1] != '\n')
        putchar('\n');
    buf_free(&b);
    return 0;
}
