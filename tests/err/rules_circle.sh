# Rules that undo each other.
cat >"$WORK/g.dsq" <<'G'
graph @g (%x: f32[1]) -> (%y: f32[1]) {
  %y = square %x : f32[1]
}
G
cat >"$WORK/my.rules" <<'R'
rule there exact=yes
  square(%x) => mul(%x, %x)
rule back exact=yes
  mul(%x, %x) => square(%x)
R
"$DSQC" opt "$WORK/g.dsq" --passes=algebra --rules "$WORK/my.rules"
