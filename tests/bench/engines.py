"""Programs that compute a network: long-lived processes that answer requests, a line each way."""
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, '..', '..'))
ORT = os.path.join(ROOT, 'build/npm/node_modules/onnxruntime-node')


class Failure(Exception):
    pass


class Engine:
    """load, run and time as ort.js describes them."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, *words):
        try:
            self.process.stdin.write(' '.join(map(str, words)) + '\n')
            self.process.stdin.flush()
            reply = self.process.stdout.readline().rstrip('\n')
        except BrokenPipeError:
            reply = ''
        if not reply:
            raise Failure('the process ended at "%s"' % ' '.join(map(str, words)))
        if reply.startswith('error: '):
            raise Failure(reply[len('error: '):])
        return reply

    def load(self, model, threads=1):
        self.ask('load', model, threads)

    def run(self, source, target):
        self.ask('run', source, target)

    def time(self, n, clock):
        return [float(ms) for ms in self.ask('time', n, clock).split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def ort_lacks():
    """What ONNX Runtime needs and is not there, or None."""
    if not shutil.which('node'):
        return 'no node'
    if not os.path.exists(ORT):
        return 'no onnxruntime-node in build/npm (make deps-ort)'
    return None


def ort():
    return Engine(['node', os.path.join(HERE, 'ort.js')])
