#!/usr/bin/env bash
# Whatever a model, its inputs and its outputs are called, the C compiles, as C and as C++, and runs; models with names
# that are nearly the same share neither files nor functions nor macros, in one folder and in one translation unit.
set -u
cd "$WORK"
: "${TMPDIR:=/tmp}"
warn='-Wall -Wextra -Wpedantic -Wshadow -Werror'
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; sed 's/^/    /' log | head -20; }
check() { local name=$1; shift; if "$@" >log 2>&1; then ok "$name"; else bad "$name"; fi; }
compile() { "$DSQC" compile "$@" --weights random:1 --target=generic -q; }
twice() { sed -n 's/^#define \([A-Za-z0-9_]*\).*/\1/p' "$@" | sort | uniq -d | grep .; }
have() { command -v "$1" >/dev/null; }

# spec NAME INPUT...: relu of the sum of the inputs
spec()
{
    local name=$1 in
    shift
    echo "name: $name"
    echo "input: {$(for in in "$@"; do printf "'%s': 'f32[1,4]', " "$in"; done)}"
    echo 'network:'
    echo "  - {op: relu, in: '$1', as: sum0}"
    local i=0
    for in in "${@:2}"; do
        echo "  - {op: add, in: [sum$i, '$in'], as: sum$((i + 1))}"
        i=$((i + 1))
    done
    echo "  - {op: linear, name: fc, out: 3, as: fc}"
    echo "  - {op: exp, as: out}"
    echo 'output: out'
}

# ---- a hundred names, in one folder and one translation unit ----
names='linux asm bool true false unix class new delete namespace xor and or not compl typeof nullptr thread_local
    static_assert constexpr f32 i32 f32x8 add_f32x8 max_f32 DSQ_EINVAL dsq Dsq DSQ dsqc dsq_pool dsq_math dsqc_run
    wchar_t noexcept concept co_await char8_t alignas alignof template typename this virtual operator private public
    auto break case char const do double else enum extern float for goto if inline int long register restrict return
    short signed sizeof static struct switch typedef union unsigned void volatile while
    NULL SIZE_MAX INT32_MAX uintptr_t size_t ptrdiff_t INT_MAX EOF I complex errno stdin
    math stdint stddef limits stdlib string pthread immintrin arm_neon aux con COM1
    parallel unroll let store prefetch load index ptr note inf nan arena weights main printf args begin end run run_mt
    k0 k0_run a a_b a_k0 a_w a_run net net_net net_weights net_selftest seg Seg SEG sEG X1 resnet18 lib libnet
    bad_arguments'
failed=
for n in $names; do
    spec "$n" x >spec.yaml
    compile spec.yaml --weights-as=c --threads -o all 2>>log || failed="$failed $n"
done
[ -z "$failed" ] && ok 'every name compiles' || bad "these names do not compile:$failed"
count=$(echo "$names" | wc -w)
models() { (cd all && ls ./*.json) | sed 's|^./||; s|\.json$||'; }
check 'every name has files of its own' test "$(models | wc -l)" = "$count"
check 'the runtime is the runtime' cmp "$OLDPWD/runtime_min/dsq.h" all/dsq.h
check 'an ordinary name is as it was' sh -c 'grep -q "^int resnet18_run(const float \*x, float \*out" "$1" &&
    grep -q "#define RESNET18_X_ELEMS" "$1" && grep -q "#define RESNET18_ARENA_BYTES" "$1"' - all/resnet18.h

# Every model on the same numbers: all have the same weights, so every result is the first one's.
{
    echo '#include <stdint.h>'; echo '#include <limits.h>'; echo '#include <stdio.h>'; echo '#include <string.h>'
    echo '#include "dsq_pool.h"'
    models | sed 's/.*/#include "&.h"/'
} >headers.h
{
    cat headers.h
    models | sed 's/.*/#include "&.c"/'
    echo 'static float x[4] = {1.0f, -2.0f, 0.5f, 3.0f}, first[3], y[3];'
    echo 'static unsigned char memory[1 << 16] __attribute__((aligned(64)));'
    echo 'int main(void)'; echo '{'; echo '    int wrong = resnet18_run(x, first, memory);'
    models | sed 's/.*/    wrong |= &_run(x, y, memory) || memcmp(first, y, sizeof y);/'
    echo '    return wrong || first[0] == first[1];'; echo '}'
} >unity.c
for cc in gcc clang g++ clang++; do
    have $cc || { echo "skip names with $cc: it is not installed"; continue; }
    language=; case $cc in *++) language='-x c++ -std=c++17' ;; esac
    # shellcheck disable=SC2086
    check "all in one translation unit of $cc" sh -c "$cc $language -O1 $warn -Iall -o unity unity.c && ./unity"
