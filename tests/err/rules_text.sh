# What rules may not look like. Every wrong rule is named; the right one between them is no hindrance.
echo 'graph @g (%x: f32[1]) -> (%x: f32[1]) { }' >"$WORK/g.dsq"
cat >"$WORK/my.rules" <<'R'
rule operator exact=no
  sqare(%x) => %x
rule unbound exact=no
  square(scale(%value, @a)) => %valu
rule unbound_attribute exact=no
  scale(%x, @a) {axis=$axis} => bias(%x, @a) {axis=$axes}
rule closed exact=no
  square(neg(%x) => %x
rule right exact=yes
  square(neg(%x)) => square(%x)
rule maybe exact=maybe
  square(%x) => %x
rule unsaid
  square(%x) => %x
rule attribute exact=no
  scale(%x, @a) {axs=1} => %x
rule required exact=no
  clamp(%x) {min=0} => %x
rule anything exact=no
  scale(%x, @a) {axis=?} => scale(%x, @a) {axis=?}
rule other_kind exact=no
  clamp(%x) {min=$a, max=?} => softmax(%x) {axis=$a}
rule operands exact=no
  scale(%x) => %x
rule results exact=no
  split(%x) {...} => %x
rule number exact=no
  square(%x) => mul(%x, 1e40)
rule constants exact=no
  square(@a) => mul(@a, @a)
rule condition exact=no
  abs(%x) => %x when nonnegativ(%x)
rule of_values exact=no
  abs(%x) => %x when %x > 0
rule comparison exact=no
  abs(%x) => %x when rank(%x) + 1
rule right exact=yes
  square(neg(%x)) => square(%x)
rule named exact=no
  square(%y = neg(%y = abs(%x))) => %x
R
"$DSQC" opt "$WORK/g.dsq" --rules "$WORK/my.rules"
echo "status $?"
"$DSQC" opt "$WORK/g.dsq" --rules "$WORK/none.rules"
