#!/usr/bin/env bash
# What dsqc says about itself agrees: help, manual, completion; options that would change nothing are refused; faults of
# the command line and outputs that cannot be written are found before any work.
set -u
spec=$WORK/net.yaml
printf "name: net\ninput: {x: 'f32[1,3,8,8]'}\nnetwork: [{op: conv2d, name: c, out: 4, kernel: 3}, relu]\n" >"$spec"
commands=$("$DSQC" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')

# verdict NAME STATUS TEXT
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1"; echo "  $3"; fi; }
# says NAME STATUS REGEX ARGUMENTS...
says()
{
    local name=$1 status=$2 text=$3 got
    shift 3
    out=$("$DSQC" "$@" 2>&1 </dev/null)
    got=$?
    [ "$got" = "$status" ] && grep -qE -- "$text" <<<"$out"
    verdict "$name" $? "status $got: $out"
}
# refused REGEX ARGUMENTS...: with status 2, one message, before the spec is read
refused()
{
    local text=$1 first=$2
    shift 2
    says "refused: $first $*" 2 "^dsqc: error: .*$text" "$first" "$WORK/not-there.yaml" "$@"
}

# ---- manual and completion have every option ----
man=$WORK/dsqc.1
sh compiler/share/man.sh "$DSQC" <compiler/share/dsqc.1 >"$man"
plain=$(sed 's/\\-/-/g' "$man")
missing=''
for c in $commands; do
    while read -r option; do
        grep -A 12 -e "^\.B .*$option" <<<"$plain" | grep -qE "[(, ]$c[,)]" || missing="$missing $c:$option"
    done < <("$DSQC" "$c" --help | grep -oE '^  .{4}--[a-z-]+' | grep -oE -e '--[a-z-]+')
done
[ -z "$missing" ]; verdict 'the manual has every option of every command' $? "$missing"
while read -r target; do
    grep -qxF ".B $target" <<<"$plain" || missing="$missing $target"
done < <("$DSQC" help targets | sed -n '1d; s/^  \([a-z][^ ]*\) .*/\1/p')
[ -z "$missing" ]; verdict 'the manual has every target' $? "$missing"
if command -v man >/dev/null; then
    warned=$(MANROFFSEQ='' MANWIDTH=100 man --warnings -l "$man" 2>&1 >/dev/null)
    [ -z "$warned" ]; verdict 'the manual formats' $? "$warned"
fi
complete_options()
{
    (
        source compiler/share/dsqc.bash
        compopt() { :; }
        COMP_WORDS=("$DSQC" "$1" "$2") COMP_CWORD=2
        _dsqc 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}"
    )
}
for c in $commands; do
    want=$("$DSQC" "$c" --help | grep -oE '^  .{4}--[a-z-]+' | grep -oE -e '--[a-z-]+' | sort -u)
    [ "$(complete_options "$c" -- | tr -d = | sort -u)" = "$want" ] || missing="$missing $c"
done
[ -z "$missing" ]; verdict 'completion has every option' $? "$missing"
[ "$(complete_options info --target=cortex-m5)" = --target=cortex-m55 ]; verdict 'completion of targets' $? "$(complete_options info --target=cortex-m5)"

# ---- targets and operators ----
says 'list of targets' 0 '^  cortex-m4 +Armv7E-M.*Cortex-M33' info --target=list
says 'list of targets without a spec' 0 '^  native +this machine' compile --target=list
says 'help targets' 0 '^  rv32imc' help targets
says 'targets in the help' 0 '^  cortex-m4 +Cortex-M4 with a float unit' compile --help
says 'targets in the general help' 0 '^targets: native, generic' --help
says 'a miss lists them' 2 "unknown target 'zz'; targets are native, generic, .*rv64gc" info "$spec" --target=zz
says 'no name lists them' 2 '--target needs a name; targets are native' info "$spec" --target=
says 'a processor' 2 "unknown target 'cortex-m33'; take cortex-m4: " info "$spec" --target=cortex-m33
says 'another processor' 2 "unknown target 'cortex-m3'.*take generic: " info "$spec" --target=cortex-m3
for op in $(sed -n 's/^OP(\([a-z0-9_]*\),.*/\1/p' ir/graph/op.def) constant parameter; do
    "$DSQC" help operators | grep -qx "$op" || missing="$missing $op"
