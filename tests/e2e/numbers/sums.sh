#!/usr/bin/env bash
# Reductions over a map whose kernel goes by rows: gates as in Square-Excitation, on maps whose rows come out even or not,
# with one block of channels and several, by Winograd's method and directly. Their numbers, for every number of threads the
# same, and that threads share the rows.
set -u
. tests/e2e/numbers/interpret.bash

# gate OP CHANNELS WINDOW: layers of a gate on the map of a convolution
gate()
{
    printf '%s\n' "{op: conv2d, name: a, out: $2, kernel: 1}" relu \
           "{op: conv2d, name: b, out: $2, kernel: $3, pad: $(($3 / 2)), as: map}" \
           "{op: $1, axes: [2, 3], keep: true}" '{op: sigmoid, as: gate}' '{op: mul, in: [map, gate]}'
}

# verify NAME SHAPE LAYER...
verify()
{
    local name=$1 n
    shift
    spec "$@"
    interpret "$name" x86-64-v4 x86-64-v3 aarch64 generic
    report "$name, C" --threads=2
    rm -f "$WORK"/y?.npy
    for n in 1 2 3; do
        "$DSQC" run "$WORK/m.yaml" --weights random:1 -q -i "$WORK/x.npy" -o "$WORK/y$n.npy" --threads=$n >"$WORK/log" 2>&1
    done
    cmp "$WORK/y1.npy" "$WORK/y2.npy" >>"$WORK/log" 2>&1 && cmp "$WORK/y1.npy" "$WORK/y3.npy" >>"$WORK/log" 2>&1 &&
        echo "ok $name, the same bits for 1, 2, 3 threads" ||
        { echo "not ok $name, the same bits for 1, 2, 3 threads"; sed 's/^/    /' "$WORK/log"; }
}

# input N C H W: x.npy, numbers that differ and have fractions
input()
{
    /usr/bin/python3 - "$WORK/x.npy" "$@" <<'P'
import sys
import numpy as np
np.save(sys.argv[1], np.random.default_rng(1).standard_normal([int(n) for n in sys.argv[2:]]).astype('<f4'))
P
}

for op in mean max sum; do
    input 1 3 56 56
    mapfile -t layers < <(gate $op 24 3)
    verify "a gate by $op, 56x56" '[1,3,56,56]' "${layers[@]}"
    mapfile -t layers < <(gate $op 24 1)
    verify "a gate by $op, 56x56, 1x1" '[1,3,56,56]' "${layers[@]}"
done
for shape in '1 3 28 30' '2 3 14 33' '1 3 31 29' '3 5 20 20'; do
    # shellcheck disable=SC2086
    input $shape
    for window in 1 3 5; do
        mapfile -t layers < <(gate mean 40 $window)
        verify "a gate on a map of $shape, window $window" "[${shape// /,}]" "${layers[@]}"
    done
done
input 1 3 56 56
verify 'two readers of the mean' '[1,3,56,56]' '{op: conv2d, name: a, out: 24, kernel: 3, pad: 1, as: map}' \
       '{op: mean, axes: [2, 3], keep: true, as: m}' '{op: square, in: m, as: s}' '{op: conv2d, name: c, out: 24, kernel: 1, in: m, as: c}' \
       '{op: add, in: [s, c], as: g}' '{op: mul, in: [map, g]}'
verify 'a mean and a maximum' '[1,3,56,56]' '{op: conv2d, name: a, out: 24, kernel: 3, pad: 1, as: map}' \
       '{op: mean, axes: [2, 3], as: m}' '{op: max, axes: [2, 3], in: map, as: h}' '{op: add, in: [m, h]}'

mapfile -t layers < <(gate mean 24 1)
spec '[1,3,28,28]' "${layers[@]}"
count 'threads share the rows of a map of one block of channels' b 'parallel for part' 1
mapfile -t layers < <(gate mean 64 3)
spec '[1,3,56,56]' "${layers[@]}"
count "Winograd's method goes by blocks of rows" b 'for block ' 1

# parts NAME CHANNELS THREADS: threads share a convolution to so many channels by Winograd's method
parts()
{
    spec '[1,3,7,7]' '{op: conv2d, name: a, out: 256, kernel: 1}' relu "{op: conv2d, name: b, out: $2, kernel: 3, pad: 1}" relu \
         '{op: conv2d, name: c, out: 8, kernel: 1}'
    loops_of b --threads="$3" >"$WORK/b.loops"
    if head -1 "$WORK/b.loops" | grep -q winograd && grep -q "parallel for part[a-z_]* 0\.\.$3 " "$WORK/b.loops"; then
        echo "ok $1"
    else
        echo "not ok $1"
    fi
}

for channels in 40 88 120 200; do
    parts "2 threads share $channels channels" $channels 2
done
parts '3 threads share 88 channels' 88 3
