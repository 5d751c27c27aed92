"""Licences and sources of what Corten is built from, and the list of it in the wheel."""

import importlib.metadata
import json
import re
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
from scripts import audit, portable_bill

ROOT = Path(__file__).parents[2]
ALLOWED = {"MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"}


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("Unlicense/MIT", True),
        ("(MIT OR GPL-2.0-only) AND Unicode-3.0", True),
        ("(MIT OR Apache-2.0) AND GPL-2.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT WITH LLVM-exception", False),
        ("none", False),
    ],
)
def test_licence_expressions(expression, met):
    assert audit.is_allowed(expression, ALLOWED) is met


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND MIT"])
def test_what_is_no_expression(expression):
    with pytest.raises(ValueError, match="no licence expression"):
        audit.is_allowed(expression, ALLOWED)


def test_every_crate_comes_from_the_registry_with_a_checksum():
    assert audit.bad_sources() == []


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_every_licence_is_allowed():
    assert audit.bad_licences() == []


def test_users_need_numpy_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.match(r"[\w-]+", name).group() for name in project["dependencies"]] == ["numpy"]
    assert {"numpy>=1.26", "h5py>=3.10"} <= set(audit.python_requirements())


def bills():
    """The bills of materials of the installed package or of the wheel in dist/, by name."""
    try:
        installed = importlib.metadata.distribution("corten").files or []
    except importlib.metadata.PackageNotFoundError:
        installed = []
    found = {path.name: path.read_text() for path in installed if path.parent.name == "sboms"}
    for wheel in () if found else (ROOT / "dist").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if ".dist-info/sboms/" in name]
            found |= {name: archive.read(name).decode() for name in names}
    if not found and not installed and not any((ROOT / "dist").glob("*.whl")):
        pytest.skip("Corten is neither installed nor built into dist/: `make wheel`")
    return found


def test_the_wheel_lists_what_is_in_it():
    (text,) = bills().values()
    bill = json.loads(text)
    assert bill["bomFormat"] == "CycloneDX"
    listed = {(one["name"], one["version"]): one for one in bill["components"]}
    locked = {(one["name"], one["version"]) for one in audit.read("Cargo.lock")["package"]}
    assert set(listed) <= locked
    for name in ("corten-core", "corten-cpu", "corten-tensor", "pyo3", "faer", "half", "libc"):
        assert any(name == one for one, _ in listed), name
    assert all(one["licenses"] and one["purl"] for one in listed.values())
    assert len(text) < 200_000
    assert "file:///" not in text


@pytest.mark.parametrize("root", ["/home/me/corten", "/D:/a/corten/corten", "/rust/core/copy"])
def test_a_bill_does_not_say_where_it_was_built(tmp_path, root):
    wheel = tmp_path / "corten-0.1.0-cp311-abi3-any.whl"
    bill = "corten-0.1.0.dist-info/sboms/corten-python.cyclonedx.json"
    record = "corten-0.1.0.dist-info/RECORD"
    text = json.dumps(
        {"bom-ref": f"path+file://{root}/rust/core#corten-core@0.1.0", "purl": "file://../core"}
    )
    lines = [portable_bill.entry("corten/core.so", b"code"), portable_bill.entry(bill, text.encode())]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("corten/core.so", b"code")
        archive.writestr(bill, text)
        archive.writestr(record, b"\n".join([*lines, f"{record},,".encode(), b""]))
    with zipfile.ZipFile(wheel) as archive:
        before = [(info.filename, info.date_time, info.compress_type) for info in archive.infolist()]
    portable_bill.rewrite(wheel)
    with zipfile.ZipFile(wheel) as archive:
        assert [(info.filename, info.date_time, info.compress_type) for info in archive.infolist()] == before
        changed = archive.read(bill)
        assert json.loads(changed) == {"bom-ref": "rust/core#corten-core@0.1.0", "purl": "file://../core"}
        wanted = [lines[0], portable_bill.entry(bill, changed), f"{record},,".encode()]
        assert archive.read(record).splitlines() == wanted
    assert list(tmp_path.iterdir()) == [wheel]


def test_a_bill_that_names_another_folder_is_refused():
    with pytest.raises(ValueError, match="names a folder"):
        portable_bill.portable(b'{"bom-ref": "path+file:///home/me/other#other@1.0.0"}')
