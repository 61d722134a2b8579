# A wrong rule that no small number betrays: --verify-each names it with its line, where it fired and where it made way.
cat >"$WORK/my.rules" <<'R'
rule large exact=yes
  clamp(%x) {min=-10000, max=10000} => %x
rule larger exact=yes
  minimum(%x, 1e6) => maximum(%x, -1e6)
R
cat >"$WORK/g.dsq" <<'G'
graph @g (%x: f32[1,8]) -> (%y: f32[1,8]) {
  const @a : f32[8] = [1e5, 1e5, 1e5, 1e5, 1e5, 1e5, 1e5, 1e5]
  %1 = scale %x, @a : f32[1,8]
  %2 = clamp %1 {min=-10000, max=10000} : f32[1,8]
  %3 = exp %x : f32[1,8]
  %y = add %3, %2 : f32[1,8]
}
G
sed 's/clamp %1 {.*}/minimum %1, @b/; /const/a const @b : f32[1] = [1e6]' "$WORK/g.dsq" | sed 's/1e5/1e9/g' >"$WORK/h.dsq"
for g in g h; do
    "$DSQC" opt "$WORK/$g.dsq" --passes=algebra --rules "$WORK/my.rules" --verify-each --print-ir-after=algebra
    echo "status $?"
done
