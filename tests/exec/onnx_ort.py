#!/usr/bin/python3
"""Exports the operators' cases of ops_torch.py as ONNX models, runs them in ONNX Runtime, and compares with the
double-precision reference.

    onnx_ort.py [--seed N] [--trials N] [--only OP]"""
import argparse
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '../bench')]
import engines  # noqa: E402

lack = engines.ort_lacks()
if lack:
    print('skip onnx_ort: %s' % lack)
    sys.exit(0)

import ops_torch  # noqa: E402
import torch  # noqa: E402
try:
    import onnx
except ImportError:
    onnx = None

# Float32 noise: of the largest number in the result, and of the largest in the input, since sums cancel and ONNX
# Runtime's sigmoid is accurate to some 1e-8 of 1, not of the result.
OF_RESULT, OF_INPUT = 1e-5, 1e-6
BUILD, WORK = os.environ.get('BUILD', 'build'), os.environ.get('WORK', '/tmp')


def compare(case, want, got):
    if got.numel() != want.numel():
        return 'the output has %d numbers, %d expected' % (got.numel(), want.numel())
    want, got = want.float().double(), got.double()
    same = torch.isnan(want) & torch.isnan(got) | (want == got)
    finite = want[torch.isfinite(want)]
    scale = finite.abs().max().item() if finite.numel() else 0
    worst = torch.where(same, torch.zeros(()), (want - got).abs()).nan_to_num(nan=float('inf')).max().item()
    largest = max(t.nan_to_num(nan=0.0).abs().max().item() for t in case.inputs)
    return None if worst <= OF_RESULT * scale + OF_INPUT * largest else 'off by %g, largest number %g' % (worst, scale)


def read(path, kind):
    with open(path, 'rb') as f:
        data = bytearray(f.read())
    return torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)


def write(path, tensors):
    with open(path, 'wb') as f:
        for t in tensors:
            f.write(t.contiguous().numpy().tobytes())


def prepare(base, case):
    """The same float32 numbers for both sides."""
    inputs, consts = ([t.float() for t in ts] for ts in (case.inputs, case.consts))
    with open(base + '.dsq', 'w') as f:
        f.write(case.text())
    write(base + '.f64', [t.double() for t in inputs + consts])
    write(base + '.in', inputs)
    write(base + '.weights', consts)


def run(server, base, case):
    """None, or what is wrong."""
    if not os.path.exists(base + '.onnx'):
        return 'no model'
    if onnx:
        try:
            onnx.checker.check_model(base + '.onnx', full_check=True)
        except Exception as e:
            return 'the checker of ONNX: %s' % e
    try:
        server.load(base + '.onnx')
        server.run(base + '.in', base + '.out')
    except engines.Failure as e:
        return str(e)
    return compare(case, read(base + '.want', torch.float64), read(base + '.out', torch.float32))


def drive(program, bases, *extensions):
    lines = ''.join(' '.join(b + e for e in extensions) + '\n' for b in bases)
    done = subprocess.run([os.path.join(BUILD, 'tests/exec', program)], input=lines, stderr=subprocess.PIPE, text=True)
    if done.stderr:
        print('    ' + done.stderr[:2000].replace('\n', '\n    '))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**6))
    args.add_argument('--trials', type=int, default=8)
    args.add_argument('--only')
    args = args.parse_args()
    print('  onnx_ort: seed %d' % args.seed)
    if not onnx:
        print('skip onnx_ort checker: no python3-onnx')
    # Graphs as written have no epilogues.
    cases = [(op, c) for op, c in ops_torch.make_cases(args.seed, args.trials, args.only) if not c.extra]
    bases = [os.path.join(WORK, str(i)) for i in range(len(cases))]
    for base, (_, case) in zip(bases, cases):
        prepare(base, case)
    drive('evalgraph', bases, '.dsq', '.f64', '.want')
    drive('exportgraph', bases, '.dsq', '.weights', '.onnx')
    server, failed = engines.ort(), 0
    for op in [op for op in ops_torch.table_ops() if args.only in (None, op)]:
        mine = [(base, case) for base, (o, case) in zip(bases, cases) if o == op]
        bad = [(case, err) for case, err in ((case, run(server, base, case)) for base, case in mine) if err]
        failed += bool(bad) or not mine
        print('not ok onnx_ort %s: %d of %d' % (op, len(bad), len(mine)) if bad or not mine else
              'ok onnx_ort %s (%d cases)' % (op, len(mine)))
        for case, err in bad[:3]:
            print('    %s\n    %s' % (err, case.text().replace('\n', '\n    ')))
    server.close()
    return 1 if failed else 0


sys.exit(main())
