"""Programs that run in a process of their own, and what is done to them."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import corten

PACKAGE = str(Path(corten.__file__).parents[1])

SETUP = """
import os, signal, sys, threading, time
import numpy as np
import corten
from corten import layers, ops

def say(text):
    if text == "stopped":
        # Of all threads, and whatever else the machine does.
        print("processor time", time.process_time(), file=sys.stderr)
    print(text, flush=True)

x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
y = x.sum(axis=1, keepdims=True)

def make_model(optimizer="adam", **kwargs):
    corten.utils.set_random_seed(3)
    model = corten.Sequential([
        corten.Input((6,)), layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.3),
        layers.Dense(1),
    ])
    model.compile(optimizer, "mse", **kwargs)
    return model

def bits(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(variable.numpy()).tobytes() for variable in variables]

def trained_for(steps, batch=8, **kwargs):
    "A model that made so many steps in order, without a fault."
    model = make_model(**kwargs)
    whole, rest = divmod(steps, len(x) // batch)
    if whole:
        model.fit(x, y, batch, epochs=whole, shuffle=False, verbose=0)
    if rest:
        model.fit(x[: rest * batch], y[: rest * batch], batch, shuffle=False, verbose=0)
    return model
"""


def start(script, **environment):
    """Starts a program."""
    return subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", SETUP + textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE, "CORTEN_NUM_THREADS": "2", **environment},
    )


def finish(process, timeout=240.0):
    """Waits for a program; gives its exit code and what it printed."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"the program hung\n{out}\n{err}") from None
    return process.returncode, out, err


def run(script, timeout=240.0, **environment):
    """Runs a program, which must end well; gives what it printed."""
    code, out, err = finish(start(script, **environment), timeout)
    assert code == 0, f"exit code {code}\n{out}\n{err}"
    return out


def processor_time(process):
    """Seconds that the threads of a program have worked so far, where Linux tells; otherwise 0."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def interrupt(script, after=0.6, working=True, **environment):
    """Presses Ctrl-C in the middle of what a program does once it says 'ready'.

    Args:
        script: What it does; it says 'stopped' when it has been interrupted.
        after: When to press: so many seconds of its work after 'ready', however busy the machine is.
        working: Whether it works meanwhile. If it mostly sleeps, the clock counts.
        **environment: Variables for it.

    Returns:
        What it printed after 'ready', and how many seconds of work it went on for: those of its threads
        together, where Linux tells, and otherwise those of the clock.
    """
    process = start(script, **environment)
    for line in process.stdout:
        if line.strip() == "ready":
            break
    linux, begun = sys.platform == "linux", processor_time(process)
    time.sleep(after)
    while linux and working and processor_time(process) < begun + after and process.poll() is None:
        time.sleep(0.01)
    pressed, pressed_at = processor_time(process), time.monotonic()
    process.send_signal(signal.SIGINT)
    took = None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.strip() == "stopped":
            took = time.monotonic() - pressed_at
    code, _, err = finish(process)
    assert code == 0, f"exit code {code}\n{''.join(lines)}\n{err}"
    assert took is not None, "".join(lines)
    if linux:
        took = float(err.rpartition("processor time ")[2].split()[0]) - pressed
    return "".join(lines), took
