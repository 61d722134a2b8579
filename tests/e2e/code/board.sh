#!/usr/bin/env bash
# Compiled models on boards that QEMU emulates, without a libc, against the reference; where the target's C is scalar, also
# against the same C built for the host, to the last bit. Prints instructions per multiply-add (from QEMU's count, plugin
# tests/board/insncount.c) and the stack that was used, which NAME_STACK_BYTES has to bound.
set -u
export TMPDIR=$WORK
board=$PWD/tests/board

tiny='resnet8 dscnn mbv1_025 lenet shuffle'

fail() { echo "not ok $1: $2"; [ ! -f "$WORK/log" ] || sed 's/^/    /' "$WORK/log" | head -20; }
have() { command -v "$1" >/dev/null; }

# How each target's programs are linked and run.
emulator()
{
    local system='-display none -monitor none -serial none -semihosting-config enable=on,target=native -kernel'
    case $1 in
    cortex-m4) echo "qemu-system-arm -M mps2-an386 $system" ;;
    cortex-m7) echo "qemu-system-arm -M mps2-an500 $system" ;;
    cortex-m55) echo "qemu-system-arm -M mps3-an547 $system" ;;
    rv32imc) echo "qemu-system-riscv32 -M virt -bios none $system" ;;
    rv64gc) echo "qemu-system-riscv64 -M virt -bios none $system" ;;
    aarch64) echo qemu-aarch64 ;;
    esac
}
linking()
{
    case $1 in
    cortex-m4) echo "-nostdlib -L$board -T an386.ld" ;;
    cortex-m7) echo "-nostdlib -L$board -T an500.ld" ;;
    cortex-m55) echo "-nostdlib -L$board -T an547.ld" ;;
    rv32imc) echo "-nostdlib -L$board -T virt.ld -lgcc" ;; # software floating point
    rv64gc) echo "-nostdlib -L$board -T virt.ld" ;;
    aarch64) echo -static ;;
    esac
}

count=$WORK/insncount.so
cc -shared -fPIC -O2 -o "$count" "$board/insncount.c" 2>"$WORK/log" || { fail 'instruction counter' 'does not compile'; count=; }

# emulate TARGET ELF: what the program prints, then "instructions N"; the program's status
emulate()
{
    local run plugin='' status
    run=$(emulator "$1")
    rm -f "$WORK/count"
    if [ -n "$count" ]; then
        plugin=$(nm "$2" | awk '$3 == "mark_start" { s = $1 } $3 == "mark_stop" { e = $1 } END { if (s) printf "start=0x%s,stop=0x%s", s, e }')
        plugin=${plugin:+"-plugin $count,$plugin -d plugin -D $WORK/count"}
    fi
    # shellcheck disable=SC2086
    timeout 300 ${run%% *} $plugin $([ "${run#* }" = "$run" ] || echo "${run#* }") "$2" </dev/null
    status=$?
    [ ! -f "$WORK/count" ] || cat "$WORK/count"
    return $status
}

# compare REFERENCE.npy OUTPUT: within 1e-5 of the largest magnitude, which is printed
cat >"$WORK/compare.py" <<'PY'
import sys
import numpy as np
want = np.load(sys.argv[1]).astype("f8").ravel()
with open(sys.argv[2]) as f:
    bits = [int(line.split()[1], 16) for line in f if line.startswith("out ")]
got = np.array(bits, "u4").view("f4").astype("f8")
error = abs(got - want).max() / abs(want).max() if got.shape == want.shape else float("inf")
print(f"{error:.1e}")
sys.exit(not error <= 1e-5)
PY
cat >"$WORK/input.py" <<'PY'
import sys
import numpy as np
x = np.random.default_rng(11).standard_normal([int(d) for d in sys.argv[3:]]).astype("f4")
np.save(sys.argv[1], x)
with open(sys.argv[2], "w") as f:
    print(f"extern const float board_input[{x.size}];\nconst float board_input[{x.size}] = {{", file=f)
    print(",\n".join(float(v).hex() + "f" for v in x.ravel()) + "};", file=f)
PY

# prepare SPEC WEIGHTS: the input, and the reference's output on it
prepare()
{
    "$DSQC" info "$1" $2 --json >"$WORK/info.json" && name=$(jq -r .name "$WORK/info.json") &&
        macs=$(jq .macs "$WORK/info.json") && input=$(jq -r '.inputs[0].name' "$WORK/info.json") &&
        output=$(jq -r '.outputs[0].name' "$WORK/info.json") || return 1
    # shellcheck disable=SC2046
    /usr/bin/python3 "$WORK/input.py" "$WORK/x.npy" "$WORK/input.c" $(jq '.inputs[0].shape[]' "$WORK/info.json") &&
        "$DSQC" run "$1" $2 --engine=reference -i "$WORK/x.npy" -o "$WORK/y.npy" -q
}

