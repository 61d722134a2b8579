#!/usr/bin/env bash
# The form of what is generated: the assembler's file for ELF, Mach-O and PE, sections for weights, what the header says
# of the files beside it, compilers that make nothing, and more weights than a program holds.
set -u
cd "$WORK"
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; sed 's/^/    /' log | head -20; }
check() { local name=$1; shift; if "$@" >log 2>&1; then ok "$name"; else bad "$name"; fi; }
cat >net.yaml <<'YAML'
name: net
input: {x: 'f32[1,16]'}
network:
  - {op: linear, name: fc, out: 8}
output: y
YAML
have() { command -v "$1" >/dev/null; }
same() { /usr/bin/python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:3]); assert b in a' "$@"; }
placed() { readelf -SW "$1" | grep '\.ext_flash *PROGBITS.* A '; } # a section that is loaded and not written
compile() { "$DSQC" compile net.yaml --weights random:1 -q "$@"; }

# ---- the assembler's file ----
compile --target=generic --weights-as=asm -o asm || exit 1
nm=$(command -v llvm-nm-19 || command -v llvm-nm)
# symbols TRIPLE SYMBOL TYPE: the code wants what the assembler's file defines, both with the machine's prefix
symbols()
{
    (
        cd asm || exit 1
        case $1 in i686*) set -- "$@" -msse2 -mfpmath=sse ;; esac # x87 computes in a wider type
        clang -target "$1" "${@:4}" -ffreestanding -c -o code.o net.c || exit 1
        clang -target "$1" -I. -c -o weights.o net_weights.S || exit 1
        $nm code.o weights.o
        $nm code.o | grep -q " U $2$" && $nm weights.o | grep -q " $3 $2$" && same weights.o net.bin
    )
}
if have clang && [ -n "$nm" ]; then
    check 'weights for Mach-O, x86-64' symbols x86_64-apple-darwin _net_weights '[sS]'
    check 'weights for Mach-O, arm64' symbols aarch64-apple-darwin _net_weights '[sS]'
    check 'weights for PE, x86-64' symbols x86_64-pc-windows-gnu net_weights R
    check 'weights for PE, i386' symbols i686-pc-windows-gnu _net_weights R
    check 'weights for ELF, arm' symbols armv7-none-eabi net_weights R
    check 'weights for ELF, RISC-V' symbols riscv64-unknown-elf net_weights R
else
    echo 'skip weights for Mach-O and PE: clang or llvm-nm is not installed'
fi
typed()
{
    (cd asm && cc -I. -c net_weights.S) || return
    readelf -sW asm/net_weights.o | grep -q 'OBJECT *GLOBAL HIDDEN.* net_weights$' &&
        readelf -SW asm/net_weights.o | grep -q '\.rodata.* 64$'
}
check 'weights are aligned and typed' typed

# ---- sections ----
section='__attribute__((section(".ext_flash")))'
compile --target=generic --weights-as=c -o c || exit 1
for cc in gcc clang 'g++ -x c++' 'clang++ -x c++ -Wno-c++17-extensions'; do
    have "${cc%% *}" || continue
    # shellcheck disable=SC2086
    arrays() { (cd c && $cc -Wall -Wextra -Werror "-DDSQ_WEIGHTS_SECTION=$section" -c net.c) && placed c/net.o; }
    check "section of arrays, $cc" arrays
done
assembler() { (cd asm && cc -I. "$1" -c net_weights.S); }
directive() { assembler '-DDSQ_WEIGHTS_ASM_SECTION=.section .ext_flash,"a"' && placed asm/net_weights.o; }
attribute() { ! assembler "-DDSQ_WEIGHTS_SECTION=$section"; }
told() { grep -q DSQ_WEIGHTS_SECTION= c/net.h && grep -q DSQ_WEIGHTS_ASM_SECTION= asm/net.h; }
check 'section of the assembler' directive
check 'section of arrays is not for the assembler' attribute
check 'the header tells of sections' told

# ---- what the header says ----
# says EMIT FILE...: the first comment names these files, each of which is there, and no other
says()
{
    local emit=$1 f said
    shift
    rm -rf said && compile --emit="$emit" $flags -o said || return
    said=$(sed '/\*\/$/q' said/net.h | grep -oE '\b(lib)?net(_weights)?\.(c|o|a|so|s|S|ll|bin)\b' | sort -u)
    echo "said: $said"
    [ "$said" = "$(printf '%s\n' "$@" | sort -u)" ] || return
    for f in $said; do [ -e "said/$f" ] || { echo "$f is not there"; return 1; }; done
}
flags=--weights-as=asm
check 'header of C' says c net.c net_weights.S net.bin
check 'header of an object' says obj net.o
check 'header of libraries' says lib,shared libnet.a libnet.so
check 'header of assembler text' says asm net.s net_weights.S net.bin
check 'header of C and object' says c,obj net.c net.o net_weights.S net.bin
flags=--weights-as=c
check 'header of assembler text with arrays' says asm net.s
flags=--weights-as=file
check 'header of an object with a file' says obj net.o
flags=--backend=llvm
check 'header of an object by LLVM' says obj net.o
check 'header of text by LLVM' says asm,llvm-ir net.s net.ll net_weights.S net.bin
check 'header tells for which builds the stack is' grep -q 'STACK_BYTES.*optimized builds' c/net.h

# ---- compilers that make nothing ----
nothing()
{
    local result=$1
    shift
    ! compile "$@" -o none 2>err && [ ! -e none ] && grep "ended with status 0 and made no $result" err
}
CC=true check 'no object' nothing net.o --emit=obj
CC=true check 'no shared object' nothing libnet.so --emit=shared
AR=true check 'no library' nothing libnet.a --emit=lib
LD=true check 'no shared object by LLVM' nothing libnet.so --emit=shared --backend=llvm
CC=true check 'no code to run' sh -c '! "$DSQC" verify net.yaml 2>err && grep "made no net.o" err'

# ---- more than 2 GiB ----
sed 's/16\]/16384]/; s/out: 8/out: 36000/' net.yaml >large.yaml
large()
{
    ! timeout 10 "$DSQC" compile large.yaml --weights random:1 -q -o large "$@" 2>err && [ ! -e large ] &&
        grep -q 'large.yaml:4:.*--weights-as=file' err && [ "$(grep -c error: err)" = 1 ]
}
for as in '' --weights-as=c --weights-as=asm --emit=obj --emit=shared --emit=lib,selftest \
    '--backend=llvm --emit=obj'; do
    # shellcheck disable=SC2086
    check "more than 2 GiB, ${as:-by default}" large $as
done
