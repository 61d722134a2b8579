#!/usr/bin/env bash
# Random graphs of square convolutions, stride 1 and 2, by Winograd's kernels, every tile; other vector widths in the interpreter alone where
# the machine has them not.
set -u
first=${DSQ_SEED:-1}
echo "  seeds from $first"
"$BUILD/tests/exec/random" "$first" 12 native:{2,3,4,5,6} && "$BUILD/tests/exec/random" "$first" 6 generic:3 x86-64-v2:{2,6} x86-64-v3:4 aarch64:5
