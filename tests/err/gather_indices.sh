# Indices that the network computes.
cat >"$WORK/g.dsq" <<'G'
graph @g (%x: f32[1,4], %i: f32[2]) -> (%y: f32[1,2]) {
  %y = gather %x, %i : f32[1,2]
}
G
"$DSQC" opt "$WORK/g.dsq" --passes=canonicalize
