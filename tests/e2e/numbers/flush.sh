#!/usr/bin/env bash
# --flush-to-zero: a network whose maps decay into subnormal numbers and are scaled up again. Compiled code, interpreter and
# reference agree, and say other things than without it; the caller's mode, and that of the pool's threads, is what it was.
set -u
cat >"$WORK/m.yaml" <<'Y'
name: m
input:
  image: "f32[1,16,24,24]"
network:
  - {op: conv2d, name: a, out: 16, kernel: 3, pad: 1}
  - relu
  - {op: constant, name: small, value: 1e-20, as: small}
  - {op: mul, in: [y, small], as: s1}
  - {op: mul, in: [s1, small], as: s2}
  - {op: constant, name: large, value: 1e20, as: large}
  - {op: mul, in: [s2, large], as: s3}
  - {op: mul, in: [s3, large], as: s4}
  - {op: conv2d, name: b, out: 16, kernel: 3, pad: 1, bias: false}
output: z
Y
sed -i 's/^  - relu/  - {op: relu, as: y}/; s/name: b, out: 16, kernel: 3, pad: 1, bias: false/&, as: z/' "$WORK/m.yaml"
common=(--weights random:1 -q --passes=fold-batch-norm)

agrees()
{
    if "$DSQC" verify "$WORK/m.yaml" "${common[@]}" --runs 1 --flush-to-zero "$@" >"$WORK/log" 2>&1; then
        echo "ok agrees, $*"
    else
        echo "not ok agrees, $*"
        head -5 "$WORK/log" | sed 's/^/    /'
    fi
}

agrees --engine=c
agrees --engine=c --threads=2
agrees --engine=llvm --threads=2
agrees --verify-each --engine=loops
agrees --engine=loops --target=cortex-m4
agrees --engine=loops --target=aarch64
for target in generic rv32imc rv64gc; do
    "$DSQC" compile "$WORK/m.yaml" "${common[@]}" --flush-to-zero --target=$target -o "$WORK/no" >"$WORK/log" 2>&1
    [ $? = 2 ] && grep -q "$target has no mode" "$WORK/log" && echo "ok refused for $target" || echo "not ok refused for $target"
done
[ "$(uname -m)" = x86_64 ] || { echo "skip modes: not x86-64"; exit 0; }

cat >"$WORK/modes.c" <<'C'
#include <stdio.h>
#include <string.h>

#include "dsq_pool.h"
#include "m.h"

static unsigned mode(void) { unsigned m; __asm__ volatile("stmxcsr %0" : "=m"(m)); return m & ~0x3fu; }
static void set(unsigned m) { __asm__ volatile("ldmxcsr %0" : : "m"(m)); }

static unsigned seen[64];
static void look(void *arg, size_t begin, size_t end)
{
    (void)arg;
    for (; begin < end; begin++)
        seen[begin] = mode();
}

static float x[M_IMAGE_ELEMS], one[M_Z_ELEMS], many[M_Z_ELEMS];
static unsigned char arena[M_ARENA_BYTES] __attribute__((aligned(M_ARENA_ALIGN)));

int main(void)
{
    enum { USUAL = 0x1f80, FLUSHES = 0x9fc0, UPWARD = 0x5f80 };
    static const unsigned before[] = {FLUSHES, UPWARD, USUAL};
    int zeros = 0;
    for (unsigned i = 0; i < M_IMAGE_ELEMS; i++)
        x[i] = (float)(i % 17) - 8;
    for (int i = 0; i < 3; i++) {
        set(before[i]);
        if (m_run(x, one, arena) || mode() != before[i])
            return puts("the caller's mode has changed"), 1;
    }
    dsq_pool *pool;
    if (dsq_pool_create(&pool, 4) || m_run_mt(x, many, arena, dsq_pool_executor(pool)) || mode() != USUAL)
        return puts("the caller's mode has changed, threads"), 1;
    dsq_pool_executor(pool)->parallel_for(dsq_pool_executor(pool)->ctx, 64, look, NULL);
    for (int i = 0; i < 64; i++)
        if (seen[i] != USUAL)
            return puts("a thread's mode has changed"), 1;
    for (unsigned i = 0; i < M_Z_ELEMS; i++)
        zeros += one[i] == 0;
    if (memcmp(one, many, sizeof one) || zeros < (int)M_Z_ELEMS / 2)
        return printf("%d zeros of %d; threads agree: %d\n", zeros, (int)M_Z_ELEMS, !memcmp(one, many, sizeof one)), 1;
    dsq_pool_destroy(pool);
    return 0;
}
C
# modes NAME OPTION...
modes()
{
    local name=$1 out=$WORK/$1
    shift
    "$DSQC" compile "$WORK/m.yaml" "${common[@]}" --flush-to-zero --threads --target=x86-64-v3 -o "$out" "$@" &&
        { [ -f "$out/m.o" ] || gcc -O2 -std=c99 -ffreestanding -ffp-contract=off -march=x86-64-v3 -Wall -Wextra -Wpedantic \
            -Wconversion -Wshadow -Werror -c "$out/m.c" -o "$out/m.o"; } &&
        gcc -O2 -std=gnu11 -pthread -I"$out" "$WORK/modes.c" "$out/dsq_pool.c" "$out/m.o" -o "$out/modes" &&
        "$out/modes" >"$WORK/log" 2>&1 && echo "ok modes, $name" || { echo "not ok modes, $name"; cat "$WORK/log"; }
}
modes c
modes llvm --backend=llvm --emit=obj
