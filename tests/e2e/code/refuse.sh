#!/usr/bin/env bash
# The generated C refuses machines and options with which it would be wrong, and says what to do. Machines are played by
# the compiler's own macros, which its headers go by.
set -u
printf 'name: m\ninput:\n  x: "f32[1,3,64,64]"\nnetwork:\n  - {op: conv2d, name: c, out: 8, kernel: 3}\n  - relu\noutput: y\n' >"$WORK/m.yaml"
for as in c asm file; do
    "$DSQC" compile "$WORK/m.yaml" --weights random:1 -q --target=generic --weights-as=$as -o "$WORK/$as" || echo "not ok compile $as"
done

# refused NAME WEIGHTS-AS WORDS COMPILER OPTION...
refused()
{
    local name=$1 as=$2 words=$3
    shift 3
    if ! command -v "$1" >/dev/null; then
        echo "skip $name: no $1"
    elif (cd "$WORK/$as" && "$@" -std=c99 -ffreestanding -w -fsyntax-only m.c) >"$WORK/log" 2>&1; then
        echo "not ok $name: accepted"
    elif grep -q "error.*$words" "$WORK/log"; then
        echo "ok $name"
    else
        echo "not ok $name"
        head -5 "$WORK/log" | sed 's/^/    /'
    fi
}

# accepted NAME WEIGHTS-AS COMPILER OPTION...
accepted()
{
    local name=$1 as=$2
    shift 2
    if (cd "$WORK/$as" && "$@" -std=c99 -ffreestanding -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror \
        -fsyntax-only m.c) >"$WORK/log" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        head -5 "$WORK/log" | sed 's/^/    /'
    fi
}

big=(-U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__)
for cc in gcc clang; do
    for as in c asm file; do
        accepted "$cc, weights as $as" $as $cc
    done
    refused "$cc: int of 16 bits" c 'int must have 32 bits' $cc -U__INT_MAX__ -D__INT_MAX__=32767
    refused "$cc: bytes of 16 bits" c 'bytes must have 8 bits' $cc -U__CHAR_BIT__ -D__CHAR_BIT__=16
    refused "$cc: another float" c 'float must be IEEE 754' $cc -U__FLT_MANT_DIG__ -D__FLT_MANT_DIG__=20
    refused "$cc: small pointers" c 'pointers must reach' $cc -U__PTRDIFF_MAX__ -D__PTRDIFF_MAX__=32767
    refused "$cc: -ffast-math" c 'without -ffast-math' $cc -ffast-math
    refused "$cc: -ffinite-math-only" c 'without -ffinite-math-only' $cc -ffinite-math-only
    refused "$cc: big-endian, weights by the assembler" asm 'little-endian' $cc "${big[@]}"
    refused "$cc: big-endian, weights in a file" file 'little-endian: for this machine give dsqc --weights-as=c' $cc "${big[@]}"
    accepted "$cc: big-endian, weights as arrays" c $cc "${big[@]}" -Wno-builtin-macro-redefined
done
refused 'gcc: -funsafe-math-optimizations' c 'funsafe-math-optimizations' gcc -funsafe-math-optimizations
refused 'gcc: float in registers of the x87' c 'msse2 -mfpmath=sse' gcc -m32 -march=i686 -mfpmath=387 -I"$WORK/c"
