#!/usr/bin/env bash
# Kernels with little work for each element that they read: depthwise convolutions, max_pool, convolutions whose last vector
# of channels is at most half full. Their numbers where tiles, blocks and vectors do not come out even, and what they are
# made of on a machine with 32 registers of 16 lanes: how often an input is loaded, how many multiply-adds there are, which tiles.
set -u
. tests/e2e/numbers/interpret.bash

# verify NAME: m.yaml for targets of several vector widths, and as C
verify()
{
    interpret "$1" x86-64-v4 x86-64-v3 aarch64 generic
    report "$1, C"
}

dw() { echo "{op: conv2d, name: dw, out: $1, groups: $1, kernel: $2, stride: $3, pad: $4, dilation: ${5:-1}}"; }
conv() { echo "{op: conv2d, name: $1, out: $2, kernel: ${3:-1}, pad: $((${3:-1} / 2))}"; }

for channels in 16 40 72 200; do
    spec '[1,3,15,17]' "$(conv a $channels)" "$(dw $channels 3 1 1)" relu6 "$(conv b 5)"
    verify "depthwise 3x3, $channels channels"
    spec '[1,3,15,17]' "$(conv a $channels)" "$(dw $channels 3 2 1)" "$(conv b 5)"
    verify "depthwise 3x3 of stride 2, $channels channels"
done
spec '[2,3,9,11]' "$(conv a 40)" "$(dw 40 5 1 2)" relu '{op: mean, axes: [2, 3]}'
verify 'depthwise 5x5, a batch, reduced'
spec '[1,3,13,13]' "$(conv a 40)" "$(dw 40 5 2 2)" "$(conv b 5)"
verify 'depthwise 5x5 of stride 2'
spec '[1,3,19,19]' "$(conv a 24)" "$(dw 24 3 2 3 3)" "$(conv b 5)"
verify 'depthwise with dilation'
spec '[1,3,14,14]' "$(conv a 24)" "$(dw 24 7 1 3)" "$(conv b 5)"
verify 'depthwise 7x7'

for pool in 'kernel: 3, stride: 2, pad: 1' 'kernel: 3, stride: 2, ceil_mode: true' 'kernel: 2' 'kernel: [3, 2], stride: 1, dilation: 2, pad: 1'; do
    spec '[2,3,15,18]' "$(conv a 24)" "{op: max_pool, $pool}" relu
    verify "max_pool $pool"
    spec '[1,3,15,18]' "$(conv a 72)" "{op: max_pool, $pool}" "$(conv b 5)"
    verify "max_pool $pool, 72 channels"
done

for channels in 24 36 40 50; do
    spec '[1,3,13,15]' "$(conv a $channels 3)" relu "$(conv b $channels)"
    verify "convolutions to $channels channels"
    spec '[1,3,8,9]' "{op: conv2d, name: a, out: $channels, kernel: 1, as: p}" "{op: conv2d, name: b, out: $channels, kernel: 1, in: p}" \
         'relu' "{op: conv2d, name: c, out: $channels, kernel: 1, as: z}" '{op: add, in: [p, z]}' "$(conv d 4)"
    verify "$channels channels, an operand in the same place"
done

spec '[1,3,14,14]' "$(conv a 16)" "$(dw 16 3 1 1)" relu "$(conv b 5)"
count 'a depthwise tile of 2x7 pixels loads 4x9 inputs' dw '= load in_at' 36
count 'for 9 multiply-adds each' dw '= fma(' 126
count 'its weights are loaded once' dw '= load w_at' 9
spec '[1,3,57,57]' "$(conv a 16)" '{op: max_pool, kernel: 3, stride: 2}' relu "$(conv b 5)"
count 'max_pool: 7 pixels share 15 columns' 'max_pool*[a-z_]*' 'load in_at.*, col' 15
spec '[1,8,14,14]' "$(conv a 24)" relu "$(conv b 5)"
count '24 channels of 14 pixels are 21 vectors' a '= fma(' 21

# tile NAME KERNEL TILE: the register tile of the kernel
tile()
{
    "$DSQC" compile "$WORK/m.yaml" --weights random:1 -q --target=x86-64-v4 -o "$WORK/tile"
    local got
    got=$(sed -n "/\"name\": \"k[0-9]*_$2\"/,/\"impl\"/s/.*tile=\([0-9x]*\).*/\1/p" "$WORK/tile/m.json")
    [ "$got" = "$3" ] && echo "ok $1" || echo "not ok $1: $got instead of $3"
}

spec '[1,3,56,56]' "$(conv a 16)" "$(conv b 96)" "$(conv c 24)" relu6
tile 'a short reduction is done in tiles of 14 sums' b 1x7x2
tile 'pixels that share a vector are many' c 1x14x2
spec '[1,3,56,56]' "$(conv a 144)" "$(dw 144 3 1 1)" relu6
tile 'a depthwise tile has 14 sums where its rows stay in L1' dw 2x7x1
spec '[1,3,112,112]' "$(conv a 32)" "$(dw 32 3 1 1)" relu6
tile 'and more rows where they do not' dw 4x4x1

# The rows of a linear layer are one matrix, whatever dimensions count them: its kernel is the same but for the title.
kernel()
{
    spec "$1" "{op: linear, name: fc, out: 100}" relu
    "$DSQC" compile "$WORK/m.yaml" --weights random:1 -q --target="$2" --emit=loops -o - |
        sed -n '/^  kernel /,/^  }/s/"[^"]*"//p; /^  kernel /,/^  }/p' | grep -v '^  kernel .*"'
}
for target in x86-64-v3 x86-64-v4; do
    kernel '[60,24]' $target >"$WORK/want"
    for shape in '[60,1,24]' '[1,60,24]' '[30,2,24]' '[2,30,1,24]' '[5,1,1,12,24]' '[4,1,15,1,24]'; do
        if kernel "$shape" $target | cmp -s - "$WORK/want" && grep -q fma "$WORK/want"; then
            echo "ok rows of $shape, $target"
        else
            echo "not ok rows of $shape, $target: another kernel than for [60,24]"
        fi
    done
done
for shape in '[30,1,24]' '[7,3,1,24]' '[5,1,7,1,24]'; do
    spec "$shape" '{op: linear, name: a, out: 20, as: p}' relu '{op: linear, name: b, out: 20, as: q}' '{op: add, in: [p, q]}' '{op: linear, name: c, out: 5}' softmax
    interpret "linear layers of $shape" x86-64-v3 generic
done

# What is read along another dimension than it is written goes in blocks, where it is more than the caches' nearest holds.
for perm in '[0, 2, 3, 1]' '[3, 1, 0, 2]' '[2, 1, 3, 0]'; do
    spec '[3,83,27,9]' "{op: transpose, name: t, perm: $perm}" tanh '{op: softmax, axis: 3}'
    interpret "transpose $perm" x86-64-v4 generic
done
spec '[3,83,27,9]' '{op: transpose, name: t, perm: [3, 1, 0, 2]}' '{op: softmax, axis: 3}'
count 'a transpose goes in blocks' t 'for columns ' 1
spec '[3,83,27,9]' '{op: transpose, name: t, perm: [1, 0, 2, 3]}' '{op: softmax, axis: 3}'
count 'one that leaves vectors does not' t 'for columns ' 0
