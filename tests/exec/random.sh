#!/usr/bin/env bash
# Random graphs on every vector width that the interpreter has; the machine's own targets also as compiled C.
set -u
first=${DSQ_SEED:-1}
echo "  seeds from $first"
"$BUILD/tests/exec/random" "$first" 50 generic native x86-64-v3 aarch64
"$BUILD/tests/exec/random" --products "$first" 50 generic native x86-64-v3 aarch64
