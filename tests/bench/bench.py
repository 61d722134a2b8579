#!/usr/bin/python3
"""Times dsqc, ONNX Runtime and PyTorch on the same networks with the same weights and input, in turns.

    bench.py [--nets A,B] [--variants unit=square_encoding,...] [--rounds N] [--threads 1,2] [--clock wall|cpu]
             [--quick] [--out DIR]

Every engine is a process that loads its network once. A round gives each a slice of some runs, one engine after the
other, and a variant's slices stand beside slices of the plain network: what is compared was measured within a second.
Figures are medians over the rounds, of the median run of a slice. Before that, all outputs must agree. DIR gets
bench.md, bench.svg and bench.json; bench.md also goes to standard output."""
import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys

import numpy as np

import chart
import engines

NETS = 'resnet18,resnet50,shufflenet_v2_x0_5,shufflenet_v2_x1_0,mobilenet_v2,squeezenet1_1'
VARIANTS = 'unit=square_encoding,unit=square_excitation,pool=square_pooling,head=square_softmin'
AGREEMENT = 1e-4  # of the largest output
DSQC = os.environ.get('DSQC', os.path.join(engines.ROOT, 'build/dsqc'))
HOST = os.path.join(os.path.dirname(DSQC), 'tests/bench/host')
TITLES = {'c': 'dsqc', 'llvm': 'dsqc, LLVM', 'ort': 'ONNX Runtime', 'torch': 'PyTorch'}


def say(text):
    print(text, file=sys.stderr, flush=True)


