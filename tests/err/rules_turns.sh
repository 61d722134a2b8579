# A person's rule and a bundled one undo each other: the person's is the error, whichever of them fires too often.
cat >"$WORK/my.rules" <<'R'
rule reciprocal exact=no
  mul(%x, @a) => div(%x, div(1, @a))
rule plus exact=yes
  sub(%x, %y) => add(%x, neg(%y))
R
cat >"$WORK/odd.dsq" <<'G'
graph @g (%x: f32[2]) -> (%y: f32[2]) {
  const @a : f32[2] = [4, 5]
  %y = mul %x, @a : f32[2]
}
G
cat >"$WORK/even.dsq" <<'G'
graph @g (%x: f32[2]) -> (%y: f32[2]) {
  const @a : f32[2] = [4, 5]
  %1 = sigmoid %x : f32[2]
  %y = mul %1, @a : f32[2]
}
G
cat >"$WORK/sub.dsq" <<'G'
graph @g (%x: f32[2], %y: f32[2]) -> (%z: f32[2]) {
  %z = sub %x, %y : f32[2]
}
G
for g in odd even sub; do
    "$DSQC" opt "$WORK/$g.dsq" --passes=algebra --rules "$WORK/my.rules"
done 2>&1 | sed -E 's/^algebra.rules:[0-9]+/algebra.rules:N/; s/^ +[0-9]+ \|/   N |/'
exit "${PIPESTATUS[0]}"
