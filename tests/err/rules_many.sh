# A file of more rules than anybody writes: each is tried when it is read.
for i in $(seq 1001); do printf 'rule r%d exact=yes\n  sqrt(square(%%x)) => abs(%%x)\n' "$i"; done >"$WORK/many.rules"
"$DSQC" info specs/tiny/lenet.yaml --rules "$WORK/many.rules" >/dev/null
