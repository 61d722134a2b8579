#!/usr/bin/env bash
# Random graphs on every vector width that the interpreter has; the machine's own targets also as compiled C and through
# LLVM, which more of them are tried on, as it takes a tenth of the time.
set -u
first=${DSQ_SEED:-1}
echo "  seeds from $first"
random=$BUILD/tests/exec/random
"$random" "$first" 70 generic native x86-64-v3
"$random" "$first" 50 aarch64
"$random" $((first + 70)) 200 llvm:generic llvm:native llvm:x86-64-v3
"$random" --products "$first" 50 generic native x86-64-v3 aarch64