def dsqc(*words):
    done = subprocess.run([DSQC, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise engines.Failure('dsqc %s: status %d\n%s' % (' '.join(words), done.returncode, done.stdout))
    return done.stdout


def find_engines():
    kinds = ['c']
    llvm = subprocess.run([DSQC, 'bench', 'specs/tiny/lenet.yaml', '--backend=llvm', '--runs=1'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    if not llvm.returncode:
        kinds.append('llvm')
    if engines.ort_lacks():
        say('without ONNX Runtime: %s' % engines.ort_lacks())
    else:
        kinds.append('ort')
    if subprocess.run(['/usr/bin/python3', '-c', 'import onnx, torch'], stderr=subprocess.DEVNULL).returncode:
        say('without PyTorch: no python3-torch, or no python3-onnx')
    else:
        kinds.append('torch')
    return kinds


class Net:
    """A network with its parameters as files: model.onnx, and a library for every backend. None exists where the spec
    lacks a parameter."""

    def __init__(self, name, variant, folder, flags=(), onnx=True):
        self.name, self.variant, self.flags = name, variant, flags
        self.folder = os.path.join(folder, '-'.join([name] + variant.split('=')[1:]))
        self.spec = ['specs/%s.yaml' % name, '--weights=random:1'] + (['--set=' + variant] if variant else [])
        os.makedirs(self.folder, exist_ok=True)
        if onnx:
            dsqc('export', *self.spec, '-q', '-o', self.folder + '/model.onnx')

    def compile(self, backend, threads):
        out = '%s/%s-%d' % (self.folder, backend, threads)
        dsqc('compile', *self.spec, '--emit=shared', '--weights-as=file', '--backend=' + backend, '-q', '-o', out,
             *self.flags, *(['--threads'] if threads > 1 else []))
        with open('%s/%s.json' % (out, self.name)) as f:
            self.gflop = 2e-9 * json.load(f)['macs']
        with open('%s/%s.h' % (out, self.name)) as f:
            sizes = re.findall(r'^#define \w+_(ELEMS|ARENA_BYTES) +(\d+)u', f.read(), re.M)
        (_, self.input), (_, output), (_, arena) = sizes
        return '%s/lib%s.so' % (out, self.name), self.name, threads, self.input, output, arena, '%s/%s.bin' % (out, self.name)

    def roofline(self, threads):
        told = dsqc('info', *self.spec, '--roofline', '--json', '--threads=%d' % threads)
        return json.loads(told)['roofline']['roofline_ms']

    def start(self, kind, threads):
        if kind in ('c', 'llvm'):
            engine = engines.Engine([HOST])
            engine.ask('load', *self.compile(kind, threads))
        else:
            engine = engines.ort() if kind == 'ort' else engines.Engine(
                ['/usr/bin/python3', os.path.join(engines.HERE, 'torch_server.py')])
            engine.load(self.folder + '/model.onnx', threads)
        return engine


def load_all(nets, kinds, threads, folder):
    """{(variant, kind): engine}, all having computed the same input with the same result."""
    running = {}
    for net in nets:
        outputs = {}
        for kind in kinds:
            say('  loading %s %s, %s' % (net.name, net.variant, TITLES[kind]))
            engine = running[net.variant, kind] = net.start(kind, threads)
            image = os.path.join(folder, 'input-' + net.input)
            np.random.default_rng(1).standard_normal(int(net.input)).astype('<f4').tofile(image)
            engine.run(image, net.folder + '/' + kind)
            outputs[kind] = np.fromfile(net.folder + '/' + kind, '<f4')
        want = outputs[kinds[0]]
        for kind, got in outputs.items():
            off = abs(got - want).max() / abs(want).max() if got.shape == want.shape else float('inf')
            if not off <= AGREEMENT:
                raise engines.Failure('%s %s: %s and %s differ by %g of the largest output' % (
                    net.name, net.variant, TITLES[kinds[0]], TITLES[kind], off))
    return running


class Clock:
    """Slices of about slice_ms; the first run of a slice, which finds cold caches, does not count."""

    def __init__(self, running, slice_ms, clock):
        self.running, self.clock = running, clock
        self.runs = {}
        for key, engine in running.items():
            ms = min(engine.time(4, clock)[1:])
            self.runs[key] = max(1, round(slice_ms / ms))

    def slice(self, *key):
        return statistics.median(self.running[key].time(self.runs[key] + 1, self.clock)[1:])


def measure(nets, kinds, running, args, threads):
    """A row for every network: name, variant, threads, gflop, peak, roofline (ms), and by kind ms (medians), ratio to
    dsqc, the least of all rounds, and what the variant adds in %."""
    clock = Clock(running, args.slice, args.clock)
    ms = {(net.variant, kind): [] for net in nets for kind in kinds}
    added = {key: [] for key in ms}
    peaks = []
    for r in range(args.rounds):
        say('  round %d of %d' % (r + 1, args.rounds))
        peaks.append(float(running['', 'c'].ask('peak', threads)))
        if len(nets) == 1:
            for kind in kinds:
                ms['', kind].append(clock.slice('', kind))
        for net in nets[1:]:
            for kind in kinds:
                pair = ['', net.variant] if r % 2 else [net.variant, '']
                took = {v: clock.slice(v, kind) for v in pair}
                for v in pair:
                    ms[v, kind].append(took[v])
                added[net.variant, kind].append(100 * (took[net.variant] / took[''] - 1))
    return [{'net': net.name, 'variant': net.variant, 'threads': threads, 'gflop': net.gflop,
             'peak': statistics.median(peaks), 'roofline': net.roofline(threads),
             'ms': {k: statistics.median(ms[net.variant, k]) for k in kinds},
             'ratio': {k: statistics.median(x / y for x, y in zip(ms[net.variant, k], ms[net.variant, 'c'])) for k in kinds},
             'least': {k: min(ms[net.variant, k]) for k in kinds},
             'added': {k: statistics.median(added[net.variant, k]) for k in kinds} if net.variant else None}
            for net in nets]


def prefer_us():
    """Others on the machine disturb less, where we may say so; all engines inherit it."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    except PermissionError:
        pass


# ---- results ----

def table(heading, rows):
    lines = [heading, ['--'] + ['--:'] * (len(heading) - 1)] + rows
    return ''.join('| %s |\n' % ' | '.join(cells) for cells in lines)


def markdown(rows, kinds, machine, command):
    peers = [k for k in kinds if k != 'c']
    times = [['`%s`' % r['net'] + (' ' + r['variant'] if r['variant'] else ''), str(r['threads']), '%.3g' % r['gflop']] +
             ['%.3g' % r['ms'][k] for k in kinds] + ['%.0f %%' % (100 * r['gflop'] / r['ms']['c'] * 1e3 / r['peak']), '%.3g' % r['roofline'],
              '%.0f %%' % (100 * r['roofline'] / r['ms']['c'])] +
             ['%.2f' % r['ratio'][k] for k in peers] for r in rows]
    text = '%s, `%s`; medians of interleaved rounds.\n\n' % (machine, command)
    text += table(['network', 'threads', 'GFLOP'] + [TITLES[k] + ', ms' for k in kinds] + ['of FMA peak', 'roofline, ms', 'of it'] +
                  [TITLES[k] + ' ÷ dsqc' for k in peers], times)
    adds = [['`%s` %s' % (r['net'], r['variant']), str(r['threads'])] + ['%+.1f %%' % r['added'][k] for k in kinds]
            for r in rows if r['variant']]
    if adds:
        text += '\nWhat a module adds to the time of its base network (medians of pairs):\n\n'
        text += table(['network and module', 'threads'] + [TITLES[k] for k in kinds], adds)
    return text


def describe_machine(rows):
    with open('/proc/cpuinfo') as f:
        model = re.search(r'^model name\s*: (.*)', f.read(), re.M)
    peaks = {r['threads']: r['peak'] for r in rows}
    return '%s, %d processors; FMA peak %s GFLOP/s' % (
        model.group(1) if model else os.uname().machine, os.cpu_count(),
        ', '.join('%.0f (%d)' % (p, t) for t, p in sorted(peaks.items())))


def write_results(rows, kinds, out, command):
    text = markdown(rows, kinds, describe_machine(rows), command)
    plain = [r for r in rows if not r['variant']]
    for name, content in (('bench.md', text), ('bench.json', json.dumps(rows, indent=1) + '\n'),
                          ('bench.svg', chart.draw(plain, kinds, TITLES))):
        with open(os.path.join(out, name), 'w') as f:
            f.write(content)
    return text


def find_nets(name, variants, out):
    nets = [Net(name, '', out)]
    for variant in variants:
        try:
            nets.append(Net(name, variant, out))
        except engines.Failure as e:
            if 'parameter' not in str(e):
                raise
    return nets


def bench_net(name, args, kinds):
    rows = []
    nets = find_nets(name, [v for v in args.variants.split(',') if v], args.out)
    for threads in map(int, args.threads.split(',')):
        say('%s, %d thread%s' % (name, threads, 's' if threads > 1 else ''))
        running = load_all(nets, kinds, threads, args.out)
        rows += measure(nets, kinds, running, args, threads)
        for engine in running.values():
            engine.close()
    return rows


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--nets', default=NETS)
    args.add_argument('--variants', default=VARIANTS, help='of those that a network has; empty: none')
    args.add_argument('--rounds', type=int, default=11)
    args.add_argument('--threads', default=','.join(str(t) for t in (1, 2) if t <= os.cpu_count()))
    args.add_argument('--slice', type=float, default=60, help='milliseconds')
    args.add_argument('--clock', choices=('wall', 'cpu'), default='wall',
                      help='cpu: what the processors spent, for one thread on a machine that others use')
    args.add_argument('--quick', action='store_true', help='few short rounds, no variants')
    args.add_argument('--out', default=os.path.join(os.path.dirname(DSQC), 'bench'))
    args = args.parse_args()
    if args.quick:
        args.rounds, args.slice, args.variants = 3, 20, ''
    command = ' '.join(['make bench'] + [shlex.quote(w) for w in os.environ.get('BENCH', '').split()])
    os.chdir(engines.ROOT)
    prefer_us()
    os.makedirs(args.out, exist_ok=True)
    kinds, rows, text = find_engines(), [], ''
    try:
        for name in args.nets.split(','):
            rows += bench_net(name, args, kinds)
            text = write_results(rows, kinds, args.out, command)
    except engines.Failure as e:
        say('error: %s' % e)
        return 1
    print(text)
    say('-> %s/bench.md, bench.svg, bench.json' % args.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
