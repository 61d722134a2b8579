# A rule that fires on what it makes is refused soon, however large the graph.
{
    echo 'graph @g (%v0: f32[4]) -> (%v3000: f32[4]) {'
    for i in $(seq 3000); do echo "  %v$i = tanh %v$((i - 1)) : f32[4]"; done
    echo '}'
} >"$WORK/g.dsq"
cat >"$WORK/my.rules" <<'R'
rule grows exact=yes
  tanh(%x) => maximum(tanh(%x), tanh(%x))
R
(grep -q __asan_init "$DSQC" || ulimit -v 800000; ulimit -t 20; "$DSQC" opt "$WORK/g.dsq" --passes=algebra --rules "$WORK/my.rules")
