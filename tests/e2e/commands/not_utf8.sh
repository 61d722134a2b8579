#!/usr/bin/env bash
# Names that are not UTF-8: shown escaped, in messages as in JSON, and no JSON lacks a key for it.
set -u
ok() { echo "ok $1"; }
bad() { echo "not ok $1"; [ ! -f "$WORK/log" ] || sed 's/^/  | /' "$WORK/log" | head -20; }
check() { local name=$1; shift; if "$@" >"$WORK/log" 2>&1; then ok "$name"; else bad "$name"; fi; }
rules=$WORK/$'r\xff\xc3.rules' spec=$WORK/$'n\xe9t.yaml' out=$WORK/$'o\xff'
printf 'rule mine exact=yes ; Gr\xfc\xdfe\n  sqrt(square(%%x)) => abs(%%x)\n' >"$rules"
cat >"$spec" <<'YAML'
name: net
params: {mode: plain}
input: {x: 'f32[1,4]'}
network:
  - {op: linear, name: c, out: 2}
  - relu
output: y
YAML
lacks_no_key() { # OLD NEW: both have the same keys
    diff <(jq -S '[paths | map(if type == "number" then 0 else . end)] | unique' "$1") \
         <(jq -S '[paths | map(if type == "number" then 0 else . end)] | unique' "$2")
}
plain=$WORK/plain.rules
cp "$rules" "$plain"

# ---- tune, whose file must fit again ----
check 'tune' "$DSQC" tune "$spec" --rules "$rules" --runs=1 -q -o "$WORK/s.json"
check 'options are there, escaped' jq -e --arg r "--rules=$WORK/r\\xff\\xc3.rules" '.options | endswith($r)' \
    "$WORK/s.json"
check 'its schedules fit' "$DSQC" info "$spec" --rules "$rules" --schedule="$WORK/s.json"
check 'the same work goes on' "$DSQC" tune "$spec" --rules "$rules" --runs=1 -q -o "$WORK/s.json"
check 'other rules are other work' bash -c '! "$@" 2>"$0" && grep -qF -e "r\\xff\\xc3.rules" "$0"' "$WORK/err" \
    "$DSQC" tune "$spec" --rules "$plain" --runs=1 -q -o "$WORK/s.json"

# ---- report, info, explore ----
check 'compile' "$DSQC" compile "$spec" --rules "$rules" --weights random:1 --report="$WORK/r.json" \
    --set mode=$'\xff' -q -o "$out"
"$DSQC" compile "$spec" --rules "$plain" --weights random:1 --set mode=y -q -o "$WORK/o" 2>"$WORK/log"
check 'report' lacks_no_key "$WORK/o/net.json" "$out/net.json"
check 'report beside' jq -e '.options.set.mode == "\\xff"' "$WORK/r.json"
check 'explore' "$DSQC" explore "$spec" --rules "$rules" --no-time -q --html "$WORK/page.html"
check 'page names the spec' grep -qF -e '"n\\xe9t.yaml"' -e '/n\\xe9t.yaml"' "$WORK/page.html"
check 'page has its text' grep -qF 'name: c, out: 2' "$WORK/page.html"
check 'info' bash -c '"$1" info "$2" --json >"$3" && jq -e .name "$3"' - "$DSQC" "$spec" "$WORK/info.json"

# ---- messages ----
bad=$WORK/$'b\xe9d.yaml'
sed 's/out: 2/uot: 2/' "$spec" >"$bad"
says() { ! "$DSQC" info "$1" 2>"$WORK/err" && LC_ALL=C grep -F -e "$2" "$WORK/err"; }
check 'message' says "$bad" '/b\xe9d.yaml:5:'
check 'file that is not there' says "$WORK/"$'x\xff.yaml' 'x\xff.yaml: error'
