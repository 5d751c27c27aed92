"""Fork in every state, the three start methods, and sub-interpreters."""

import sys

import pytest
from tests.faults.helpers import PACKAGE, run

CHILD = """
def child(task):
    "Runs in a forked process, which must end well within its time."
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        signal.alarm(120)
        try:
            task()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
"""


def test_fork_after_use_and_within_training():
    run(
        CHILD
        + """
model = make_model()
model.fit(x, y, 8, epochs=3, shuffle=False, verbose=0)
expected = bits(trained_for(32))

def go_on():
    model.fit(x, y, 8, shuffle=False, verbose=0)
    assert bits(model) == expected

child(go_on)
go_on()

class Fork(corten.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        child(lambda: make_model().fit(x, y, 8, verbose=0))
        child(lambda: self.model.predict(x, verbose=0))

before = trained_for(16)
other = make_model()
other.fit(x, y, 8, epochs=2, shuffle=False, callbacks=[Fork()], verbose=0)
assert bits(before) == bits(other)
"""
    )


def test_fork_while_other_threads_are_inside_kernels():
    run(
        CHILD
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
stop = threading.Event()
a = ops.ones((400, 400))

def busy():
    while not stop.is_set():
        ops.sum(ops.exp(ops.matmul(a, a) * 1e-4))

trained = make_model()

def train():
    while not stop.is_set():
        trained.fit(x, y, 8, epochs=5, verbose=0)

threads = [threading.Thread(target=target) for target in (busy, busy, train)]
for thread in threads:
    thread.start()
expected = bits(trained_for(11))

def task():
    assert float(ops.sum(ops.matmul(a, a))) == 400.0**3
    assert bits(trained_for(11)) == expected
    # Its thread is gone; the model may be trained here.
    trained.fit(x, y, 8, verbose=0)

try:
    for _ in range(8):
        child(task)
finally:
    stop.set()
    for thread in threads:
        thread.join()
"""
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_start_methods(method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        """
import multiprocessing, sys
import numpy as np
import corten
from corten import layers

def make_model():
    corten.utils.set_random_seed(3)
    model = corten.Sequential([corten.Input((6,)), layers.Dense(64, "relu"), layers.Dropout(0.3)])
    model.compile("adam", "mse")
    return model

x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
y = np.tile(x.sum(axis=1, keepdims=True), (1, 64))

def train(number):
    model = make_model()
    model.fit(x, y, 8, epochs=2, verbose=0)
    return [w.tobytes() for w in model.get_weights()]

def predict(model):
    return model.predict(x, verbose=0).tobytes()

if __name__ == "__main__":
    expected = train(0)
    model = make_model()
    model.fit(x, y, 8, epochs=2, verbose=0)
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        assert pool.map(train, range(4)) == [expected] * 4
        assert pool.map(predict, [model] * 2) == [predict(model)] * 2  # models are pickled
        # Data loaded by other processes while this one trains.
        parts = pool.imap(np.negative, [x[i : i + 8] for i in range(0, 64, 8)])
        model.fit(((part, y[:8]) for part in parts), verbose=0)
    print("well")
"""
    )
    import os
    import subprocess

    found = subprocess.run(
        [sys.executable, str(program), method],
        env={**os.environ, "PYTHONPATH": PACKAGE, "CORTEN_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert found.stdout.split() == ["well"], found.stderr


def test_sub_interpreters_are_refused():
    out = run(
        """
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        code = '''
        try:
            import corten
            corten.ops.ones(3)
        except ImportError as error:
            print(type(error).__name__, str(error), flush=True)
        '''
        import textwrap
        for options in ({"isolated": False}, {}):
            try:
                number = interpreters.create(**options)
            except TypeError:
                number = interpreters.create("isolated" if not options else "legacy")
            done = interpreters.run_string(number, textwrap.dedent(code))
            interpreters.destroy(number)
        say(float(ops.sum(ops.ones(3))))
        """
    )
    lines = out.strip().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("ImportError") and "sub-interpreter" in line for line in lines[:2]), out
    assert lines[2] == "3.0"