done
for std in 'gcc -std=c99' 'clang -std=c17' 'g++ -x c++ -std=c++20' 'clang++ -x c++ -std=c++20'; do
    have "${std%% *}" || continue
    check "all headers in $std" sh -c "cat headers.h >headers.c && $std $warn -Iall -fsyntax-only headers.c"
done
# Each by itself, without the others' guards.
alone() { models | (cd all && xargs -L 1 sh -c 'gcc -std=c99 -fsyntax-only '"$warn"' "$0.c" || exit 255'); }
check 'each by itself' alone

# ---- inputs and outputs ----
ports='NULL SIZE_MAX INT32_MAX uintptr_t size_t EOF I linux unix asm class new namespace xor and wchar_t noexcept
    concept co_await char8_t bool true nullptr f32 i32 f32x8 max_f32 add_f32x8 main args weights executor hook user mem
    error a_w_fc prefetch_ P_ARENA_BYTES P_X_ELEMS P_H p p_run p_bad_arguments b_c bc BC Bc X DSQ_EINVAL
    DSQ_OK uint8_t int32_t offsetof errno restrict_ x1'
# shellcheck disable=SC2086
spec p $ports >spec.yaml
sed -i "s/as: out}/as: NaN}/; s/^output: out/output: [NaN, fc, sum3]/" spec.yaml
check 'inputs of every name' compile spec.yaml --weights-as=c --threads --emit=c,selftest -o ports
for cc in 'gcc -std=gnu11' 'clang -std=gnu11' 'g++ -x c++ -std=c++20' 'clang++ -x c++ -std=c++20'; do
    have "${cc%% *}" || continue
    check "inputs of every name, $cc" sh -c "$cc $warn -Iports -o st ports/p.c ports/p_selftest.c && ./st"
done
check 'a macro for each' test "$(grep -c '_ELEMS  *[0-9]' ports/p.h)" = "$(($(echo "$ports" | wc -w) + 3))"
none_twice() { ! twice "$@"; }
check 'no macro twice' none_twice ports/p.h
check 'they run' "$DSQC" verify spec.yaml --weights random:1 --threads=2 --runs 1 -q

# A word of the text form of loops is refused where it stands.
spec p prefetch >spec.yaml
refused() { "$DSQC" compile spec.yaml --weights random:1 -q -o none 2>err; [ $? = 1 ] && grep "found 'prefetch'" err; }
check 'an input called as a word of the text form' refused

# ---- models that would define the same macro or function ----
spec a b_c >1.yaml
spec a_b c >2.yaml
spec seg k0_x run >3.yaml
spec Seg k0_x run >4.yaml
rm -rf pair
for i in 1 2 3 4; do compile $i.yaml --weights-as=asm -o pair 2>>log || bad "pair $i"; done
check 'no macro of two headers' none_twice pair/a.h pair/a_b.h pair/seg.h pair/Seg.h
printf '#include "a.c"\n#include "a_b.c"\n#include "seg.c"\n#include "Seg.c"\n#include "dsq.h"\n' >pair/all.c
for cc in gcc clang 'g++ -x c++' 'clang++ -x c++ -std=c++17'; do
    have "${cc%% *}" || continue
    # shellcheck disable=SC2086
    unit() { (cd pair && $cc $warn -c -o all.o all.c) && [ "$(nm pair/all.o | grep -cE ' U .*_weights$')" = 4 ]; }
    check "pairs in one translation unit, $cc" unit
