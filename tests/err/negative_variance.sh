# Numbers that an operator cannot take, and numbers that leave f32 when they are folded.
cd "$WORK" || exit
cat >net.yaml <<'YAML'
input: {x: 'f32[1,3,4,4]'}
network:
  - {op: conv2d, name: c, out: 2, kernel: 1, bias: false}
  - {op: batch_norm, name: bn}
YAML
/usr/bin/python3 - <<'PY'
import numpy as np
def save(name, **change):
    w = {"bn." + k: np.ones(2, "f4") for k in ("weight", "bias", "running_mean", "running_var")}
    w["c.weight"] = np.ones((2, 3, 1, 1), "f4")
    np.savez(name, **{**w, **change})
save("negative.npz", **{"bn.running_var": np.array([1, -0.5], "f4")})
save("large.npz", **{"c.weight": np.full((2, 3, 1, 1), 3e38, "f4"), "bn.weight": np.array([1, 1e6], "f4")})
save("huge.npz", **{"c.weight": np.full((2, 3, 1, 1), 3e38, "f4")})
PY
"$DSQC" compile net.yaml --weights negative.npz -o out
"$DSQC" compile net.yaml --weights large.npz -o out
"$DSQC" verify net.yaml --weights huge.npz --target=generic --engine=loops --runs=1 -q
