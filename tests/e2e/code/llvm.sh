#!/usr/bin/env bash
# The LLVM backend on whole networks: within tolerance of the reference, the bits of the C backend, objects and libraries
# that link and need nothing, lines that lead to the loop IR and the spec, time and memory. (Boards: board.sh.)
set -u
export TMPDIR=$WORK

ok() { echo "ok $1"; }
bad() { echo "not ok $1"; [ ! -f "$WORK/log" ] || sed 's/^/    /' "$WORK/log" | head -20; }
check() { local name=$1; shift; if "$@" >"$WORK/log" 2>&1; then ok "$name"; else bad "$name"; fi; }

if "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --backend=llvm -q -o "$WORK/x" 2>&1 | grep -q 'without LLVM'; then
    echo 'skip llvm: built without LLVM'
    exit
fi

# ---- against the reference ----
for net in resnet18 resnet50 shufflenet_v2_x0_5; do
    for unit in square_encoding ge_plus; do
        check "verify $net $unit" "$DSQC" verify "specs/$net.yaml" --engine=llvm --set size=40 --set unit=$unit \
            --set pool=square_pooling --set head=square_softmin --set classes=10 --runs 1 -q --threads=2
    done
done
check 'verify bilinear' "$DSQC" verify specs/shufflenet_v2_x1_0.yaml --engine=llvm --set size=32 --set pool=bilinear \
    --set head=softmax --set classes=10 --runs 1 -q
for net in mobilenet_v2 squeezenet1_1 vgg11_bn; do
    check "verify $net" "$DSQC" verify specs/$net.yaml --engine=llvm --set size=64 --runs 1 -q
done
for spec in specs/tiny/*.yaml specs/digits/digits.yaml; do
    [ "$spec" != specs/tiny/cbr.yaml ] || continue
    for target in native generic; do
        check "verify $(basename "$spec" .yaml) $target" "$DSQC" verify "$spec" --engine=llvm --target=$target --runs 1 -q
    done
done
check 'bench' "$DSQC" bench specs/tiny/lenet.yaml --backend=llvm --runs 3 --layers

# ---- against C ----
input() { /usr/bin/python3 -c 'import numpy as np, sys; np.save(sys.argv[1], np.random.default_rng(5).standard_normal([int(d) for d in sys.argv[2:]]).astype("f4"))' "$@"; }
# same NAME SPEC INPUT OPTIONS...
same()
{
    local name=$1 spec=$2 x=$3 e
    shift 3
    for e in c llvm; do
        "$DSQC" run "$spec" --weights random:3 --strict -i "$x" --engine=$e -o "$WORK/$e.npy" -q "$@" 2>"$WORK/log" || break
    done
    check "bits of C: $name" cmp "$WORK/c.npy" "$WORK/llvm.npy"
}
input "$WORK/x40.npy" 1 3 40 40
input "$WORK/x32.npy" 1 3 32 32
for t in native generic x86-64-v3; do
    same "resnet8 $t" specs/tiny/resnet8.yaml "$WORK/x32.npy" --target=$t
    same "shufflenet_v2_x0_5 $t" specs/shufflenet_v2_x0_5.yaml "$WORK/x40.npy" --target=$t --set size=40 \
        --set unit=square_encoding --set pool=bilinear --set head=softmax
done

# ---- what is written ----
cat >"$WORK/main.c" <<'C'
/* Runs lenet on a ramp and prints the bits of its output. */
#include <stdio.h>
#include <string.h>

#include "lenet.h"

static float image[LENET_IMAGE_ELEMS], logits[LENET_LOGITS_ELEMS];
static unsigned char arena[LENET_ARENA_BYTES] __attribute__((aligned(LENET_ARENA_ALIGN)));

