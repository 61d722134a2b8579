#!/usr/bin/env bash
# Random graphs on every vector width that the interpreter has; the machine's own targets also as compiled C and through LLVM:
# three of four are strict, so that both backends agree to the bit on more than 200 strict graphs for each of these targets.
set -eu
first=${DSQ_SEED:-1}
echo "  seeds from $first"
random=$BUILD/tests/exec/random
# what runs is the compiler: with sanitizers it takes a fifth
part=1
! grep -q fsanitize "$BUILD/flags" || part=5
"$random" "$first" $((275 / part)) generic native x86-64-v3
"$random" "$first" $((50 / part)) aarch64
# rare graphs: without C they take a tenth of the time
"$random" $((first + 275)) $((500 / part)) llvm:native llvm:generic llvm:x86-64-v3
"$random" --products "$first" $((50 / part)) generic native x86-64-v3 aarch64
"$random" --recurrent "$first" $((100 / part)) aarch64
"$random" --recurrent "$first" $((10 / part)) generic llvm:native llvm:x86-64-v3
# any schedule that dsqc tune may try, or a person write
"$random" --schedules "$first" $((25 / part)) generic native x86-64-v3 aarch64 llvm:native:4
"$random" --products --schedules "$first" $((25 / part)) llvm:native llvm:x86-64-v3
