"""Every writer under every fault: what was there stays, nothing else is left, and the error says why."""

import ast
import importlib.util
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.files import faults
from tests.files.writers import WRITERS, Writer, contents, leftovers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="faults are those of POSIX calls")

PACKAGE = Path(__file__).parents[2] / "python" / "corten"
REPLACING = [row for row in WRITERS if not row.is_log]


def rows(selected):
    return pytest.mark.parametrize("row", selected, ids=lambda row: row.name)


def prepared(row: Writer, folder: Path):
    """Writes version 0, and version 1 elsewhere, so that modules are loaded; gives what both look like."""
    if row.needs and importlib.util.find_spec(row.needs) is None:
        pytest.skip(f"needs {row.needs}")
    other, here = folder / "other", folder / "here"
    other.mkdir()
    here.mkdir()
    row.write(other, 1)
    row.write(here, 0)
    if row.name == "archive":
        shutil.rmtree(here / "files.tar_extracted")  # It is not extracted anew where it is there.
    elif row.name == "cache":
        (here / "elements").unlink()
    return here, contents(here), contents(other)


def is_old(row, found, old, new):
    if row.is_several:
        return all(data in (old.get(name), new.get(name)) for name, data in found.items())
    return found == old


@rows(REPLACING)
def test_a_call_that_fails_leaves_what_was_there(row, disk):
    here, old, new = prepared(row, disk)
    seen = set()
    for number in range(1, 500):
        with faults.at_step(here, number, faults.fail) as steps:
            try:
                row.write(here, 1)
            except OSError as raised:
                error = raised
            else:
                error = None
        seen.update(steps.calls)
        assert leftovers(here) == [], steps.calls
        if steps.count < number:
            break
        if error is None:
            # What closes or removes after the work is done may fail without harm.
            assert steps.calls[number - 1] in {"close", "open"}
            assert contents(here) == new or row.name == "archive"
        elif "Wrote" in str(error):
            # The new file is in place; the last step for its durability, or for other readers, failed.
            assert steps.calls[number - 1] in {"fsync", "replace"}
            assert row.read is None or contents(here) == old or row.read(here) == row.read(disk / "other")
        else:
            assert is_old(row, contents(here), old, new), steps.calls
            assert str(here) in str(error)
            assert os.strerror(faults.CALLS[steps.calls[number - 1]]) in str(error)
        shutil.rmtree(here)
        here.mkdir()
        if row.name not in {"archive", "cache"}:
            row.write(here, 0)
    assert error is None
    # All of it goes the one way that is tested here.
    assert {"open", "write", "fsync", "replace", "close"} <= seen


@rows(REPLACING)
def test_a_full_disk_leaves_what_was_there(row, disk):
    here, old, new = prepared(row, disk)
    largest = max(len(data) for name, data in new.items() if old.get(name) != data)
    for size in (0, 1, largest // 2, largest - 1):
        with faults.file_size_limit(size), pytest.raises(OSError, match="too large") as raised:
            row.write(here, 1)
        assert str(here) in str(raised.value)
        assert is_old(row, contents(here), old, new)


@rows(WRITERS)
def test_writes_that_take_a_few_bytes_each(row, disk):
    here, _, new = prepared(row, disk)
    with faults.short_writes():
        row.write(here, 1)
    found = contents(here)
    assert found == new or row.name in {"log", "archive", "shards"}
    if row.read is not None:
        assert row.read(here) == row.read(disk / "other")


@rows(REPLACING)
def test_a_folder_that_may_not_be_written(row, disk):
    prepared(row, disk)
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        if row.name not in {"archive", "cache"}:
            row.write(here, 0)
        elif row.name == "archive":
            (here / "files.tar").symlink_to(disk / "here" / "files.tar")
        old = contents(here)
        here.chmod(0o555)

        def work():
            if os.getuid() == 0:
                os.seteuid(65534)
            with pytest.raises(OSError, match=re.escape(str(here))):
                row.write(here, 1)

        assert faults.in_child(work) == 0
        assert contents(here) == old
        here.chmod(0o755)


@rows(REPLACING)
@pytest.mark.parametrize("moment", [faults.kill_before, faults.kill_after])
def test_a_process_killed_at_any_step(row, moment, disk):
    here, old, new = prepared(row, disk)
    final = row.read and row.read(disk / "other")
    first = None if row.read is None or row.name == "cache" else row.read(here)

    def work(number):
        with faults.at_step(here, number, moment):
            row.write(here, 1)

    for number in range(1, 500):
        if faults.in_child(lambda number=number: work(number)) == 0:
            break
        if row.read is None:
            visible = {key: data for key, data in contents(here).items() if not re.search("tmp|part", key)}
            assert visible in (old, new) or row.name in {"archive", "downloaded", "projector", "tokenizer"}
        elif first is not None or (here / "elements").exists():
            assert row.read(here) in (first, final)
    row.write(here, 1)
    assert leftovers(here) == []
    assert row.name == "archive" or contents(here) == new
    assert 5 < number < 499


def test_a_log_keeps_whole_lines(disk):
    row = next(row for row in WRITERS if row.is_log)
    row.write(disk, 0)
    old = (disk / "log.csv").read_bytes()
    with faults.file_size_limit(len(old) + 2), pytest.raises(OSError, match=r"log\.csv.*too large"):
        row.write(disk, 1)
    assert (disk / "log.csv").read_bytes() == old
    row.write(disk, 2)
    assert (disk / "log.csv").read_bytes() == old + b"2,1.0\n"


# ---- completeness ------------------------------------------------------------------------------------------

NAMES = {
    "write_atomically", "write_bytes", "write_archive", "atomic_file", "write_text", "write_folder", "savez",
    "savez_compressed", "savetxt", "tofile", "to_csv", "savefig", "mkstemp", "NamedTemporaryFile", "copyfile",
    "copy2", "copyfileobj", "renames",
}  # fmt: skip
NO_FILES = {
    "saving/atomic.py:write_atomically": "the way all others go",
    "saving/array_files.py:npz_bytes": "a buffer in memory",
    "saving/array_files.py:h5_bytes": "a buffer in memory",
}


def writes(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(getattr(function, "value", None), "id", "")
    if name in NAMES or (owner == "os" and name in {"replace", "rename", "write", "truncate", "link"}):
        return True
    if name in {"open", "fdopen", "File", "ZipFile", "fromfile", "memmap", "TarFile"}:
        modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        texts = [
            item.value for item in modes if isinstance(item, ast.Constant) and isinstance(item.value, str)
        ]
        return any(re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", text) for text in texts)
    return False


def test_every_place_that_writes_has_a_row():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if not any(name in text for name in (*NAMES, "open(", "File(", "memmap(", "os.")):
            continue
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(node, ast.Call) and writes(node) for node in ast.walk(function)
            ):
                found.add(f"{path.relative_to(PACKAGE).as_posix()}:{function.name}")
    listed = {site for row in WRITERS for site in row.sites} | set(NO_FILES)
    assert found == listed
