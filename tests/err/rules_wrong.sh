# Rules that are not true, or not as exact as they say, or that nothing fits: refused with their lines.
echo 'graph @g (%x: f32[1]) -> (%x: f32[1]) { }' >"$WORK/g.dsq"
cat >"$WORK/my.rules" <<'R'
rule numbers exact=no
  square(sigmoid(%x)) => sigmoid(square(%x))
rule sign exact=no
  scale(square(%x), @a) {axis=$k} => square(scale(%x, @a) {axis=$k})
rule single exact=yes
  scale(scale(%x, @a), @b) => scale(%x, mul(@a, @b))
rule near exact=no
  mul(%x, 3) => mul(%x, 3.0001)
rule nowhere_negative exact=yes
  relu(%x) => %x
rule axis exact=no
  scale(%x, @a) {axis=?} => mul(%x, @a)
rule shape exact=no
  square(%x) => mean(%x) {axes=[0]}
rule impossible exact=no
  abs(%x) => %x  when nonnegative(%x) and 1 > 2
rule hidden_by_large_numbers exact=no
  relu(%x) => sub(add(%x, 1000000), 1000000)
R
"$DSQC" opt "$WORK/g.dsq" --passes=algebra --rules "$WORK/my.rules"
