#!/usr/bin/env bash
# Index maps where they are easy to get wrong: maps one pixel wide, high or both, a single channel, batches, channel counts
# that fill no vector, maps of several sizes; each read by every kind of kernel that can go by strides or tables. "dsqc verify"
# compares the loop interpreter, which checks every index, with the double-precision reference.
set -u

. tests/e2e/numbers/interpret.bash

# check NAME: m.yaml
check() { interpret "$1" native generic x86-64-v3; }

# verify NAME SHAPE HALF READER...: a unit of ShuffleNetV2 with HALF + HALF channels on an input of SHAPE
verify()
{
    local name=$1 shape=$2 half=$3
    shift 3
    {
        printf 'name: m\ninput:\n  image: f32%s\nnetwork:\n' "'" | sed "s/f32'/'f32$shape'/"
        printf '  - {op: conv2d, name: stem, out: %d, kernel: 1}\n' $((2 * half))
        printf '  - {op: split, sizes: [%d, %d], as: [l, r]}\n' "$half" "$half"
        printf '  - {op: conv2d, name: right, in: r, out: %d, kernel: 3, pad: 1}\n  - {op: relu, as: r}\n' "$half"
        printf '  - {op: concat, in: [l, r]}\n  - {op: channel_shuffle, groups: 2}\n'
        printf '  - %s\n' "$@"
        echo 'output: y'
    } >"$WORK/m.yaml"
    check "$name, $shape, $half + $half channels"
}

for shape in '[1,3,5,1]' '[1,3,1,5]' '[1,2,1,1]' '[2,3,6,5]' '[1,1,9,9]'; do
    for half in 1 11 16; do
        dw="{op: conv2d, name: dw, out: $((2 * half)), kernel: 3, stride: 2, pad: 1, groups: $((2 * half))}"
        verify 'dense' "$shape" $half '{op: conv2d, name: e, out: 14, kernel: 1}'
        verify 'dense 3x3' "$shape" $half '{op: conv2d, name: e, out: 5, kernel: 3, pad: 1}'
        verify 'depthwise by a table' "$shape" $half "$dw" '{op: conv2d, name: e, out: 14, kernel: 1}'
        verify 'depthwise with steps' "$shape" $half "$dw" '{op: scale_bias, name: s}' relu6 '{op: conv2d, name: e, out: 3, kernel: 1}'
        verify 'depthwise, read by others' "$shape" $half "$dw" sigmoid '{op: mean, axes: [2, 3]}'
        verify 'mean' "$shape" $half '{op: mean, axes: [2, 3]}'
        verify 'linear' "$shape" $half flatten '{op: linear, name: fc, out: 7}'
        verify 'transposed' "$shape" $half '{op: transpose, perm: [0, 2, 3, 1]}' '{op: softmax, axis: 3}'
    done
done

# maps of two sizes, flattened and joined
{
    printf 'name: m\ninput: {image: "f32[1,3,9,9]"}\nnetwork:\n'
    printf '  - {op: conv2d, name: a, out: 8, kernel: 5, in: image, as: a}\n'
    printf '  - {op: conv2d, name: b, out: 3, kernel: 3, in: image, as: b}\n'
    printf '  - {op: flatten, in: a, as: fa}\n  - {op: flatten, in: b, as: fb}\n'
    printf '  - {op: concat, axis: 1, in: [fa, fb]}\n  - {op: linear, name: fc, out: 5}\noutput: y\n'
} >"$WORK/m.yaml"
check 'maps of two sizes'

# a map and its own windows, flattened and joined
{
    printf 'name: m\ninput: {image: "f32[1,3,8,8]"}\nnetwork:\n'
    printf '  - {op: conv2d, name: a, out: 5, kernel: 1, as: a}\n  - {op: max_pool, kernel: 2, as: b}\n'
    printf '  - {op: flatten, in: a, as: fa}\n  - {op: flatten, in: b, as: fb}\n'
    printf '  - {op: concat, axis: 1, in: [fb, fa]}\n  - {op: linear, name: fc, out: 5}\noutput: y\n'
} >"$WORK/m.yaml"
check 'a map and its windows'
