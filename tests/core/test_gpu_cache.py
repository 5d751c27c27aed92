"""Compiled shaders on disk: written for the next process, and whatever lies there instead does no harm."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import corten

PROGRAM = """
import corten
x = corten.tensor([1.0, 2.0], device="gpu")
print((x * 3.0).tolist(), flush=True)
"""


@pytest.fixture
def run(gpu, tmp_path):
    """Runs a program with its cache in a folder; gives the folder."""

    def run(chosen=None, **more):
        folder = tmp_path / "made" / "cache"
        environment = {
            **os.environ,
            "CORTEN_GPU_CACHE": str(folder) if chosen is None else chosen,
            "PYTHONPATH": str(Path(corten.__file__).parents[1]),
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", PROGRAM],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "[3.0, 6.0]\n"), done.stderr
        return folder

    return run


def only_file(folder):
    (found,) = folder.iterdir()
    return found


def test_a_file_of_the_user_alone(run):
    file = only_file(run())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    first = file.read_bytes()
    assert first.startswith(b"CRTNPIPE")
    before = file.stat().st_mtime_ns
    run()
    assert only_file(file.parent).read_bytes() == first
    assert file.stat().st_mtime_ns == before, "nothing new, nothing written"


def test_places(run, tmp_path):
    run("off", XDG_CACHE_HOME=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    run("", XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert only_file(tmp_path / "xdg" / "corten" / "gpu").suffix == ".bin"
    run("", XDG_CACHE_HOME="", HOME=str(tmp_path / "home"))
    assert only_file(tmp_path / "home" / ".cache" / "corten" / "gpu").suffix == ".bin"
    run("", XDG_CACHE_HOME="", HOME="")


def test_what_else_lies_there_does_no_harm(run, tmp_path):
    file = only_file(run())
    whole = file.read_bytes()
    spoiled = {
        "empty": b"",
        "short": whole[:-1],
        "long": whole + b"!",
        "changed": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:],
        "foreign": b"x" * 4096,
    }
    for name, content in spoiled.items():
        file.write_bytes(content)
        run()
        assert file.read_bytes() == whole, name
    with file.open("r+b") as sparse:
        sparse.truncate(65 << 20)
    run()
    assert file.read_bytes() == whole
    file.chmod(0o666)
    run()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = tmp_path / "other"
    other.write_bytes(b"something of the user's")
    file.unlink()
    file.symlink_to(other)
    run()
    assert not file.is_symlink()
    assert other.read_bytes() == b"something of the user's"
    file.unlink()
    os.mkfifo(file)
    run()
    file.unlink()
    file.mkdir()
    run()
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_folder_that_cannot_be_written_does_no_harm(run, tmp_path):
    place = tmp_path / "file"
    place.write_bytes(b"")
    run(str(place))
    run(str(place / "deeper"))
    run("/proc/none")
    assert place.read_bytes() == b""
