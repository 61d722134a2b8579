#!/usr/bin/env bash
# Generic C of resnet18 and shufflenet_v2_x0_5: strict C99 without a warning, in need of nothing, two models in one program
# with one arena. Then ResNet50: how long it takes and how much memory.
set -u
export TMPDIR=$WORK
strict='-std=c99 -ffreestanding -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'
models='resnet18 shufflenet_v2_x0_5'

ok() { echo "ok $1"; }
bad() { echo "not ok $1"; sed 's/^/    /' "$WORK/log" | head -20; }
check() { local name=$1; shift; if "$@" >"$WORK/log" 2>&1; then ok "$name"; else bad "$name"; fi; }

cat >"$WORK/main.c" <<'C'
/* main INPUT OUT1 OUT2: resnet18, shufflenet_v2_x0_5 and resnet18 again in one arena, whose contents each leaves behind. */
#include <stdio.h>
#include <string.h>

#include "resnet18.h"
#include "shufflenet_v2_x0_5.h"

#define MAX(a, b) ((a) > (b) ? (a) : (b))
_Static_assert(RESNET18_IMAGE_ELEMS == SHUFFLENET_V2_X0_5_IMAGE_ELEMS, "one input for both");

static float image[RESNET18_IMAGE_ELEMS], one[RESNET18_LOGITS_ELEMS], two[SHUFFLENET_V2_X0_5_LOGITS_ELEMS],
    again[RESNET18_LOGITS_ELEMS];
static unsigned char arena[MAX(RESNET18_ARENA_BYTES, SHUFFLENET_V2_X0_5_ARENA_BYTES)]
    __attribute__((aligned(MAX(RESNET18_ARENA_ALIGN, SHUFFLENET_V2_X0_5_ARENA_ALIGN))));

static int transfer(const char *name, const char *mode, float *x, size_t n)
{
    FILE *f = fopen(name, mode);
    size_t done = !f ? 0 : *mode == 'r' ? fread(x, sizeof *x, n, f) : fwrite(x, sizeof *x, n, f);
    return f && !fclose(f) && done == n;
}

int main(int argc, char **argv)
{
    memset(arena, 0xff, sizeof arena); /* NaN, wherever something is read before it is written */
    if (argc != 4 || !transfer(argv[1], "rb", image, RESNET18_IMAGE_ELEMS) || resnet18_run(image, one, arena) ||
        shufflenet_v2_x0_5_run(image, two, arena) || resnet18_run(image, again, arena))
        return 1;
    if (memcmp(one, again, sizeof one)) {
        puts("resnet18 gives another result the second time");
        return 1;
    }
    if (resnet18_run(NULL, one, arena) != DSQ_EINVAL || resnet18_run(image, one, arena + 1) != DSQ_EINVAL) {
        puts("a null or misaligned pointer is taken");
        return 1;
    }
    return !transfer(argv[2], "wb", one, RESNET18_LOGITS_ELEMS) ||
           !transfer(argv[3], "wb", two, SHUFFLENET_V2_X0_5_LOGITS_ELEMS);
}
C
# An input, and the outputs of "dsqc run" without npy's header.
raw() { /usr/bin/python3 -c 'import numpy, sys; numpy.load(sys.argv[1]).astype("<f4").tofile(sys.argv[2])' "$1" "$2"; }
/usr/bin/python3 -c 'import numpy, sys; numpy.save(sys.argv[1], numpy.random.default_rng(5).standard_normal((1, 3, 224, 224)).astype("f4"))' "$WORK/x.npy"
raw "$WORK/x.npy" "$WORK/x.f32"

for m in $models; do
    for copy in 1 2; do
        "$DSQC" compile "specs/$m.yaml" --weights random:7 --target=generic -q -o "$WORK/$copy/$m" || echo "not ok $m: compile"
    done
    check "$m: two compilations are one" diff -r "$WORK/1/$m" "$WORK/2/$m"
    rm -rf "$WORK/2"
    "$DSQC" run "specs/$m.yaml" --weights random:7 --target=generic -q -i "$WORK/x.npy" -o "$WORK/$m.npy"
    raw "$WORK/$m.npy" "$WORK/$m.want"
done

