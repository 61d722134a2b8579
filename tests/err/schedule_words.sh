# Every word of a schedule that is none, at its place in the text; the layers between them are right.
cat >"$WORK/net.json" <<'J'
{"format": "dsqc schedule 1", "version": "0", "network": "lenet", "target": "generic", "isa": "c", "options": "",
 "layers": [
  {"layer": "a", "shape": "", "schedule": "winogradd m=4 lanes=4 tile=2x2x1"},
  {"layer": "b", "shape": "", "schedule": "conv_tile lanes=4 tyle=1x14x2 oc_outer"},
  {"layer": "right", "shape": "", "schedule": "conv_tile lanes=4 tile=1x14x2 oc_outer"},
  {"layer": "c", "shape": "", "schedule": "conv_tile  lane=4 tile=1x14x2"},
  {"layer": "d", "shape": "", "schedule": "conv_tile lanes=4 tile=1x14x2 oc-outer"},
  {"schedule": "conv_tile lanes=4 tile=1x14x2 fast", "layer": "e", "shape": ""},
  {"layer": "f", "shape": "", "schedule": "conv_tile lanes=many tile=1x14x2"},
  {"layer": "g", "shape": "", "schedule": "conv_tile lanes tile=1x14x2"},
  {"layer": "h", "shape": "", "schedule": "conv_tile lanes=4 tile=1x14"},
  {"layer": "i", "shape": "", "schedule": "conv_tile lanes=4 tile=1x14x2 peel=1"},
  {"layer": "j", "shape": "", "schedule": "conv_tile tile=1x14x2 lanes=4"},
  {"layer": "k", "shape": "", "schedule": "conv_tile lanes=4\u0020tyle=1x14x2"},
  {"layer": "l", "shape": "", "sche\u0064ule": "conv_tile lanes=4 tyle=1x14x2"},
  {"layer": "m", "shape": "", "schedule": ""}
 ]}
J
"$DSQC" verify specs/tiny/lenet.yaml --target=generic --schedule="$WORK/net.json"