done
[ -z "$missing" ]; verdict 'help has every operator' $? "$missing"

# ---- limits, before the spec is read ----
refused '--threads takes a whole number from 1 to 1024, not .100000' bench --threads=100000
refused '--runs takes a whole number from 1 to 1000000, not .1000001' verify --runs=1000001
refused '--seed takes a whole number from 1 to 1000000000' verify --seed=5000000000
refused 'the seed must be a number' compile --weights=random:x
refused "there is no pass 'nope'" info --passes=nope

big()
{
    printf "name: big\ninput: {x: 'f32[1,3,$2]'}\nnetwork: [{op: conv2d, name: c, out: $1, kernel: 3}, {op: mean, axes: [2, 3]}]\n" >"$WORK/big.yaml"
}
big 17179869184 8,8
says 'weights beyond memory' 1 "big.yaml:3:.*error: all weights up to 'c.weight', f32.17179869184,3,3,3., take 1,855.* bytes; this machine has" \
    info "$WORK/big.yaml"
big 1 500000,500000
says 'a value beyond memory' 1 "big.yaml:2:.*error: the value 'x', .* takes 3,000,.* bytes; this machine has" verify "$WORK/big.yaml"
rm "$WORK/big.yaml"

# ---- --strict ----
erf() { "$DSQC" compile "$WORK/erf.yaml" --weights random:1 --target=x86-64-v3 --emit=loops -o - "$@" | grep -c '[ (]erf('; }
printf "name: erf\ninput: {x: 'f32[1,64]'}\nnetwork: [gelu]\n" >"$WORK/erf.yaml"
[ "$(erf)" = 0 ] && [ "$(erf --strict)" -gt 0 ]; verdict 'gelu by erf itself under --strict, else by a shorter one' $? "$(erf) $(erf --strict)"
rm "$WORK/erf.yaml"

# ---- what would change nothing ----
none='would change nothing'
refused "$none: cortex-m4 is a microcontroller" compile --target=cortex-m4 --winograd=2
refused 'exclude each other: Winograd' compile --strict --winograd=2
refused "$none: choose-kernels" info --disable-pass=choose-kernels --winograd=4
refused "$none: choose-kernels" info --disable-pass=choose-kernels --schedule=s.json
refused "$none: choose-kernels" info --disable-pass=choose-kernels --costs
refused "$none: algebra" info --disable-pass=algebra --rules=r
refused "$none: algebra" info --passes=dce --rules=r
refused "$none: only a text of the IR" compile --emit=graph --weights-as=asm
refused "$none: it tells of kernels" compile --emit=graph -o - --stop-after=dce --report=r.json
refused "$none: that pass is disabled" info --disable-pass=order --print-ir-after=order
refused "$none: that pass is disabled" info -O0 --print-ir-after=order
refused "$none: that pass is disabled" info --disable-pass=loop-cse --print-ir-after=loop-cse
refused "$none: that pass is disabled" info --print-ir-after=place-apart
refused "'loop-unroll' is required" info --disable-pass=loop-unroll
refused "$none: that pass is not in --passes" info --passes=dce --print-ir-after=order
refused "$none: --stop-after ends" compile --emit=graph -o - --stop-after=dce --print-ir-after=loop-cse
for o in backend=c target=generic threads=2 strict winograd=off schedule=s passes=dce disable-pass=dce rules=r print-ir-after=dce verify-each \
    time-passes report=r.json check; do
    refused "--${o%%=*} $none: --engine=reference" run --engine=reference "--$o"
done
refused "--backend $none: --engine=loops" verify --engine=loops --backend=c
refused "--runs $none: --no-time" explore --no-time --runs=3
refused "--json $none: --html=-" explore --html=- --json
for o in target=generic strict winograd=off disable-pass=dce print-ir-after=dce stop-after=dce verify-each time-passes; do
    refused "--${o%%=*} $none: no pass runs" opt "--$o"
