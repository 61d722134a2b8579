#!/usr/bin/python3
"""What a module adds to its base network: both as processes of their own, timed in turns.

    modules.py [--nets A,B] [--variants unit=square_encoding,...] [--backend c|llvm] [--threads N] [--flags=--winograd=off]
               [--rounds N] [--loads N] [--slice MS] [--cpu N]

A round gives each a slice of some milliseconds, base and variant one after the other, the first of them in turns. Their
medians are a pair; what is printed is the median of the pairs' ratios and the quartiles. Memory lies where it happens
to lie, which moves small networks by a percent or two: --loads starts the processes anew so many times, and the rounds
are shared among them."""
import argparse
import os
import statistics
import sys

import numpy as np

import bench
import engines


def build(name, variant, args):
    """The words of `load`, or None where the network has no such parameter."""
    net = bench.Net(name, variant, args.out, args.flags.split(), onnx=False)
    try:
        return net.compile(args.backend, args.threads)
    except engines.Failure as e:
        if variant and 'parameter' in str(e):
            return None
        raise


def start(words, args):
    image = os.path.join(args.out, 'input-' + words[3])
    np.random.default_rng(1).standard_normal(int(words[3])).astype('<f4').tofile(image)
    engine = engines.Engine([bench.HOST])
    if args.cpu:
        os.sched_setaffinity(engine.process.pid, {int(c) for c in args.cpu.split(',')})
    engine.ask('load', *words)
    engine.run(image, os.path.join(args.out, 'output'))
    return engine


def one_load(words, args, pairs):
    """Adds [base ms, variant ms] for every round and variant to pairs."""
    running = {variant: start(w, args) for variant, w in words.items()}
    clock = bench.Clock({(v,): e for v, e in running.items()}, args.slice, args.clock)
    for r in range(max(1, args.rounds // args.loads)):
        for variant in pairs:
            order = ['', variant] if r % 2 else [variant, '']
            took = {v: clock.slice(v) for v in order}
            pairs[variant].append([took[''], took[variant]])
    for engine in running.values():
        engine.close()


def measure(name, args):
    words = {variant: build(name, variant, args) for variant in ['', *args.variants.split(',')]}
    words = {variant: w for variant, w in words.items() if w}
    pairs = {variant: [] for variant in words if variant}
    for _ in range(args.loads):
        one_load(words, args, pairs)
    rows = []
    for variant, ms in pairs.items():
        added = [100 * (with_it / without - 1) for without, with_it in ms]
        low, middle, high = statistics.quantiles(added, n=4)
        base, own = (statistics.median(column) for column in zip(*ms))
        rows.append(['`%s` %s' % (name, variant), '%.3f' % base, '%.3f' % own, '%+.1f %%' % middle,
                     '%+.1f .. %+.1f' % (low, high)])
    return rows


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--nets', default='resnet18,resnet50,shufflenet_v2_x0_5,shufflenet_v2_x1_0')
    args.add_argument('--variants', default=bench.VARIANTS)
    args.add_argument('--backend', default='c')
    args.add_argument('--threads', type=int, default=1)
    args.add_argument('--flags', default='', help='for dsqc compile, as --flags=--winograd=off')
    args.add_argument('--rounds', type=int, default=24)
    args.add_argument('--loads', type=int, default=3)
    args.add_argument('--slice', type=float, default=40, help='milliseconds')
    args.add_argument('--clock', choices=('wall', 'cpu'), default='wall')
    args.add_argument('--cpu', help='processors to run on: 0 or 0,1')
    args.add_argument('--out', default=os.path.join(os.path.dirname(bench.DSQC), 'bench/modules'))
    args = args.parse_args()
    os.chdir(engines.ROOT)
    os.makedirs(args.out, exist_ok=True)
    rows = []
    try:
        for name in args.nets.split(','):
            bench.say('  ' + name)
            rows += measure(name, args)
    except engines.Failure as e:
        bench.say('error: %s' % e)
        return 1
    print(bench.table(['network and module', 'base, ms', 'with it, ms', 'added', 'quartiles'], rows), end='')
    return 0


if __name__ == '__main__':
    sys.exit(main())
