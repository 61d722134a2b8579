# Rules whose replacement is too large to be tried, as a value and as a constant: refused without being computed.
echo 'graph @g (%x: f32[1]) -> (%x: f32[1]) { }' >"$WORK/g.dsq"
cat >"$WORK/my.rules" <<'R'
rule value exact=yes
  relu(%x) => slice(pad(relu(%x)) {pads=[0,400000000]}) {axes=[0], start=[0], end=[1]} when shape(%x) == [1]
rule constant exact=yes
  mul(%x, @a) => mul(%x, slice(pad(@a) {pads=[0,400000000]}) {axes=[0], start=[0], end=[1]}) when shape(@a) == [1]
rule condition exact=yes
  mul(%x, @a) => mul(@a, %x)  when shape(@a) == [1] and pad(@a) {pads=[0,400000000]} == 1
R
(grep -q __asan_init "$DSQC" || ulimit -v 1000000; "$DSQC" opt "$WORK/g.dsq" --passes=algebra --rules "$WORK/my.rules")