done
for o in weights=random:1 target=generic strict winograd=off disable-pass=dce rules=r print-ir-after=dce verify-each time-passes; do
    refused "--${o%%=*} $none: passes on loops" opt --loops --passes=loop-cse "--$o"
done
refused "--stop-after=loop-hoist $none" opt --loops --passes=loop-cse --stop-after=loop-hoist
refused "$none: that pass is not in --passes" opt --passes=dce --stop-after=order
refused 'passes on loops run with --loops' opt --passes=dce --print-ir-after=loop-cse
for o in weights-prefix=foo. weights-extra=error weights-extra=ignore; do
    refused "--${o%%=*} would change nothing: random weights" compile --weights=random:1 "--$o"
    refused "--${o%%=*} would change nothing: random weights" verify --weights=random:2 "--$o"
    refused "--${o%%=*} would change nothing: no --weights" opt --passes=dce "--$o"
done
refused 'nothing can be tuned' tune -o "$WORK/s.json" --disable-pass=choose-kernels

# ---- outputs, before the spec is read ----
unwritable() { says "unwritable: $*" 1 '(nowhere|net.yaml|/proc/x).*: error: (cannot write|.*directory)' "$@"; }
n=$WORK/not-there.yaml
unwritable compile "$n" -o /proc/x
unwritable compile "$n" -o "$spec/x"
unwritable compile "$n" --report="$WORK/nowhere/r.json" -o "$WORK/out"
unwritable explore "$n" --html="$WORK/nowhere/x.html"
unwritable export "$n" -o "$WORK/nowhere/x.onnx"
unwritable tune "$n" -o "$WORK/nowhere/s.json"
unwritable compile "$n" --report="$WORK/nowhere/r.json" -o "$WORK/nowhere2"
unwritable compile "$n" --report="$WORK/nowhere/sub/r.json" -o "$WORK/nowhere"
unwritable verify "$n" --report="$WORK/nowhere/r.json"
unwritable opt "$n" -o "$WORK/nowhere/x"
CC=false unwritable run "$spec" --weights=random:1 -i "$WORK/x.npy" -o "$WORK/nowhere/y.npy"
[ "$(ls "$WORK")" = "$(printf 'dsqc.1\nnet.yaml')" ]; verdict 'nothing is left of the trial' $? "$(ls "$WORK")"

# ---- a report in the folder that is made for the model ----
reported() # REPORT ARGUMENTS...
(
    mkdir "$WORK/new" && cd "$WORK/new" || exit
    out=$("$DSQC" compile "$spec" --weights random:1 -q "--report=$1" "${@:2}" 2>&1)
    [ $? = 0 ] && [ -z "$out" ] && jq -e .kernels "$1" >/dev/null
    verdict "report: $*" $? "$out"
    rm -r "$WORK/new"
)
reported nd/r.json -o nd
reported ./nd//r.json -o nd/
reported nd/r.json -o nd/a/b
reported "$WORK/new/nd/r.json" -o "$WORK/./new/nd"
reported generated/net/r.json
reported generated/r.json
reported nd/net.json -o nd

# ---- files that are not ours ----
secret=$WORK/secret
printf 'root:hunter2:0\nname: hunter2\npassword: hunter2\n' >"$secret"
printf "include: [secret]\ninput: {x: 'f32[1]'}\nnetwork: [relu]\n" >"$WORK/include.yaml"
silent()
{
    out=$("$DSQC" "$@" 2>&1 </dev/null)
    [ $? = 1 ] && ! grep -q hunter2 <<<"$out" && grep -q "secret: error: " <<<"$out"
    verdict "not shown: $*" $? "$out"
}
silent compile "$secret"
silent info "$WORK/include.yaml"
silent info "$spec" --rules="$secret"
silent info "$spec" --schedule="$secret"
silent info "$spec" --weights="$secret"
silent opt "$secret"
silent opt --loops "$secret"
silent run "$spec" --weights=random:1 --engine=reference -i "$secret"
printf 'name: net\npassword: hunter2\n' >"$secret"
silent compile "$secret"
printf '{"password": "hunter2", "x": [}' >"$secret"
silent info "$spec" --schedule="$secret"
silent compile "$secret"

