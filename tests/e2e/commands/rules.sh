#!/usr/bin/env bash
# A person's rules: they change the compiled code, are named where they fired, and wrong ones are refused with their line.
set -u
spec=$WORK/net.yaml out=$WORK/out
cat >"$spec" <<'YAML'
name: net
input: {image: 'f32[1,3,9,9]'}
network:
  - {op: conv2d, name: conv1, out: 8, kernel: 3, pad: 1}
  - sigmoid
  - square
  - {op: mean, axes: [2, 3]}
  - {op: linear, name: fc, out: 4}
output: scores
YAML
cat >"$WORK/my.rules" <<'R'
; 1 / (1 + e^-x)^2 by one division
rule logistic_squared exact=no
  square(sigmoid(%x)) => div(1, square(add(1, exp(neg(%x)))))
R

ok() { echo "ok rules $1"; }
no() { echo "not ok rules $1"; sed 's/^/    /' "$WORK/log" 2>/dev/null | head -20; }
is() { if [ "$2" = "$3" ]; then ok "$1"; else no "$1"; printf '    %s\n' "expected: $2" "found:    $3"; fi; }
compile() { "$DSQC" compile "$spec" --weights random:1 --target=generic -o "$out" -q "$@" 2>"$WORK/log"; }
epilogue() { jq -r '[.kernels[].epilogue | select(. != "")] | join(", ")' "$out/net.json"; }
fired() { jq -c '[.rules[] | [.name, .count]]' "$out/net.json"; }

compile && is "bundled rules alone" "sigmoid square -> mean []" "$(epilogue) $(fired)"
cp "$out/net.c" "$WORK/before.c"
compile --rules "$WORK/my.rules" --print-ir-after=algebra
is "another epilogue" 'neg exp add square div -> mean [["logistic_squared",1]]' "$(epilogue) $(fired)"
is "named in the dump" "; rule logistic_squared (my.rules:2) fired at square, net.yaml:6" "$(grep '^; rule' "$WORK/log")"
if cmp -s "$WORK/before.c" "$out/net.c"; then no "another code"; else ok "another code"; fi
is "its text is part of the report" "$(sha256sum "$WORK/my.rules" | cut -d' ' -f1)" "$(jq -r '.options.rules_sha256[0]' "$out/net.json")"
if "$DSQC" verify "$spec" --rules "$WORK/my.rules" --verify-each --runs 1 >"$WORK/log" 2>&1; then
    ok "the code is right"
else
    no "the code is right"
fi
compile --rules "$WORK/my.rules" -O0 && is "also without optimization" '[["logistic_squared",1]]' "$(fired)"
compile --rules "$WORK/my.rules" --strict && is "not under --strict" '[]' "$(fired)"
compile --rules "$WORK/my.rules" --disable-pass=algebra && is "not without the pass" '[]' "$(fired)"

# in front of the bundled rules, several files in their order
printf 'rule mine exact=yes\n  sqrt(square(%%x)) => maximum(%%x, neg(%%x))\n' >"$WORK/a.rules"
printf 'rule second exact=yes\n  sqrt(square(%%x)) => abs(neg(%%x))\n' >"$WORK/b.rules"
sed -i 's/- square/- sqrt/; s/- sigmoid/- square/' "$spec"
compile && is "the bundled rule" '[["sqrt_of_square",1]]' "$(fired)"
compile --rules "$WORK/a.rules" --rules "$WORK/b.rules" && is "the first file's rule" '[["mine",1]]' "$(fired)"

# a wrong one
rm -rf "$out"
printf 'rule wrong exact=no\n  square(sigmoid(%%x)) => sigmoid(square(%%x))\n' >"$WORK/wrong.rules"
compile --rules "$WORK/wrong.rules"
is "a wrong rule's status" 1 $?
is "a wrong rule's place" "$WORK/wrong.rules:1:6: error: rule 'wrong'" "$(grep -o "^.*error: rule 'wrong'" "$WORK/log")"
if [ -e "$out" ]; then no "nothing is written"; else ok "nothing is written"; fi

# a rewrite that travels along a long chain is no circle
{
    echo 'graph @g (%v0: f32[4], %w: f32[4]) -> (%v400: f32[4]) {'
    echo '  %n = neg %v0 : f32[4]'
    echo '  %v1 = mul %n, %w : f32[4]'
    for i in $(seq 2 400); do echo "  %v$i = mul %v$((i - 1)), %w : f32[4]"; done
    echo '}'
} >"$WORK/long.dsq"
printf 'rule up exact=yes\n  mul(neg(%%x), %%w) => neg(mul(%%x, %%w))\n' >"$WORK/up.rules"
"$DSQC" opt "$WORK/long.dsq" --passes=algebra --rules "$WORK/up.rules" >"$WORK/long" 2>"$WORK/log"
is "a long way" "%v400 = neg" "$(grep -o '%v400 = [a-z]*' "$WORK/long")"

# the bundled rules on networks in which they fire
for set in pool=bilinear unit=square_encoding; do
    if "$DSQC" info specs/shufflenet_v2_x0_5.yaml --set size=32 --set $set --verify-each >"$WORK/log" 2>&1; then
        ok "--verify-each, $set"
    else
        no "--verify-each, $set"
    fi
done