# model SPEC WEIGHTS TARGET: compiled and run on the target's machine
model()
{
    local spec=$1 weights=$2 target=$3 dir=$WORK/model case command cc flags upper system defines error
    case="$name on $target"
    rm -rf "$dir" "$WORK/log"
    if ! "$DSQC" compile "$spec" $weights --target="$target" --emit=c,selftest -q -o "$dir" 2>"$WORK/log"; then
        fail "$case" 'dsqc compile'
        return
    fi
    command=$(sed -n '3s/^ *//p' "$dir/$name.h")
    cc=${command%% *} flags=${command#* } flags=${flags%% -c *}
    system=$(emulator "$target")
    for tool in "$cc" "${system%% *}"; do
        if ! have "$tool"; then
            echo "skip $case: no $tool"
            return
        fi
    done
    upper=$(echo "$name" | tr a-z A-Z)
    elems() { echo "${upper}_$(echo "$1" | tr a-z A-Z)_ELEMS"; }
    defines="-include $name.h -DRUN=${name}_run -DIN=$(elems "$input") -DOUT=$(elems "$output") -DARENA=${upper}_ARENA_BYTES
        -DALIGN=${upper}_ARENA_ALIGN -DSTACK=${upper}_STACK_BYTES -I$dir"
    start=$board/startup.c
    [ "$target" != aarch64 ] || start= defines="$defines -DHOSTED"
    # -std=gnu99 for the assembler in the board's files; the model's own file gets its own flags alone
    # shellcheck disable=SC2086
    (cd "$dir" && $command && $cc $flags -Wall -Wextra -Werror -std=gnu99 $defines -o board.elf $start "$board/main.c" \
        "$WORK/input.c" ./*.o $(linking "$target")) >"$WORK/log" 2>&1 || { fail "$case" 'does not build'; return; }
    if ! emulate "$target" "$dir/board.elf" >"$WORK/got" 2>&1; then
        cp "$WORK/got" "$WORK/log"
        fail "$case" 'does not run'
        return
    fi
    error=$(/usr/bin/python3 "$WORK/compare.py" "$WORK/y.npy" "$WORK/got") && echo "ok $case" || fail "$case" "error $error"
    if [ "$target" != aarch64 ]; then
        on_host
        awk -v macs="$macs" -v error="$error" '{ v[$1] = $2 }
            END { printf "    %d multiply-adds, error %s, ", macs, error
                  if (v["instructions"]) printf "%.2f instructions for each, ", v["instructions"]/macs
                  printf "stack %d of %d bytes\n", v["stack"], v["bound"] }' "$WORK/got"
        if awk '{ v[$1] = $2 } END { exit !(v["stack"] > 0 && v["stack"] <= v["bound"]) }' "$WORK/got"; then
            echo "ok $case: stack"
        else
            fail "$case: stack" "$(grep -E '^(stack|bound)' "$WORK/got" | tr '\n' ' ')"
        fi
    else
        echo "    error $error"
    fi
    selftest
    by_llvm
}

# The same C, built for the host, gives the same bits: nothing in it depends on the machine.
on_host()
{
    # shellcheck disable=SC2086
    if ! (cd "$dir" && cc -O1 -std=gnu99 -ffp-contract=off $defines -DHOSTED -o host "$name.c" $(ls ./*.S 2>/dev/null) \
        "$board/main.c" "$WORK/input.c" -lm) >"$WORK/log" 2>&1; then
        fail "$case: the host" 'does not build'
    elif (cd "$dir" && ./host) >"$WORK/host" && diff <(grep '^out' "$WORK/host") <(grep '^out' "$WORK/got") >"$WORK/log"; then
        echo "ok $case: bits of the host"
    else
        fail "$case" 'other bits than on the host'
    fi
}

# LLVM's object in place of the C: the same bits on the board, no symbol but arithmetic in software, within its stack.
by_llvm()
{
    local with=$WORK/llvm machine=ARM
    rm -rf "$with" "$WORK/log"
    case $target in aarch64) machine=AArch64 ;; rv*) machine=RISC-V ;; esac
    if ! "$DSQC" compile "$spec" $weights --target="$target" --backend=llvm --emit=obj,selftest -q -o "$with" 2>"$WORK/log"; then
        ! grep -q 'without LLVM' "$WORK/log" && fail "$case by LLVM" 'dsqc compile' || echo "skip $case by LLVM: built without LLVM"
        return
    fi
    if ! readelf -h "$with/$name.o" | grep -q "Machine: *$machine" ||
        nm -u "$with/$name.o" | grep -v "$([ "$target" = rv32imc ] && echo ' __' || echo '^$')"; then
        fail "$case by LLVM" 'wrong machine, or undefined symbols'
        return
    fi
    # shellcheck disable=SC2086
    (cd "$with" && $cc $flags -std=gnu99 -I"$with" $defines -o board.elf $start "$board/main.c" "$WORK/input.c" "$name.o" \
        $(linking "$target") && $cc $flags -std=gnu99 -I"$with" -o selftest.elf $start "${name}_selftest.c" "$name.o" \
        $(linking "$target")) >"$WORK/log" 2>&1 || { fail "$case by LLVM" 'does not build'; return; }
    if ! emulate "$target" "$with/board.elf" >"$WORK/by_llvm" 2>&1; then
        cp "$WORK/by_llvm" "$WORK/log"
        fail "$case by LLVM" 'does not run'
    elif ! diff <(grep '^out' "$WORK/got") <(grep '^out' "$WORK/by_llvm") >"$WORK/log"; then
        fail "$case by LLVM" 'other bits than C'
    elif [ "$target" != aarch64 ] && ! awk '{ v[$1] = $2 } END { exit !(v["stack"] > 0 && v["stack"] <= v["bound"]) }' "$WORK/by_llvm"; then
        fail "$case by LLVM" "$(grep -E '^(stack|bound)' "$WORK/by_llvm" | tr '\n' ' ')"
    elif ! emulate "$target" "$with/selftest.elf" >"$WORK/log" 2>&1; then
        fail "$case by LLVM" 'self test'
    else
        echo "ok $case by LLVM"
        awk -v macs="$macs" '{ v[$1] = $2 } END { if (v["instructions"]) printf "    %.2f instructions for each, ", v["instructions"]/macs
            if (v["stack"]) printf "stack %d of %d bytes\n", v["stack"], v["bound"] }' "$WORK/by_llvm"
    fi
}

# The program that --emit=selftest writes, with its own main.
selftest()
{
    # shellcheck disable=SC2086
    if (cd "$dir" && $cc $flags -std=gnu99 -o selftest.elf $start "${name}_selftest.c" ./*.o $(linking "$target")) \
        >"$WORK/log" 2>&1 && emulate "$target" "$dir/selftest.elf" >"$WORK/log" 2>&1; then
        echo "ok $case: selftest"
    else
        fail "$case: selftest" "status $?"
    fi
}

# A self test fails where the model is not the one that it was made from.
foreign_selftest()
{
    local case='selftest of other weights' status
    have arm-none-eabi-gcc && have qemu-system-arm || { echo "skip $case: no Arm compiler or emulator"; return; }
    "$DSQC" compile specs/tiny/lenet.yaml --weights random:1 --target=cortex-m4 --emit=selftest -q -o "$WORK/a" &&
        "$DSQC" compile specs/tiny/lenet.yaml --weights random:2 --target=cortex-m4 -q -o "$WORK/b" || return
    # shellcheck disable=SC2046
    arm-none-eabi-gcc -O2 -ffreestanding -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -I"$WORK/b" \
        -o "$WORK/b/x.elf" "$board/startup.c" "$WORK/a/lenet_selftest.c" "$WORK/b/lenet.c" $(linking cortex-m4) || return
    emulate cortex-m4 "$WORK/b/x.elf" >"$WORK/log" 2>&1
    status=$?
    if [ $status = 1 ]; then echo "ok $case"; else fail "$case" "status $status, expected 1"; fi
}

# all SPEC WEIGHTS TARGETS...
all()
{
    local spec=$1 weights=$2 target
    shift 2
    if ! prepare "$spec" "$weights" 2>"$WORK/log"; then
        fail "$spec" 'no reference'
        return
    fi
    for target; do
        model "$spec" "$weights" "$target"
    done
}

all specs/digits/digits.yaml '' cortex-m4 cortex-m55 aarch64 rv64gc
for m in $tiny; do
    more=
    [ $m != lenet ] || more='cortex-m7 cortex-m55 rv32imc rv64gc'
    # shellcheck disable=SC2086
    all "specs/tiny/$m.yaml" '--weights random:1' cortex-m4 aarch64 $more
done
# Elementary functions, and square roots where the processor has none.
cat >"$WORK/roots.yaml" <<'YAML'
name: roots
input:
  x: 'f32[1,3,5,7]'
network:
  - {op: conv2d, name: c, out: 5, kernel: 3, pad: 1}
  - tanh
  - {op: exp, as: e}
  - {op: sqrt, in: e}
  - sigmoid
output: y
YAML
all "$WORK/roots.yaml" '--weights random:1' rv32imc cortex-m4
foreign_selftest
