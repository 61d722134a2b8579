#!/usr/bin/python3
"""dsqc tune: a search that is interrupted and goes on, what comes of its file, and files that are refused. No times are
asserted: that a schedule is used shows in the report and in the numbers."""
import json
import os
import re
import signal
import subprocess
import time

DSQC, WORK = os.environ['DSQC'], os.environ['WORK']
TMP = os.path.join(WORK, 'tmp')
os.makedirs(TMP)
os.environ['TMPDIR'] = TMP
SPEC, FILE = WORK + '/net.yaml', WORK + '/net.schedule.json'
NET = '''name: %s
input: {image: 'f32[1,3,16,16]'}
network:
  - {op: conv2d, name: stem, out: 16, kernel: 3, stride: 2, pad: 1}
  - relu
  - {op: conv2d, name: mid1, out: %d, kernel: 3, pad: 1}
  - relu
  - {op: conv2d, name: mid2, out: 16, kernel: 3, pad: 1}
  - relu
  - {op: conv2d, name: dw, out: 16, kernel: 3, pad: 1, groups: 16}
  - {op: mean, axes: [2, 3]}
  - {op: linear, name: fc, out: 40}
output: y
'''
with open(SPEC, 'w') as f:
    f.write(NET % ('net', 16))
failed = []


def check(name, good, *why):
    print(('ok tune ' if good else 'not ok tune ') + name)
    for w in why if not good else ():
        print('    ' + '\n    '.join(str(w).splitlines()[:20]))
    failed.extend([] if good else [name])