done

# ---- a name that a renamed model would get ----
spec math_net x >spec.yaml
renamed() { "$DSQC" compile spec.yaml --weights random:1 -q -o renamed 2>&1 | grep "'math_net' is what 'math' becomes"; }
check 'the name of a renamed model' renamed

# ---- files of others ----
mkdir -p others && echo '{"name": "webapp"}' >others/package.json && echo 'int main(void) { return 0; }' >others/app.c
cp -r others before
refuses() { ! "$DSQC" compile spec.yaml --weights random:1 -q "$@" && grep -q "$want" log; }
for n in package app; do
    spec $n x >spec.yaml
    want='nothing is written over it' check "a file of another program, $n" refuses -o others
done
check 'they are untouched' diff -r before others
# Every kind of file that some --emit writes: text, weights, objects, the runtime's, pipes, devices, links to nowhere.
spec net x >spec.yaml
kinds='net.json net.h net.c net_weights.h net_weights.S net_selftest.c net.bin net.o net.s libnet.a libnet.so net.dsq
    net.loops dsq.h dsq_pool.h dsq_pool.c'
every() { timeout 60 "$DSQC" compile spec.yaml --weights random:1 --threads -q -o "$@" 2>err; }
printf '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho code >"$2"\n' >cc # quick, and what it makes is not looked at
printf '#!/bin/sh\necho code >"$2"\n' >ar
chmod +x cc ar
export CC=$PWD/cc AR=$PWD/ar
text='--emit=c,graph,loops,selftest' code='--emit=obj,asm,lib,shared'
every whole $text --weights-as=asm && every whole2 $text && every whole3 $code || cat err
check 'these are all kinds' sh -c '[ "$(cat "$2" "$3" "$4" | jq -r ".files[]" | sort -u)" = "$(printf "%s\n" $1 | sort)" ]' - \
    "$kinds" whole/net.json whole2/net.json whole3/net.json
foreign() # "FILE..." COMMAND...: what the command makes of that name is refused and stays
{
    local n emit left
    for n in $1; do
        rm -rf mine before && mkdir mine && (cd mine && "${@:2}" "$n") && cp -a mine before
        case $n in *.o | *.s | lib*) emit=$code ;; net_weights.h) emit=$text ;; *) emit="$text --weights-as=asm" ;; esac
        # shellcheck disable=SC2086
        every mine $emit; left=$?
        [ "$left $(ls -lA mine)" = "1 $(ls -lA before)" ] && grep -q "mine/$n: error: .*nothing is written over it" err &&
            { [ ! -f "mine/$n" ] || cmp -s "mine/$n" "before/$n"; } || { echo "$n: status $left"; cat err; return 1; }
    done >log
}
mine() { echo 'precious' >"$1"; }
check 'files of mine under names of ours' foreign "$kinds" mine
check 'pipes' foreign 'net.json net.h net.bin dsq.h' mkfifo
check 'devices' foreign 'net.json net.c net.bin dsq.h' ln -s /dev/zero
check 'links to nowhere' foreign 'net.json net.dsq' ln -s nowhere
printf '{"name": "web", "version": "1", "files": ["net.bin"]}' >whole/package.json
mkdir -p npm && cp whole/package.json npm && mine npm/net.bin
not_listed() { ! every npm $text --weights-as=asm && grep 'net.bin' err; }
check 'a package.json is no report' not_listed
again() { every "$@" $text --weights-as=asm && every "$@" $text && every "$@" $code && every "$@" $text; }
check 'what dsqc wrote is replaced, whatever the options' again whole
unset CC AR
: >whole/net.bin
check 'an empty file is replaced' every whole $text --weights-as=asm
spec m x >spec.yaml
want='library of the system' check 'a library of the system' refuses --emit=lib -o libm
check 'its C is welcome' "$DSQC" compile spec.yaml --weights random:1 -q -o libm
check 'and again' "$DSQC" compile spec.yaml --weights random:1 -q -o libm
