"""Two processes save to one path while a third loads: it always gets what one of the two saved, whole."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.files.writers import leftovers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows refuses to replace open files")

ROOT = Path(__file__).parents[2]
NAMES = ["corten", "keras_folder", "safetensors", "shards", "trials"]  # In the order of the table.
PROGRAM = """
import sys, time
from pathlib import Path
from tests.files.writers import WRITERS, leftovers

names, role, seconds, folder = sys.argv[1].split(","), sys.argv[2], float(sys.argv[3]), Path(sys.argv[4])
rows = [row for row in WRITERS if row.name in names]
for row in rows:
    wanted = []
    for version in (0, 1):
        row.write(folder / "own" / role / row.name, version)
        wanted.append(row.read(folder / "own" / role / row.name))
    assert wanted[0] != wanted[1]
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        if role == "reader":
            assert row.read(folder / row.name) in wanted, row.name
        else:
            row.write(folder / row.name, int(role))
        count += 1
    print(count, flush=True)
    sys.stdin.readline()
"""


def test_two_writers_and_a_reader(disk):
    names = [name for name in NAMES if name not in {"keras_folder", "shards"} or has_h5py()]
    for role in ("0", "1", "reader"):
        for name in names:
            (disk / "own" / role / name).mkdir(parents=True)
    for name in names:
        (disk / name).mkdir()
    environment = {**os.environ, "CORTEN_NUM_THREADS": "1"}
    # For `tests`; Corten is found where this process found it.
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, ",".join(names), role, "0.8", str(disk)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        for role in ("0", "1", "reader")
    ]
    try:
        for name in names:
            seed(name, disk / name)
            for process in processes:
                assert process.stdout.readline() == "ready\n", process.stderr.read()
            for process in processes:
                process.stdin.write("go\n")
                process.stdin.flush()
            for process in processes:
                count = process.stdout.readline().strip()
                assert count.isdecimal(), process.stderr.read()
                assert int(count) > 0
            assert leftovers(disk / name) == []
            for process in processes:
                process.stdin.write("next\n")
                process.stdin.flush()
        assert [process.wait(60) for process in processes] == [0, 0, 0]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def has_h5py():
    return importlib.util.find_spec("h5py") is not None


def seed(name, folder):
    from tests.files.writers import WRITERS

    next(row for row in WRITERS if row.name == name).write(folder, 0)
