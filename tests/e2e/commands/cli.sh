#!/usr/bin/env bash
# The command line itself: help, nearest names, exit statuses, standard input and output, nothing left after failures.
set -u
export TMPDIR=$WORK/tmp
mkdir "$TMPDIR"
spec=$WORK/net.yaml
cat >"$spec" <<'YAML'
name: net
params: {classes: 4}
input:
  image: {type: 'f32[1,3,12,12]', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
labels: [ant, bee, cat, dog]
network:
  - {op: conv2d, name: conv1, out: 8, kernel: 3, pad: 1, stride: 2}
  - relu
  - {op: mean, axes: [2, 3]}
  - {op: linear, name: fc, out: $classes}
  - softmax
output: scores
YAML
/usr/bin/python3 - "$WORK" <<'PY'
import sys
import numpy as np
rng = np.random.default_rng(3)
np.save(sys.argv[1] + "/x.npy", rng.standard_normal((1, 3, 12, 12)).astype("f4"))
np.save(sys.argv[1] + "/ones.npy", np.ones((2, 5), "f4"))
np.save(sys.argv[1] + "/bad.npy", rng.standard_normal((1, 3, 12, 13)).astype("f4"))
PY
w=(--weights random:1)

ok() { echo "ok $1"; }
bad() { echo "not ok $1"; shift; printf '  %s\n' "$@"; sed 's/^/  | /' "$WORK/out.txt" "$WORK/err.txt"; }

# expect NAME STATUS STDOUT-REGEX STDERR-REGEX ARGUMENTS...: an empty expression wants empty output
expect()
{
    local name=$1 status=$2 out=$3 err=$4 got
    shift 4
    "$DSQC" "$@" >"$WORK/out.txt" 2>"$WORK/err.txt" </dev/null
    got=$?
    if [ "$got" != "$status" ]; then
        bad "$name" "status $got, expected $status: dsqc $*"
    elif ! matches "$out" "$WORK/out.txt"; then
        bad "$name" "standard output does not match '$out': dsqc $*"
    elif ! matches "$err" "$WORK/err.txt"; then
        bad "$name" "standard error does not match '$err': dsqc $*"
    else
        ok "$name"
    fi
}
matches() { if [ -z "$1" ]; then [ ! -s "$2" ]; else grep -qE -- "$1" "$2"; fi; }

# check NAME COMMAND...: the command succeeds
check()
{
    local name=$1
    shift
    if "$@" >"$WORK/check.txt" 2>&1 </dev/null; then ok "$name"; else bad "$name" "failed: $*"; sed 's/^/  > /' "$WORK/check.txt"; fi
}

# ---- help and version ----
expect 'help' 0 '^  compile +SPEC' '' --help
expect 'no command' 2 '' 'usage: dsqc COMMAND'
expect 'version' 0 '^dsqc [0-9]+\.[0-9]+\.[0-9]+$' '' --version
for c in $("$DSQC" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect "help of $c" 0 "^usage: dsqc $c" '' "$c" --help
    expect "help $c" 0 "^usage: dsqc $c" '' help "$c"
done

# ---- wrong command lines ----
expect 'unknown command' 2 '' "unknown command 'compil'; did you mean 'compile'" compil
expect 'unknown option' 2 '' "unknown option '--wieghts'; did you mean '--weights'" compile "$spec" --wieghts=x
expect 'unknown letter' 2 '' "unknown option '-x'" compile "$spec" -x
expect 'option of another command' 2 '' "'--layers' is an option of 'bench'" info "$spec" --layers
expect 'value missing' 2 '' '--weights needs a value' compile "$spec" --weights
expect 'value empty' 2 '' '--weights needs a value' compile "$spec" --weights=
expect 'flag with a value' 2 '' '--strict takes no value' compile "$spec" --strict=1
expect 'number wanted' 2 '' "--runs takes a whole number from 1 to 1000000, not 'many'" bench "$spec" --runs many
expect 'number below 1' 2 '' "not '0'" bench "$spec" --runs 0
expect 'level' 2 '' "-O takes a level from 0 to 3, not '9'" compile "$spec" -O9
expect 'choice' 2 '' "--emit takes .*, not 'object'" compile "$spec" --emit=c,object
expect 'choice nearest' 2 '' "not 'shard'; did you mean 'shared'" compile "$spec" --emit=shard
expect 'target' 2 '' "unknown target 'cortex-m5'; did you mean 'cortex-m55'|did you mean 'cortex-m[47]'" info "$spec" --target=cortex-m5
expect 'targets listed' 2 '' 'targets are .*generic.*rv64gc' info "$spec" --target=zzzzzzzz
expect 'two backends' 2 '' '--engine=llvm and --backend=c exclude each other' run "$spec" --engine=llvm --backend=c
expect 'C of LLVM' 2 '' '--backend=llvm and --emit=c exclude each other' compile "$spec" --backend=llvm --emit=obj,c
expect 'arrays of LLVM' 2 '' '--backend=llvm and --weights-as=c' compile "$spec" --backend=llvm --weights-as=c
expect 'processor of C' 2 '' '--cpu is LLVM.s: it needs --backend=llvm' compile "$spec" --cpu=znver4
(
    DSQC=$BUILD/tests/dsqc-nollvm
    expect 'no llvm: backend' 2 '' 'built without LLVM; install llvm-19-dev' compile "$spec" --backend=llvm
    expect 'no llvm: text' 2 '' 'built without LLVM' compile "$spec" --emit=llvm-ir
    expect 'no llvm: engine' 2 '' 'built without LLVM' run "$spec" --engine=llvm
    expect 'no llvm: C' 0 '' '' compile "$spec" --weights random:1 -q -o "$WORK/nollvm"
)
expect 'shared on a microcontroller' 2 '' 'no shared libraries on cortex-m4' compile "$spec" --target=cortex-m4 --emit=shared
expect 'no spec' 2 '' 'which SPEC' compile
expect 'two specs' 2 '' "unexpected argument 'b.yaml'" compile "$spec" b.yaml
expect 'operand too many' 2 '' "unexpected argument 'x'" schema x
expect 'unknown pass' 2 '' "there is no pass 'nonsense'" info "$spec" --passes=nonsense
expect 'unknown disabled pass' 2 '' "there is no pass 'nonsense'" info "$spec" --disable-pass=nonsense
expect 'unknown stop' 2 '' "there is no pass 'fuse-epilog', did you mean 'fuse-epilogue'" opt "$spec" --stop-after=fuse-epilog
expect 'unknown stop on loops' 2 '' "unknown pass on loops 'dce'" opt --loops "$spec" --stop-after=dce
expect 'stop on loops in a graph' 2 '' "there is no pass 'loop-unroll'" opt "$spec" --stop-after=loop-unroll
expect 'stop without text' 2 '' '--stop-after=dce leaves text only: --emit=graph -o -' compile "$spec" --stop-after=dce -o "$WORK/none"
expect 'stop with the other text' 2 '' '--stop-after=loop-unroll leaves text only: --emit=loops -o -' compile "$spec" --stop-after=loop-unroll --emit=graph -o -
expect 'unknown dump' 2 '' "there is no pass 'nonsense'" info "$spec" --print-ir-after=nonsense
expect 'unknown loop pass' 2 '' "unknown pass on loops 'loop-unrol'; did you mean 'loop-unroll'" opt --loops --passes=loop-unrol "$spec"
expect 'set without value' 2 '' '--set takes NAME=VALUE' info "$spec" --set classes

# ---- wrong input ----
expect 'no such file' 1 '' 'nothing.yaml.*error' info "$WORK/nothing.yaml"
for name in resnet1:resnet18 dscn.yaml:tiny/dscnn here/resnet5O.yaml:resnet50; do
    expect "neither file nor bundled: ${name%:*}" 1 '' "^${name%:*}: error: neither a file nor a bundled spec; did you mean '${name#*:}'\?$" info "${name%:*}"
done
expect 'nothing near' 1 '' '^qqqqqqqq: error: neither a file nor a bundled spec$' info qqqqqqqq
(
    dsqc=$DSQC DSQC=$WORK/there
    printf '#!/bin/sh\ncd "%s" && exec "%s" "$@"\n' "$WORK/folder" "$dsqc" >"$DSQC"
    chmod +x "$DSQC" && mkdir -p "$WORK/folder/lenet" "$WORK/folder/tiny/lenet"
    expect 'a folder of the name of a bundled spec' 0 'lenet' '' info tiny/lenet
    expect 'a folder alone' 1 '' '^lenet: error: is a directory, expected a file' info lenet
)
expect 'unknown parameter' 1 '' "did you mean 'classes'" info "$spec" --set classs=3
expect 'no weights' 1 '' 'names no weights: give --weights' compile "$spec" -o "$WORK/none"
printf "input: {x: 'f32[2,5]'}\nnetwork: [sqrt]\noutput: y\n" >"$WORK/sqrt.yaml"
expect 'no parameters, no weights' 0 '' ' 0 bytes of weights' compile "$WORK/sqrt.yaml" -o "$WORK/sqrt"
expect 'no parameters, no weights, export' 0 '' '1 ONNX node' export "$WORK/sqrt.yaml" -o "$WORK/sqrt.onnx"
printf "input: {x: 'f32[1,28]'}\nnetwork:\n  - {op: linear, name: c, out: 2147483648}\n" >"$WORK/large.yaml"
expect 'more weights than memory' 1 '' "large.yaml:3:10: error: all weights up to 'c.weight'.*this machine has" \
    compile "$WORK/large.yaml" "${w[@]}" -o "$WORK/none"
expect 'weights file missing' 1 '' 'nothing.safetensors.*error' compile "$spec" --weights "$WORK/nothing.safetensors" -o "$WORK/none"
expect 'unwritable folder' 1 '' 'error: cannot write' compile "$spec" "${w[@]}" -o /proc/none
expect 'folder is a file' 1 '' 'error: .*directory' compile "$spec" "${w[@]}" -o "$spec/x"
check 'nothing left behind' test ! -e "$WORK/none"
if "$DSQC" schema >/dev/full 2>"$WORK/err.txt"; then bad 'standard output full'; else ok 'standard output full'; fi

# ---- export ----
expect 'export' 0 '' 'net: 5 ONNX nodes, [0-9,]+ bytes -> ' export "$spec" "${w[@]}" -o "$WORK/net.onnx"
"$DSQC" export "$spec" "${w[@]}" -q -o - >"$WORK/piped.onnx" 2>"$WORK/err.txt"
check 'export to standard output' cmp "$WORK/net.onnx" "$WORK/piped.onnx"
check 'no path in the model' sh -c '! grep -qF -e "$1" -e "$2" "$3"' - "$WORK" "$PWD" "$WORK/net.onnx"
expect 'export without a file' 2 '' 'which file\? -o MODEL.onnx' export "$spec" "${w[@]}"
expect 'export without weights' 1 '' 'names no weights: give --weights' export "$spec" -o "$WORK/none"
expect 'export to nowhere' 1 '' 'error: cannot write' export "$spec" "${w[@]}" -o /proc/none/net.onnx

# ---- compile ----
expect 'compile' 0 '' 'net for .*: [0-9]+ kernels' compile "$spec" "${w[@]}" -o "$WORK/a"
expect 'compile quietly' 0 '' '' compile "$spec" "${w[@]}" -o "$WORK/b" -q
check 'same bytes' diff -r "$WORK/a" "$WORK/b"
check 'report' jq -es '.[0] | .name == "net" and (.kernels | length > 0) and .macs > 0 and .arena_bytes > 0 and .stack_bytes > 0 and
    (.spec_sha256 | length == 64) and (.weights_sha256 | length == 64) and .kernels[0].layers[0] == "conv1"' "$WORK/a/net.json"
check 'no path in the output' sh -c '! grep -rqF -e "$1" -e "$2" "$3"' - "$WORK" "$PWD" "$WORK/a"
expect 'a library for threads' 0 '' '' compile "$spec" "${w[@]}" --emit=lib --threads -q -o "$WORK/lib"
check 'comes with the pool' cmp runtime_min/dsq_pool.c "$WORK/lib/dsq_pool.c"
"$DSQC" compile - "${w[@]}" -q -o "$WORK/c" <"$spec" 2>"$WORK/err.txt"
check 'spec from standard input' diff "$WORK/a/net.h" "$WORK/c/net.h"
for e in graph loops; do
    "$DSQC" compile "$spec" "${w[@]}" --emit=$e -o - >"$WORK/net.$e" 2>"$WORK/err.txt"
    flag=; [ $e = graph ] || flag=--loops
    # shellcheck disable=SC2086
    "$DSQC" opt $flag - <"$WORK/net.$e" >"$WORK/again.$e" 2>>"$WORK/err.txt"
    check "$e text reads back" test -s "$WORK/again.$e"
done
for stop in canonicalize:graph lower:loops loop-unroll:loops; do
    "$DSQC" compile "$spec" "${w[@]}" --emit=${stop#*:} -o - --stop-after=${stop%:*} 2>"$WORK/err.txt" | grep . >"$WORK/stopped"
    "$DSQC" compile "$spec" "${w[@]}" --print-ir-after=${stop%:*} -q -o "$WORK/dumped" 2>"$WORK/dump"
    check "stop after ${stop%:*}" sh -c 'sed 1d "$1" | grep . | diff - "$2" && [ -s "$2" ]' - "$WORK/dump" "$WORK/stopped"
done
expect 'two texts to standard output' 2 '' 'takes one text' compile "$spec" "${w[@]}" --emit=graph,loops -o -
expect 'every result' 0 '' 'net for' compile "$spec" "${w[@]}" --emit=c,obj,asm,lib,shared,selftest,graph,loops -o "$WORK/all"
check 'every result is there' sh -c 'cd "$1" && ls net.h net.c net.json net.o net.s libnet.a libnet.so net_selftest.c net.dsq net.loops' - "$WORK/all"
expect 'object alone' 0 '' 'net for' compile "$spec" "${w[@]}" --emit=obj -o "$WORK/obj"
check 'object needs nothing' sh -c '! nm -u "$1" | grep .' - "$WORK/obj/net.o"
check 'object comes with its header' test -f "$WORK/obj/net.h" -a ! -f "$WORK/obj/net.c"
expect 'weights in the object' 0 '' '' compile "$spec" "${w[@]}" --weights-as=asm --emit=obj -q -o "$WORK/inc"
check 'weights are not beside the object' test -f "$WORK/inc/net.o" -a ! -e "$WORK/inc/net.bin"
expect 'weights in a file' 0 '' '' compile "$spec" "${w[@]}" --weights-as=file --emit=shared,selftest -q -o "$WORK/file"
check 'self-test reads the file' sh -c 'cd "$1" && ${CC:-cc} -DDSQ_SELFTEST_STDIO net_selftest.c -L. -lnet -o t && LD_LIBRARY_PATH=. ./t' - "$WORK/file"
check 'self-test of C' sh -c 'cd "$1" && ${CC:-cc} -O2 -march=native net.c net_selftest.c -o t && ./t' - "$WORK/all"
# The recorded outputs of x / 0, sqrt(x) and x itself are infinities, NaN and numbers; wrong ones are seen among them.
cat >"$WORK/odd.yaml" <<'YAML'
input: {x: 'f32[1,9]'}
network:
  - {op: sub, in: [x, x], as: zero}
  - {op: div, in: [x, zero], as: pole}
  - {op: sqrt, in: x, as: root}
  - {op: neg, in: x, as: number}
output: [pole, root, number]
YAML
expect 'self-test of odd numbers' 0 '' '' compile "$WORK/odd.yaml" --target=generic --emit=c,selftest -q -o "$WORK/odd"
check 'odd numbers are recorded' grep -E 'DSQ_NAN.*' "$WORK/odd/odd_selftest.c"
check 'infinities are recorded' grep -E -e '-DSQ_INF.*' "$WORK/odd/odd_selftest.c"
selftest() { (cd "$WORK/odd" && ${CC:-cc} -O2 -Wall -Wextra -Werror -ffp-contract=off -DDSQ_SELFTEST_STDIO odd.c "$1" -o t && ./t); }
check 'self-test with odd numbers' selftest odd_selftest.c
for change in 's/-DSQ_INF/DSQ_INF/' 's/DSQ_INF/1.0f/' 's/DSQ_NAN/1.0f/' 's/DSQ_NAN/DSQ_INF/'; do
    sed "/^static const/,/;/ $change" "$WORK/odd/odd_selftest.c" >"$WORK/odd/wrong.c"
    check "self-test with $change fails" sh -c '! (cd "$1" && ${CC:-cc} -O2 odd.c wrong.c -o w && ./w) && [ -x "$1/w" ]' - "$WORK/odd"
done
cp -r "$WORK/a" "$WORK/before"
CC=false expect 'failing C compiler' 1 '' 'the C compiler failed: false' compile "$spec" "${w[@]}" --emit=c,obj --set classes=7 -o "$WORK/a"
check 'failure keeps the old output' diff -r "$WORK/a" "$WORK/before"
CC=no-such-cc expect 'absent C compiler' 1 '' "cannot start 'no-such-cc'" run "$spec" "${w[@]}" -i "$WORK/x.npy"
CC='env -i PATH=/usr/bin:/bin cc' expect 'CC with arguments' 0 'ant|bee|cat|dog' '' run "$spec" "${w[@]}" -i "$WORK/x.npy" -q

# ---- run ----
expect 'labels' 0 '^ +[0-9.e+-]+  (ant|bee|cat|dog)$' 'the first run' run "$spec" "${w[@]}" --input image="$WORK/x.npy" --top 2
check 'two labels' sh -c '[ "$(wc -l <"$1")" = 2 ]' - "$WORK/out.txt"
for n in 3 5; do
    expect "labels of another count, $n" 0 '^ +[0-9.e+-]+  \[[0-4]\]$' "warning: the labels are not used: there are 4, and 'scores' has $n elements" \
        run "$spec" "${w[@]}" -i "$WORK/x.npy" -q --set classes=$n
    check "no label, $n" sh -c '! grep -E "ant|bee|cat|dog" "$1" && [ "$(wc -l <"$2")" = 1 ]' - "$WORK/out.txt" "$WORK/err.txt"
    expect "labels of another count in a series, $n" 0 '\[[0-4]\]' "there are 4, and 'scores' has $n elements" \
        run "$spec" "${w[@]}" -i "$WORK/x.npy" -i "$WORK/x.npy" -q --set classes=$n
done
expect 'array out' 0 '' '' run "$spec" "${w[@]}" -i "$WORK/x.npy" -o "scores=$WORK/c.npy" -q
expect 'reference out' 0 '' '' run "$spec" "${w[@]}" -i "$WORK/x.npy" -o "$WORK/r.npy" -q --engine=reference
check 'engines agree' /usr/bin/python3 -c 'import numpy, sys; a, b = (numpy.load(f) for f in sys.argv[1:]); assert a.shape == (1, 4) and abs(a - b).max() < 1e-5 * abs(b).max() and abs(b.sum() - 1) < 1e-5' "$WORK/c.npy" "$WORK/r.npy"
"$DSQC" run "$spec" "${w[@]}" -i - -o - -q <"$WORK/x.npy" >"$WORK/s.npy" 2>"$WORK/err.txt"
check 'arrays through standard input and output' cmp "$WORK/s.npy" "$WORK/c.npy"
expect 'series' 0 '^  x.npy .*(ant|bee|cat|dog)' '' run "$spec" "${w[@]}" -i "$WORK/x.npy" -i "$WORK/x.npy" --top 1 --check
/usr/bin/python3 -c 'import sys, numpy; numpy.save(sys.argv[1], numpy.array([[4, -1, 9, -1, 16], [-1] * 5], "f4"))' "$WORK/nan.npy"
expect 'NaN counted' 0 '^y: 7 of 10 elements are NaN$' '' run "$WORK/sqrt.yaml" -i "$WORK/nan.npy" --top 2 -q
check 'others printed' sh -c 'printf "    4.0000  [4]\n    3.0000  [2]\n" >"$2" && sed 1,2d "$1" | head -2 | cmp - "$2" && [ "$(wc -l <"$1")" = 5 ]' - "$WORK/out.txt" "$WORK/want"
expect 'no NaN counted' 0 '^' '' run "$WORK/sqrt.yaml" -i "$WORK/ones.npy" -q
check 'nothing said of NaN' sh -c '! grep NaN "$1"' - "$WORK/out.txt"
expect 'no input' 2 '' 'no file for the input: --input image=FILE, f32\[1,3,12,12\]' run "$spec" "${w[@]}"
expect 'unknown input' 2 '' "no 'imgae'; did you mean 'image'" run "$spec" "${w[@]}" -i imgae="$WORK/x.npy"
expect 'input of another shape' 1 '' 'bad.npy.*f32\[1,3,12,13\]|bad.npy.*1,3,12,13' run "$spec" "${w[@]}" -i "$WORK/bad.npy"
expect 'input missing' 1 '' 'nothing.npy' run "$spec" "${w[@]}" -i "$WORK/nothing.npy"
expect 'foreign target' 1 '' 'cannot run the code here' run "$spec" "${w[@]}" -i "$WORK/x.npy" --target=cortex-m4
expect 'output of a series' 2 '' 'for one run' run "$spec" "${w[@]}" -i "$WORK/x.npy" -i "$WORK/x.npy" -o "$WORK/no.npy"
expect 'unwritable output' 1 '' 'cannot write' run "$spec" "${w[@]}" -i "$WORK/x.npy" -o /proc/y.npy

# ---- verify, bench, info, schema, opt ----
expect 'verify' 0 'worst [0-9.e-]+' '' verify "$spec" --runs 2
expect 'verify threads' 0 'worst [0-9.e-]+' '' verify "$spec" --runs 1 --threads 3
expect 'verify loops' 0 'worst [0-9.e-]+' '' verify "$spec" --runs 1 --engine=loops --target=generic
expect 'verify beyond tolerance' 1 'conv1.*beyond tolerance' "error: 'conv1.*of the largest magnitude away" verify "$spec" --tolerance 1e-12
expect 'bench' 0 'median +[0-9.]+ [mu]s' '' bench "$spec" --runs 5 --layers
expect 'bench json' 0 'median_ms' '' bench "$spec" --runs 5 --json --threads 2
check 'bench json keys' jq -es '.[0] | (keys == ["backend","direct_ms","gflop","gflops","median_ms","min_ms","name","p95_ms","peak_gflops","roofline_ms","roofline_share","runs","target","threads"]) and
    .runs == 5 and .threads == 2 and .min_ms <= .median_ms and .median_ms <= .p95_ms and .peak_gflops > 1' "$WORK/out.txt"
expect 'info' 0 '^  parameters +260$' '' info "$spec"
expect 'info json' 0 'arena_bytes' '' info "$spec" --json --set classes=5
check 'info json keys' jq -es '.[0] | .name == "net" and .parameters == 269 and .macs > 0 and .weights_bytes >= 269 * 4 and
    (.layers | length > 0) and .outputs[0].shape == [1, 5]' "$WORK/out.txt"
expect 'schema' 0 '\$schema' '' schema
check 'schema is JSON' jq -es '.[0] | ."$schema" | test("2020-12")' "$WORK/out.txt"
expect 'dump' 0 'net' 'graph @net' info "$spec" --print-ir-after=all
expect 'times' 0 'net' 'lowering +[0-9.]+ ms' info "$spec" --time-passes
expect 'times of passes on loops' 0 'net' 'loop-cse +[0-9.]+ ms' info "$spec" --time-passes --disable-pass=loop-hoist
expect 'report beside' 0 'worst' '' verify "$spec" -q --runs 1 --report "$WORK/report.json"
check 'report beside is JSON' jq -es .[0].arena "$WORK/report.json"
check 'temporary folders are gone' sh -c '! ls -A "$TMPDIR" | grep .'
