# A ratio that would not be written as it was read.
cat >"$WORK/net.json" <<'J'
{"format": "dsqc schedule 1", "version": "0", "network": "lenet", "target": "generic", "isa": "c", "options": "", "layers": [],
 "measured": [
  {"layer": "a", "schedule": "conv_tile lanes=4 tile=1x14x2", "ratio": 1000000, "noise": 0, "shape": ""},
  {"layer": "a", "schedule": "conv_tile lanes=4 tile=1x13x2", "ratio": 1e308, "noise": 0.01, "shape": ""}
 ]}
J
"$DSQC" verify specs/tiny/lenet.yaml --target=generic --schedule="$WORK/net.json"