# build COMPILER FLAGS: the objects of both models
build()
{
    local m
    rm -rf "$WORK/obj" && mkdir "$WORK/obj"
    for m in $models; do
        # shellcheck disable=SC2086
        (cd "$WORK/obj" && $1 $2 -I"$WORK/1/$m" -c "$WORK/1/$m"/*.c "$WORK/1/$m"/*.S) || return 1
    done
}

undefined() { ld -r "$WORK"/obj/*.o -o "$WORK/all.o" && ! nm -u "$WORK/all.o" | grep .; }
# Only the functions of the interface leave an object; the weights have a name that the linker resolves, but no other
# library sees.
exported() { [ "$(nm -g --defined-only "$WORK"/obj/*.o | awk 'NF == 3 && $2 == "T" { print $3 }' | sort | tr '\n' ' ')" = 'resnet18_run shufflenet_v2_x0_5_run ' ]; }
same() { cmp "$WORK/resnet18.got" "$WORK/resnet18.want" && cmp "$WORK/shufflenet_v2_x0_5.got" "$WORK/shufflenet_v2_x0_5.want"; }

for cc in gcc clang; do
    if ! command -v $cc >/dev/null; then
        echo "skip freestanding with $cc: not installed"
        continue
    fi
    check "$cc: no warning without optimization" build $cc "$strict"
    check "$cc: no undefined symbol without optimization" undefined
    flags=$(sed -n '3s/^ *cc \(.*\) -I\. -c .*/\1/p' "$WORK/1/resnet18/resnet18.h")
    check "$cc: no warning" build $cc "$strict $flags"
    check "$cc: no undefined symbol" undefined
    check "$cc: no symbol but the interface" exported
    check "$cc: links" $cc -O1 -I"$WORK/1/resnet18" -I"$WORK/1/shufflenet_v2_x0_5" -o "$WORK/two" "$WORK/main.c" "$WORK"/obj/*.o
    check "$cc: runs in one arena" "$WORK/two" "$WORK/x.f32" "$WORK/resnet18.got" "$WORK/shufflenet_v2_x0_5.got"
    check "$cc: results of dsqc run, to the last bit" same
done
rm -rf "$WORK/1" "$WORK/obj"

# ---- square roots without -fno-math-errno: the machine's instruction, where there is one, and no call ----
printf "name: root\ninput: {x: 'f32[1,64]'}\nnetwork: [sqrt]\n" >"$WORK/root.yaml"
"$DSQC" compile "$WORK/root.yaml" --target=generic -q -o "$WORK/root" || echo 'not ok root: compile'
# instruction NAME COMPILER FLAGS
instruction()
{
    if ! command -v "$2" >/dev/null; then
        echo "skip square root by $1: no $2"
    else
        check "square root by $1, $2" named "$@"
    fi
}
named()
{
    # shellcheck disable=SC2086
    "${@:2}" $strict -O2 -c "$WORK/root/root.c" -o "$WORK/root.o" &&
        "${@:2}" $strict -O2 -S "$WORK/root/root.c" -o "$WORK/root.s" &&
        grep -qE "[[:space:]]$1[[:space:]]" "$WORK/root.s" && ! grep -qE '(call|bl|jal)[[:space:]]+sqrtf' "$WORK/root.s"
}
instruction sqrtss gcc
instruction sqrtss clang
instruction fsqrt aarch64-linux-gnu-gcc
instruction vsqrt.f32 arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16
instruction fsqrt.s riscv64-unknown-elf-gcc -march=rv64gc -mabi=lp64d

# measure NAME LIMIT-KiB COMMAND...: prints time and memory of the largest process; only the memory is judged.
measure()
{
    /usr/bin/python3 - "$@" <<'PY'
import resource, subprocess, sys, time
name, limit, began = sys.argv[1], int(sys.argv[2]), time.time()
status = subprocess.run(sys.argv[3:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("ok" if status == 0 and used.ru_maxrss < limit else "not ok", name)
print(f"    {time.time() - began:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processor time, "
      f"{used.ru_maxrss >> 10} MiB, status {status}", flush=True)
PY
}
cd "$(dirname "$0")/../../.." || exit 1
for target in native generic; do
    dir=$WORK/resnet50
    measure "resnet50 for $target: compile within 1 GiB" 1048576 "$DSQC" compile specs/resnet50.yaml --weights random:1 \
        --weights-as=asm --target=$target -q -o "$dir"
    command=$(sed -n '3s/^ *//p' "$dir/resnet50.h")
    # shellcheck disable=SC2086
    (cd "$dir" && measure "resnet50 for $target: its C within 2 GiB" 2097152 $command)
    echo "    $(wc -c <"$dir/resnet50.c") bytes of C, $(size "$dir/resnet50.o" | awk 'NR == 2 { print $1 }') of code"
    rm -rf "$dir"
done
