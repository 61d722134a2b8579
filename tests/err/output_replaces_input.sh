# Results never take the place of what they are made from, by whatever name.
cd "$WORK"
net() { printf '%s\n' 'name: net' "input: {x: 'f32[1,4]'}" 'network: [{op: linear, name: l, out: 2, as: a}, {op: relu, as: b}]' 'output: [a, b]'; }
net >net.yaml
ln -s net.yaml link.yaml
/usr/bin/python3 -c 'import numpy as n; n.savez("w.npz", **{"l.weight": n.ones((2, 4), "f4"), "l.bias": n.ones(2, "f4")}); n.save("x.npy", n.ones((1, 4), "f4"))'
cksum net.yaml w.npz x.npy >before
"$DSQC" export net.yaml --weights w.npz -o w.npz
"$DSQC" explore net.yaml --no-time --html link.yaml >/dev/null
"$DSQC" compile net.yaml --weights w.npz --report=net.yaml -q -o q
"$DSQC" run net.yaml --weights w.npz -q --engine=reference --input x.npy --output a=x.npy --output b=b.npy
"$DSQC" run net.yaml --weights w.npz -q --engine=reference --input x.npy --output a=y.npy --output b=y.npy
"$DSQC" run net.yaml --weights w.npz -q --engine=reference --input x.npy --output a=/dev/null --output b=/dev/null && echo both
cksum net.yaml w.npz x.npy | cmp - before && echo untouched
