#!/usr/bin/python3
"""dsqc info --roofline: counts and times computed anew from a network's layers, and what bench says of them."""
import json
import math
import os
import subprocess

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
SPEC = WORK + '/net.yaml'
with open(SPEC, 'w') as f:
    f.write('''name: net
input: {image: 'f32[2,3,30,30]'}
network:
  - {op: conv2d, name: stem, out: 8, kernel: 7, stride: 2, pad: 3}
  - relu
  - {op: conv2d, name: square, out: 12, kernel: 3, pad: 1, bias: false}
  - {op: conv2d, name: half, out: 20, kernel: 3, stride: 2, pad: 1}
  - {op: conv2d, name: flat, out: 24, kernel: 1}
  - {op: conv2d, name: wide, out: 24, kernel: [1, 3], pad: [0, 1]}
  - {op: conv2d, name: dilated, out: 8, kernel: 3, pad: 2, dilation: 2}
  - {op: conv2d, name: grouped, out: 8, kernel: 3, pad: 1, groups: 4}
  - {op: conv2d, name: depthwise, out: 8, kernel: 3, pad: 1, groups: 8}
  - {op: max_pool, kernel: 2}
  - flatten
  - {op: linear, name: fc, out: 500}
output: y
''')
# Outputs of a tile along a side that rounding allows, by the window's side at stride 1 (passes/winograd/README.md).
TILES = {2: range(2, 7), 3: range(2, 7), 4: range(2, 6)}
# name, input channels, output channels, output side, window, stride, inputs that an output sees, square and dense, biased
LAYERS = [('stem', 3, 8, 15, 7, 2, 3 * 49, True, True), ('square', 8, 12, 15, 3, 1, 8 * 9, True, False),
          ('half', 12, 20, 8, 3, 2, 12 * 9, True, True), ('flat', 20, 24, 8, 1, 1, 20, True, True),
          ('wide', 24, 24, 8, 3, 1, 24 * 3, False, True), ('dilated', 24, 8, 8, 3, 1, 24 * 9, False, True),
          ('grouped', 8, 8, 8, 3, 1, 2 * 9, False, True), ('depthwise', 8, 8, 8, 3, 1, 9, False, True),
          ('fc', 8 * 4 * 4, 500, 1, 1, 1, 8 * 4 * 4, False, True)]
failed = []


def dsqc(*words):
    done = subprocess.run([DSQC, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit('not ok roofline\n  dsqc %s: %s' % (' '.join(words), done.stdout))
    return done.stdout


def roofline(*words):
    return json.loads(dsqc('info', SPEC, '--roofline', '--json', '--target=native', *words))['roofline']


def check(name, good, *why):
    print(('ok ' if good else 'not ok ') + name)
    for w in why if not good else ():
        print('  %s' % (w,))
    failed.extend([] if good else [name])


def expected(layer, winograd=True):
    """macs, least_macs, bytes, cheapest"""
    name, cin, cout, side, window, stride, sees, plain, biased = layer
    macs = 2 * cout * side * side * sees
    best = (macs, 'direct')
    r = -(-window // stride)
    for m in TILES[r] if winograd and plain and r > 1 else ():
        tiles = 2 * math.ceil(side / m) ** 2
        best = min(best, (tiles * (m + r - 1) ** 2 * cin * stride ** 2 * cout, 'F(%dx%d, %dx%d)' % (m, m, r, r)), key=lambda x: x[0])
    return macs, best[0], 4 * (cout * sees + (cout if biased else 0)), best[1]


def counts(r):
    return {e['layers'][0]: (e['macs'], e['least_macs'], e['weights_bytes'], e['cheapest']) for e in r['layers']}


def near(x, y):
    return abs(x - y) <= 2e-6 + 1e-4 * abs(y)


r = roofline()
want = {layer[0]: expected(layer) for layer in LAYERS}
check('counts', counts(r) == want, counts(r), want)
check('sums', (r['macs'], r['least_macs'], r['weights_bytes']) == tuple(sum(w[i] for w in want.values()) for i in range(3)))
check('some layers are cheaper by Winograd', any(e['cheapest'] != 'direct' for e in r['layers']))
strict = roofline('--strict')
check('strict: the direct way', counts(strict) == {layer[0]: expected(layer, False) for layer in LAYERS}, counts(strict))

speed = r['read_gbs'][r['weights_from']]
check('machine', r['peak_gflops'] > 0.1 and r['read_gbs']['memory'] > 0.1 and r['threads'] == 1, r)
check('time at the peak', all(near(e['compute_ms'], 2 * e['least_macs'] / (r['peak_gflops'] * 1e9) * 1e3) for e in r['layers']))
check('time of the weights', all(near(e['weights_ms'], e['weights_bytes'] / (speed * 1e9) * 1e3) for e in r['layers']))
check('the larger of both', all(e['ms'] == max(e['compute_ms'], e['weights_ms']) for e in r['layers']))
check('total', abs(r['roofline_ms'] - sum(e['ms'] for e in r['layers'])) < 2e-5, r)
check('direct', near(r['direct_ms'], 2 * r['macs'] / (r['peak_gflops'] * 1e9) * 1e3), r)
check('threads', roofline('--threads=2')['threads'] == 2)

other = json.loads(dsqc('info', SPEC, '--roofline', '--json', '--target=aarch64'))['roofline']
check('a target of another machine has counts', other['least_macs'] == r['least_macs'] and counts(other) == want)
for words in ['--target=cortex-m7'], ['--winograd=off'], ['--strict']:
    direct = roofline(*words)
    check('%s: directly' % words[0], direct['least_macs'] == direct['macs'] == r['macs'], direct['least_macs'])
check('and no times', other['roofline_ms'] is other['direct_ms'] is other['peak_gflops'] is other['layers'][0]['ms'] is None, other)
check('which the text explains', 'no times: target' in dsqc('info', SPEC, '--roofline', '--target=cortex-m7'))
text = dsqc('info', SPEC, '--roofline')
check('text', 'F(' in text and 'GB/s' in text and 'total' in text, text)

bench = json.loads(dsqc('bench', SPEC, '--json', '--runs=3'))
check('bench', 0 < bench['roofline_ms'] and 0 < bench['direct_ms'] and
      near(bench['roofline_share'], bench['roofline_ms'] / bench['median_ms']), bench)
check('bench: direct', near(bench['direct_ms'], bench['gflop'] / bench['peak_gflops'] * 1e3), bench)
check('bench text', '% of it reached' in dsqc('bench', SPEC, '--runs=3'))
raise SystemExit(bool(failed))