def dsqc(*words):
    return subprocess.run([DSQC, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)


def tune(*words, spec=SPEC, to=FILE):
    return dsqc('tune', spec, '--target=native', '--runs=2', '-o', to, *words)


def read(path=FILE):
    with open(path) as f:
        return json.load(f)


def write(text, path=WORK + '/edited.json'):
    with open(path, 'w') as f:
        f.write(text)
    return path


def succeeds(name, done):
    check(name, done.returncode == 0, done.stdout)
    return done.stdout


# ---- interrupted, and again ----

def interrupt():
    """Starts it, and ends it when it has measured something."""
    p = subprocess.Popen([DSQC, 'tune', SPEC, '--target=native', '--runs=2', '-o', FILE], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    while p.poll() is None:
        if os.path.exists(FILE) and read()['measured']:  # never half a file
            p.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    out, err = p.communicate()
    return p.returncode, out, err


status, out, err = interrupt()
check('is interrupted', status == 130 and not out and 'the same command goes on' in err, status, out, err)
first = read()
check('has saved what it measured', first['measured'] and not first['complete'], first)
check('leaves nothing behind', sorted(os.listdir(WORK)) == ['net.schedule.json', 'net.yaml', 'tmp'] and not os.listdir(TMP),
      os.listdir(WORK), os.listdir(TMP))
succeeds('takes an unfinished file', dsqc('verify', SPEC, '--runs=1', '--schedule=' + FILE))

text = succeeds('goes on', tune())
whole = read()
check('with what was measured', whole['measured'][:len(first['measured'])] == first['measured'] and whole['complete'] and
      len(whole['measured']) > len(first['measured']))
check('says what came of it', re.match(r'net for native: 5 layers, \d with a faster schedule', text), text)
check('tried each schedule once', len({(m['layer'], m['schedule']) for m in whole['measured'] if 'again' not in m}) ==
      sum('again' not in m for m in whole['measured']))
check('layers of one kernel share', {m['layer'] for m in whole['measured']} == {'stem', 'mid1', 'dw', 'fc'}, {m['layer'] for m in whole['measured']})
check('names every layer', [e['layer'] for e in whole['layers']] == ['stem', 'mid1', 'mid2', 'dw', 'fc'], whole['layers'])
with open(FILE) as f:
    before = f.read()
succeeds('is done', tune())
check('and measures no more', read()['measured'] == whole['measured'])
done = tune('-q')
check('quiet', done.returncode == 0 and not done.stdout, done.stdout)

# ---- the file in use ----

for name, words in (('the code is right', ['--verify-each']), ('with threads', ['--threads=2']),
                    ('as loops', ['--engine=loops'])):
    succeeds(name, dsqc('verify', SPEC, '--runs=1', '--schedule=' + FILE, *words))


def kernels(*words):
    """What the report says of each layer."""
    out = WORK + '/out'
    done = dsqc('compile', SPEC, '--weights=random:1', '-q', '-o', out, *words)
    if done.returncode:
        return done.stdout, {}
    with open(out + '/net.json') as f:
        report = json.load(f)
    return report, {k['layers'][0]: k['impl'] for k in report['kernels']}


chosen = {e['layer']: e['schedule'] for e in read()['layers']}
report, impl = kernels('--schedule=' + FILE)
check('is what the report shows', {k: impl.get(k) for k in chosen} == chosen, impl, chosen)
check('is part of the report', 'schedule_sha256' in report['options'] and 'schedule_sha256' not in kernels()[0]['options'])


def change(layer, schedule, to=WORK + '/edited.json'):
    """The file with another schedule of a layer."""
    f = read()
    for e in f['layers']:
        if e['layer'] == layer:
            e['schedule'] = schedule
    return write(json.dumps(f, indent=1), to)


_, own = kernels()
lanes = int(re.search(r'lanes=(\d+)', own['mid1']).group(1))
edited = change('mid1', 'conv_tile lanes=%d tile=2x2x1' % lanes)
_, impl = kernels('--schedule=' + edited)
check('an edited one is used', impl.get('mid1') == 'conv_tile lanes=%d tile=2x2x1' % lanes != own['mid1'], impl)
check('for that layer alone', impl.get('mid2') == chosen['mid2'], impl)
succeeds('and right', dsqc('verify', SPEC, '--runs=1', '--schedule=' + edited))
wino = change('mid1', 'winograd m=4 lanes=%d tile=2x2x1 oc_outer' % lanes, WORK + '/wino.json')
succeeds('one by Winograd, too', dsqc('verify', SPEC, '--runs=1', '--threads=2', '--schedule=' + wino))
if 'without LLVM' not in dsqc('info', SPEC, '--backend=llvm').stdout:
    succeeds('also through LLVM', dsqc('verify', SPEC, '--runs=1', '--engine=llvm', '--schedule=' + wino))
    succeeds('which can be tuned for', tune('--backend=llvm', '--winograd=auto', to=WORK + '/llvm.json'))
    succeeds('and whose file it reads', dsqc('verify', SPEC, '--runs=1', '--engine=llvm', '--schedule=' + WORK + '/llvm.json'))
else:
    print('skip tune through LLVM: this dsqc has none')

# ---- what is refused ----


def refuses(name, done, message, status=1, place=True):
    where = re.search(r'^\S*\.json:\d+:\d+: error: ', done.stdout, re.M)
    check('refuses ' + name, done.returncode == status and re.search(message, done.stdout) and (where or not place), done.stdout)


def used(path, *words):
    return dsqc('verify', SPEC, '--runs=1', '--engine=loops', '--schedule=' + path, *words)


tile = 'conv_tile lanes=%d tile=' % lanes
for name, layer, schedule, message in (
        ('a tile that does not fit the registers', 'mid1', tile + '4x8x4', 'vectors do not fit the'),
        ('a tile larger than the map', 'mid1', tile + '1x9x1', 'larger than the map of 8x8'),
        ('another kind of kernel', 'mid1', 'depthwise lanes=%d tile=1x4x1' % lanes, 'a layer of another kind'),
        ('a kernel of a convolution for a product', 'fc', tile + '1x1x1', 'a layer of another kind'),
        ('rows of a depthwise tile', 'dw', 'depthwise lanes=%d tile=9x4x1' % lanes, "layer 'dw' cannot have this schedule: the tile is larger"),
        ('a depthwise tile', 'dw', 'depthwise lanes=%d tile=7x8x1' % lanes, "layer 'dw' cannot have this schedule: (7 x 8 sums|only the pixels)"),
        ('clipped rows in pairs', 'mid1', tile + '2x2x1 peel', 'clipped rows'),
        ('vectors that there are not', 'mid1', 'conv_tile lanes=32 tile=1x1x1', 'lanes=32'),
        ('vectors of three', 'mid1', 'conv_tile lanes=3 tile=1x1x1', 'lanes=3'),
        ("Winograd's method where it does not apply", 'dw', 'winograd m=4 lanes=%d tile=2x2x1 oc_outer' % lanes, 'does not apply'),
        ('a tile that rounds too much', 'mid1', 'winograd m=7 lanes=%d tile=2x2x1 oc_outer' % lanes, 'does not apply'),
        ('blocks that do not divide', 'mid1', 'winograd m=2 lanes=%d tile=3x2x1' % lanes, 'equal parts'),
        ('an unknown word', 'mid1', tile + '1x1x1 fast', "'fast' is no word"),
        ('an unknown kernel', 'mid1', 'magic lanes=4', "no kernel 'magic'"),
        ('a number of none', 'mid1', tile + '0x1x1', "'tile=0x1x1': tile wants rows"),
        ('a huge number', 'mid1', tile + '1x99999999999x1', 'tile wants rows'),
        ('words in another order', 'mid1', 'conv_tile tile=1x1x1 lanes=%d' % lanes, 'would be'),
        ('nothing', 'mid1', '', 'empty schedule')):
    refuses(name, used(change(layer, schedule)), message)
refuses("Winograd's method under --strict", used(wino, '--strict'), 'does not apply under --strict')
refuses("Winograd's method without it", used(wino, '--winograd=off'), 'does not apply with --winograd=off')
refuses('a changed layer', used(write(before.replace('f32[16,16,3,3]', 'f32[16,16,5,5]'))), "layer 'mid1' is another one here")
refuses('an unknown layer', used(write(before.replace('"layer": "mid1"', '"layer": "mid3"'))), "no layer 'mid3'")
refuses('a layer twice', used(write(json.dumps(dict(whole, layers=whole['layers'] + whole['layers'][:1]), indent=1))), 'stands twice')
refuses('another target', used(FILE, '--target=generic'), "for 'native'.*the target is 'generic'")
refuses('half a file', used(write(before[:len(before) // 2])), 'expected|end of file|premature')
refuses('a number for a text', used(write(before.replace('"network": "net"', '"network": 5'))), '"network" is no text')
refuses('no layers', used(write(re.sub('"layers"', '"lairs"', before))), '"layers" is missing', place=False)
refuses('no schedules', used(write('[1, 2]')), 'no schedules of dsqc', place=False)
refuses('a later format', used(write(before.replace('dsqc schedule 1', 'dsqc schedule 2'))), 'no schedules of dsqc', place=False)
refuses('no file', used(WORK + '/nothing.json'), 'No such file', place=False)
other = WORK + '/other.yaml'
with open(other, 'w') as f:
    f.write(NET % ('other', 16))
refuses('another network', dsqc('verify', other, '--runs=1', '--schedule=' + FILE), "schedules of 'net', and the network is 'other'")
refuses('to leave choose-kernels out', used(FILE, '--disable-pass=choose-kernels'), '--schedule would change nothing', status=2, place=False)

refuses('to go on with another network', tune(spec=other), "schedules of 'net'")
refuses('to go on with other options', tune('--threads=2'), "measured with '-O2")
write(before.replace('"version": "', '"version": "9.'), FILE)
refuses('to go on with another version', tune(), 'dsqc 9')
write(before, FILE)
with open(SPEC, 'w') as f:
    f.write(NET % ('net', 24))
refuses('to go on with changed layers', tune(), "measured for another network, in which 'mid1' is")
with open(FILE) as f:
    check('and leaves the file alone', f.read() == before)
refuses('to write what is none of its own', tune(to=write('some notes')), 'no schedules of dsqc', place=False)
with open(WORK + '/edited.json') as f:
    check('and leaves that alone', f.read() == 'some notes')
refuses('to measure for another machine', dsqc('tune', SPEC, '-o', WORK + '/x.json', '--target=cortex-m4'), 'cannot measure here', place=False)
refuses('to tune into nothing', dsqc('tune', SPEC), '-o SCHEDULE.json is needed', status=2, place=False)
# ---- layers that reduce, by rows or not ----

GATES = '''name: gates
input: {image: 'f32[1,16,28,28]'}
network:
  - {op: conv2d, name: one, out: 24, kernel: 1, as: a}
  - {op: mean, axes: [2, 3], keep: true}
  - {op: sigmoid, as: g}
  - {op: mul, in: [a, g]}
  - {op: conv2d, name: blocks, out: 96, kernel: 1, as: b}
  - {op: mean, axes: [2, 3], keep: true}
  - {op: sigmoid, as: h}
  - {op: mul, in: [b, h]}
output: y
'''
gates, gates_file = WORK + '/gates.yaml', WORK + '/gates.schedule.json'
with open(gates, 'w') as f:
    f.write(GATES)
succeeds('of layers that reduce', tune('--weights=random:1', spec=gates, to=gates_file))
measured = read(gates_file)['measured']
check('measures layers that reduce', {m['layer'] for m in measured} == {'one', 'blocks'}, measured)
check('each of their kernels takes time', all(m['ratio'] > 0 for m in measured), measured)
check('some of them go by rows', {'oc_outer' in m['schedule'] for m in measured if m['layer'] == 'blocks'} == {True, False}, measured)

raise SystemExit(bool(failed))