int main(void)
{
    for (int i = 0; i < (int)LENET_IMAGE_ELEMS; i++)
        image[i] = (float)(i % 61) / 61.0f - 0.5f;
    if (lenet_run(image, logits, arena) || !lenet_run(NULL, logits, arena) || !lenet_run(image, logits, arena + 4))
        return 1;
    for (int i = 0; i < (int)LENET_LOGITS_ELEMS; i++) {
        unsigned u;
        memcpy(&u, &logits[i], 4);
        printf("%08x\n", u);
    }
    return 0;
}
C
lenet() { "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 -q "$@"; }
lenet -o "$WORK/c" && cc -std=gnu99 -O1 -march=native -ffp-contract=off -I"$WORK/c" -o "$WORK/want" "$WORK/main.c" "$WORK/c/lenet.c" &&
    "$WORK/want" >"$WORK/want.txt"
check 'all forms' lenet --backend=llvm --emit=obj,lib,shared,asm,llvm-ir,selftest,loops --threads -o "$WORK/l"
check 'the same twice' bash -c 'cp -r "$1" "$2" && "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 -q \
    --backend=llvm --emit=obj,lib,shared,asm,llvm-ir,selftest,loops --threads -o "$1" && diff -r "$1" "$2"' - "$WORK/l" "$WORK/l2"
check 'threads need no library' bash -c 'nm "$1/lenet.o" | grep -q "T lenet_run_mt" && ! nm -u "$1/lenet.o" | grep .' - "$WORK/l"
check 'report' jq -e '.backend == "llvm" and .stack_bytes > 0' "$WORK/l/lenet.json"
check 'stack in the header' grep -q "LENET_STACK_BYTES *$(jq .stack_bytes "$WORK/l/lenet.json")u" "$WORK/l/lenet.h"
# runs NAME FILES...: linked with main.c, the bits of C
runs()
{
    local name=$1
    shift
    if cc -std=gnu99 -O1 -I"$WORK/l" -o "$WORK/got" "$WORK/main.c" "$@" >"$WORK/log" 2>&1 &&
        LD_LIBRARY_PATH=$WORK/l "$WORK/got" >"$WORK/got.txt"; then
        check "$name" cmp "$WORK/got.txt" "$WORK/want.txt"
    else
        bad "$name"
    fi
}
runs 'object' "$WORK/l/lenet.o"
runs 'library' -L"$WORK/l" -l:liblenet.a
runs 'shared object' -L"$WORK/l" -l:liblenet.so
(cd "$WORK/l" && as -o asm.o lenet.s && cc -c -o weights.o lenet_weights.S) >"$WORK/log" 2>&1 || bad 'assembler text'
runs 'assembler text' "$WORK/l/asm.o" "$WORK/l/weights.o"
check 'self test' bash -c 'cc -O1 -o "$1/st" "$1/lenet_selftest.c" "$1/lenet.o" && "$1/st"' - "$WORK/l"
check 'LLVM IR' grep -q 'define i32 @lenet_run' "$WORK/l/lenet.ll"
lenet --backend=llvm --weights-as=file -o "$WORK/f"
check 'weights in a file' bash -c '[ -s "$1/lenet.bin" ] && ! readelf -S "$1/lenet.o" | grep -q lenet_weights &&
    grep -q "const void \*weights" "$1/lenet.h"' - "$WORK/f"
sed 's/^name: .*/name: a_rather_long_name/' specs/tiny/lenet.yaml >"$WORK/long.yaml"
"$DSQC" compile "$WORK/long.yaml" --weights random:1 --backend=llvm --emit=lib -q -o "$WORK/long"
check 'library with a long name' bash -c '[ "$(ar t "$1")" = a_rather_long_name.o ] && nm -s "$1" | grep -q "_run in"' - \
    "$WORK/long/liba_rather_long_name.a"

# ---- lines: from an instruction to the loop IR, and from there to layer and spec ----
lines()
{
    local so=$WORK/l/liblenet.so at line
    at=$(nm "$so" | awk '/ t lenet_k[0-9]+_c2$/ { print $1 }')
    line=$(addr2line -e "$so" "0x$at") && echo "$line"
    [ "${line%%:*}" = "./lenet.loops" ] || return 1
    line=${line##*:}
    head -n "${line%% *}" "$WORK/l/lenet.loops" | grep 'kernel @' | tail -n 1 | grep -q '@k[0-9]*_c2 ' &&
        grep -B 1 'kernel @k[0-9]*_c2 ' "$WORK/l/lenet.loops" | grep -q '; c2.*lenet.yaml:[0-9]'
}
check 'line of a kernel' lines
check 'lines of its instructions' bash -c '[ "$(objdump -dl --no-show-raw-insn "$1" | grep -c "lenet.loops:[0-9]")" -gt 50 ]' - "$WORK/l/lenet.o"

# ---- other machines ----
refuses_bpf() { ! "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --backend=llvm --triple=bpf -q -o "$1" 2>"$1.err" &&
    [ "$(grep -c . "$1.err")" = 1 ] && grep '^dsqc: error: LLVM does not compile this for bpf: .* is not supported' "$1.err"; }
check 'a triple without the functions' refuses_bpf "$WORK/bpf"
warns_once() { "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --backend=llvm --triple=loongarch64 -q -o "$1" 2>"$1.err" &&
    [ "$(sort "$1.err" | uniq -c | wc -l)" -le 1 ] && ! grep -v '^dsqc: warning: LLVM: ' "$1.err"; }
check 'what LLVM prints is a warning of ours' warns_once "$WORK/loong"
check 'any triple' bash -c 'lenet=specs/tiny/lenet.yaml; "$DSQC" compile $lenet --weights random:1 --backend=llvm \
    --triple=powerpc64le-linux-gnu --cpu=pwr9 -q -o "$1" && readelf -h "$1/lenet.o" | grep -q "Machine:.*PowerPC64" &&
    ! nm -u "$1/lenet.o" | grep -v TOC' - "$WORK/ppc"
check 'unknown processor' bash -c '! "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --backend=llvm --cpu=z80 \
    -q -o "$1" 2>"$1.txt" && grep -q "z80.* is not a recognized processor" "$1.txt" && [ ! -e "$1" ]' - "$WORK/z80"

# rv64gc as a Linux program: no libc for it here, so the system is called by hand.
riscv()
{
    local dir=$WORK/rv
    cat >"$WORK/rv.c" <<'C'
#include "lenet.h"
static float image[LENET_IMAGE_ELEMS], logits[LENET_LOGITS_ELEMS];
static unsigned char arena[LENET_ARENA_BYTES] __attribute__((aligned(LENET_ARENA_ALIGN)));
static long call(long n, long a, const void *b, long c)
{
    register long a7 __asm__("a7") = n, a0 __asm__("a0") = a, a2 __asm__("a2") = c;
    register const void *a1 __asm__("a1") = b;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
void _start(void)
{
    for (int i = 0; i < (int)LENET_IMAGE_ELEMS; i++)
        image[i] = (float)(i % 61) / 61.0f - 0.5f;
    int bad = lenet_run(image, logits, arena);
    for (int i = 0; i < (int)LENET_LOGITS_ELEMS; i++) {
        union { float f; unsigned u; } bits = {logits[i]};
        char text[9] = {0};
        for (int k = 0; k < 8; k++)
            text[k] = "0123456789abcdef"[bits.u >> (28 - 4*k) & 15];
        text[8] = '\n';
        call(64, 1, text, 9);
    }
    call(93, bad, 0, 0);
}
C
    lenet --backend=llvm --target=rv64gc -o "$dir" && readelf -h "$dir/lenet.o" | grep -q 'Machine: *RISC-V' &&
        ! nm -u "$dir/lenet.o" | grep . &&
        riscv64-unknown-elf-gcc -march=rv64gc -mabi=lp64d -mcmodel=medany -O1 -ffreestanding -ffp-contract=off -nostdlib \
            -static -I"$dir" -o "$dir/program" "$WORK/rv.c" "$dir/lenet.o" &&
        qemu-riscv64 "$dir/program" >"$dir/out.txt" &&
        lenet --target=rv64gc -o "$WORK/g" && cc -std=gnu99 -O1 -ffp-contract=off -I"$WORK/g" -o "$WORK/g/host" \
        "$WORK/main.c" "$WORK/g/lenet.c" -lm && "$WORK/g/host" >"$WORK/g/out.txt" && cmp "$dir/out.txt" "$WORK/g/out.txt"
}
if command -v qemu-riscv64 >/dev/null && command -v riscv64-unknown-elf-gcc >/dev/null; then
    check 'rv64gc as a Linux program: bits of the host' riscv
else
    echo 'skip rv64gc: no compiler or emulator'
fi

# ---- time and memory ----
# measure NAME LIMIT-KiB SECONDS COMMAND...
measure()
{
    /usr/bin/python3 - "$@" <<'PY'
import resource, subprocess, sys
name, limit, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
status = subprocess.run(sys.argv[4:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
time = used.ru_utime + used.ru_stime
print("ok" if status == 0 and used.ru_maxrss < limit and time < seconds else "not ok", name)
print(f"    {time:.1f} s of processor time, {used.ru_maxrss >> 10} MiB, status {status}", flush=True)
PY
}
if ! grep -q fsanitize "$BUILD/flags"; then
    # 3 x 102 MB of weights + 300 MB
    measure 'resnet50: 30 s, three times its weights and 300 MB' 592000 30 "$DSQC" compile specs/resnet50.yaml \
        --weights random:1 --backend=llvm -q -o "$WORK/r50"
    measure 'shufflenet_v2_x0_5: 5 s' 400000 5 "$DSQC" compile specs/shufflenet_v2_x0_5.yaml --weights random:1 \
        --backend=llvm -q -o "$WORK/s05"
    check 'resnet50: nothing undefined' bash -c '! nm -u "$1/resnet50.o" | grep .' - "$WORK/r50"
fi
