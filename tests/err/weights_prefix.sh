# Names of the file have something in front, or lack it, or are others: what the message says.
cat >"$WORK/net.yaml" <<'Y'
input: {image: 'f32[1,3,6,6]'}
network:
  - {op: conv2d, name: body.conv1, out: 4, kernel: 3}
  - {op: batch_norm, name: body.bn1}
  - flatten
  - {op: linear, name: body.fc, out: 5}
Y
/usr/bin/python3 - "$WORK" <<'P'
import sys, numpy as np
shapes = {'conv1.weight': (4, 3, 3, 3), 'conv1.bias': (4,), 'bn1.weight': (4,), 'bn1.bias': (4,), 'bn1.running_mean': (4,),
          'bn1.running_var': (4,), 'bn1.num_batches_tracked': (), 'fc.weight': (5, 64), 'fc.bias': (5,)}
def save(name, rename, more=(), **other):
    new = {rename(k): np.zeros(other.get(k.replace('.', '_'), v), 'f4') for k, v in shapes.items()}
    np.savez('%s/%s.npz' % (sys.argv[1], name), **new, **{k: np.zeros(3, 'f4') for k in more})
save('module', lambda k: 'module.body.' + k)
save('state', lambda k: 'state_dict/body.' + k, ['epoch'])
save('lacks', lambda k: k)
save('spaces', lambda k: 'my net.body.' + k)
save('quote', lambda k: "it's.body." + k)
save('some', lambda k: 'body.' + k if 'fc' in k else 'module.body.' + k)
save('shape', lambda k: 'module.body.' + k, fc_weight=(64, 5))
save('others', lambda k: 'body.' + {'conv1.weight': 'stem.kernel', 'fc.weight': 'classifier.w', 'fc.bias': 'classifier.b',
                                    'bn1.bias': 'bn.bias', 'bn1.weight': 'bn.weight'}.get(k, k))
save('extra', lambda k: 'body.' + k, ['aux.weight'])
P
for f in module state lacks spaces quote some shape others extra; do
    "$DSQC" info "$WORK/net.yaml" --weights "$WORK/$f.npz"
done
"$DSQC" info "$WORK/net.yaml" --weights "$WORK/module.npz" --weights-prefix=modul.
"$DSQC" info "$WORK/net.yaml" --weights "$WORK/extra.npz" --weights-extra=warn
