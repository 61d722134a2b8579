#!/usr/bin/env bash
# Files of an earlier compilation go with the next one, at once with its own; those of others never.
set -u
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; shift; printf '  %s\n' "$@"; }
net() { # NAME OPTIONS...: compiles tiny/lenet under that name into $WORK/d
    sed "s/^name: .*/name: $1/" specs/tiny/lenet.yaml >"$WORK/$1.yaml"
    "$DSQC" compile "$WORK/$1.yaml" --weights random:1 -q -o "$WORK/d" "${@:2}"
}
# there NAME FILES...: exactly these are in the folder
there()
{
    local name=$1 got want
    shift
    got=$(ls -A "$WORK/d") want=$(printf '%s\n' "$@" | sort)
    if [ "$got" = "$want" ]; then ok "$name"; else bad "$name" "want: ${want//$'\n'/ }" "got:  ${got//$'\n'/ }"; fi
}
listed() { # NAME: the report lists what the folder has
    local got want
    got=$(jq -r '.files[]' "$WORK/d/net.json" | sort) want=$(ls -A "$WORK/d")
    if [ "$got" = "$want" ]; then ok "$1"; else bad "$1" "report: ${got//$'\n'/ }" "folder: ${want//$'\n'/ }"; fi
}
export LC_ALL=C
plain=(dsq.h net.c net.h net.json net_weights.h)

# ---- every kind of file goes ----
net net --weights-as=asm
there 'assembled weights' dsq.h net.bin net.c net.h net.json net_weights.S
net net
there 'assembled weights go' "${plain[@]}"
listed 'the report lists its files'
net net --emit=c,obj,asm,lib,shared,selftest,graph,loops --threads --weights-as=file
listed 'the report lists all kinds'
net net
there 'all kinds go' "${plain[@]}"
if ! net net --backend=llvm --emit=obj 2>"$WORK/err"; then
    grep -q 'without LLVM' "$WORK/err" || bad 'LLVM' "$(cat "$WORK/err")"
    echo 'skip files of LLVM: it is not there'
else
    net net --backend=llvm --emit=obj,lib,shared,asm,llvm-ir
    listed 'the report lists what LLVM made'
    net net
    there 'what LLVM made goes' "${plain[@]}"
fi

# ---- a failure takes nothing away ----
net net --weights-as=asm
CC=false net net --emit=obj 2>/dev/null && bad 'failing compiler' 'status 0'
there 'a failure takes nothing away' dsq.h net.bin net.c net.h net.json net_weights.S
rm -r "$WORK/d"

# ---- several models in one folder ----
net net --threads --emit=c
net other --threads
net net --emit=graph
there 'what another model needs stays' dsq.h dsq_pool.c dsq_pool.h net.dsq net.json \
    other.c other.h other.json other_weights.h
net other --emit=graph
there 'what no model needs goes' net.dsq net.json other.dsq other.json
rm -r "$WORK/d"

# ---- foreign files, and reports that lie ----
net net
printf 'int main(void) { return 0; }\n' >"$WORK/d/main.c"
cp "$WORK/d/main.c" "$WORK/d/network.c"
cp "$WORK/d/main.c" "$WORK/outside.c"
cp "$WORK/d/main.c" "$WORK/net.o"
mkdir "$WORK/d/sub" "$WORK/d/net.a"
cp "$WORK/d/main.c" "$WORK/d/sub/net.o"
ln -s ../outside.c "$WORK/d/net.o"
mkfifo "$WORK/d/pipe.json"
ln -s /dev/zero "$WORK/d/zero.json"
cp "$WORK/d/main.c" "$WORK/d/net.ll" # what the report says rightly goes
jq --arg work "$WORK" '.files += ["main.c", "network.c", "../outside.c", "../net.o", "sub/net.o", "sub", "net.a", "net.o",
    "", ".", "..", "/", "pipe.json", ($work + "/outside.c"), 7, null, ["net.o"], {"a": 1}, "net.ll"]' \
    "$WORK/d/net.json" >"$WORK/lie" && cp "$WORK/lie" "$WORK/d/net.json"
all() { find "$WORK/d" "$WORK/outside.c" "$WORK/net.o" | sort; }
all | grep -v 'net.ll$' >"$WORK/before"
timeout 60 "$DSQC" compile "$WORK/net.yaml" --weights random:1 -q -o "$WORK/d" 2>"$WORK/err" || echo "status $?" >>"$WORK/err"
if all | diff "$WORK/before" - >"$WORK/diff" && [ ! -s "$WORK/err" ]; then
    ok 'a report that lies takes nothing away'
else
    bad 'a report that lies takes nothing away' "$(cat "$WORK/diff" "$WORK/err")"
fi
for text in '' '"name": "net"' '"name": "net" {' '{"name": "net", "files": 7}' '{"name": "net", "files": {"net.c": 1}}' \
    '{"name": "net", "files": [[[["net.c"]]]]}' '{"name": "net", "files": ["\u0000"]}' $'"name": "net" \xff'; do
    printf '%s' "$text" >"$WORK/d/net.json"
    printf '%s' "$text" >"$WORK/d/third.json"
    if net net 2>"$WORK/err" && [ ! -s "$WORK/err" ] && [ -f "$WORK/d/net.c" ]; then
        ok "no report: '$text'"
    else
        bad "no report: '$text'" "$(cat "$WORK/err")"
    fi
done