printf 'root: [hunter2\nnet: x\n' >"$secret"
silent compile "$secret"
printf -- '- hunter2\n- name: hunter2\n' >"$secret"
silent compile "$secret"
printf '"hunter2"\n' >"$secret"
silent compile "$secret"

# ---- whatever way of YAML a spec is written in ----
wrote() # NAME TEXT
{
    printf -- "$2" >"$WORK/way.yaml"
    says "YAML: $1" 0 '^net' info "$WORK/way.yaml"
}
wrote 'quoted keys' "'name': net\n\"input\": {x: 'f32[1]'}\n'network': [relu]\n"
wrote 'space before the colon' "name : net\ninput : {x: 'f32[1]'}\nnetwork : [relu]\n"
wrote 'an indented map' "  name: net\n  input: {x: 'f32[1]'}\n  network: [relu]\n"
wrote 'a map beside the mark' "--- {name: net, input: {x: 'f32[1]'}, network: [relu]}\n"
wrote 'a map below a directive' "%%YAML 1.1\n---\nname: net\ninput: {x: 'f32[1]'}\nnetwork: [relu]\n"
wrote 'lines that end with CR' "name: net\rinput: {x: 'f32[1]'}\rnetwork: [relu]\r"
wrote 'JSON' '{"name": "net", "input": {"x": "f32[1]"}, "network": ["relu"]}'

# ---- what a step may say about its tensors ----
says 'operators: shared' 0 'shared: true' help operators
says 'operators: names of tensors' 0 "weight: \{tensor: '" help operators
says 'operators: names of parameters' 0 "the tensor's name.*\{tensor: '" help operators

# ---- specs by name ----
says 'another ending' 1 "net.yml.*did you mean '$WORK/net.yaml'" info "$WORK/net.yml"
says 'no ending' 1 "did you mean '$WORK/net.yaml'" info "$WORK/net"
says 'nearly' 1 "did you mean '$WORK/net.yaml'" info "$WORK/nett.yaml"

# ---- installation: of the binary under test, whatever flags it was built with (-o) ----
root=$WORK/root build=${BUILD#"$PWD"/}
make -s install -o "$build/dsqc" "B=$build" PREFIX=/usr DESTDIR="$root" >"$WORK/install.txt" 2>&1
verdict 'make install' $? "$(cat "$WORK/install.txt")"
for f in bin/dsqc share/man/man1/dsqc.1 share/man/man7/dsqc-ops.7 share/doc/dsqc/README.md share/doc/dsqc/specs/README.md share/doc/dsqc/LICENSE share/doc/dsqc/operators.txt \
    share/dsqc/specs/resnet18.yaml include/dsq/dsq.h share/pkgconfig/dsq.pc share/bash-completion/completions/dsqc; do
    [ -s "$root/usr/$f" ] || missing="$missing $f"
done
[ -z "$missing" ]; verdict 'what is installed' $? "$missing"
grep -q 'top left\|window \[height, width\]' "$root/usr/share/doc/dsqc/operators.txt"; verdict "operators' text" $? ''
dir=$(PKG_CONFIG_PATH=$root/usr/share/pkgconfig pkg-config --variable=specsdir dsq)
[ -f "$root$dir/resnet18.yaml" ]; verdict 'pkg-config knows where specs are' $? "$dir"
(cd "$WORK" && "$root/usr/bin/dsqc" info tiny/dscnn >/dev/null); verdict 'a bundled spec by its name' $? ''
make -s uninstall PREFIX=/usr DESTDIR="$root" >"$WORK/install.txt" 2>&1
left=$(find "$root" -type f)
[ -z "$left" ]; verdict 'make uninstall' $? "$left"
