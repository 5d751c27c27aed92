"""Attacks by files of arrays: safetensors, the list of several files, `.npy` and `.npz`."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from tests.attacks.table import attack

_WHOLE: dict[str, Any] = {
    "layers/dense/vars/0": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]},
    "layers/dense/vars/1": {"dtype": "F32", "shape": [2], "data_offsets": [32, 40]},
}
_FIRST = "layers/dense/vars/0"


def _file(header: Any, data: bytes = bytes(40), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def _entry(**changes: Any) -> bytes:
    return _file({**_WHOLE, _FIRST: {**_WHOLE[_FIRST], **changes}})


SAFETENSORS: dict[str, Any] = {
    "a header longer than the file": lambda: _file(_WHOLE, length=1 << 20),
    "a header of 2**63 bytes": lambda: _file(_WHOLE, length=1 << 63),
    "a header of 100 MB for no data": lambda: _file(b'{"a":' + b" " * 100_000_000 + b"{}}", b""),
    "a million names without data": lambda: _file(
        b"{" + b",".join(b'"%d":{}' % number for number in range(1_000_000)) + b"}", b""
    ),
    "tensors over one another": lambda: _entry(data_offsets=[8, 40]),
    "one range for two tensors": lambda: _file(
        {**_WHOLE, "layers/dense/vars/1": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    ),
    "a gap": lambda: _file({_FIRST: {**_WHOLE[_FIRST], "data_offsets": [8, 40]}}),
    "bytes after the last tensor": lambda: _file(_WHOLE, bytes(48)),
    "an end before the begin": lambda: _entry(data_offsets=[32, 0]),
    "a negative offset": lambda: _entry(data_offsets=[-32, 0]),
    "an offset of 2**63": lambda: _entry(data_offsets=[0, 1 << 63]),
    "an offset of 2**64": lambda: _entry(data_offsets=[1 << 64, (1 << 64) + 32]),
    "an offset that is a float": lambda: _entry(data_offsets=[0.0, 32.0]),
    "an offset that is true": lambda: _entry(data_offsets=[True, 33]),
    "a shape whose product is 2**64 + 8": lambda: _entry(shape=[(1 << 63) + 4, 2]),
    "a shape whose product wraps around to 8": lambda: _entry(shape=[1 << 32, 1 << 32, 8]),
    "a negative shape": lambda: _entry(shape=[-4, -2]),
    "a shape of a million axes": lambda: _entry(shape=[1] * 1_000_000),
    "a shape with zero and a huge size": lambda: _entry(shape=[0, 1 << 62]),
    "a shape that is a text": lambda: _entry(shape="42"),
    "an unknown dtype": lambda: _entry(dtype="PICKLE"),
    "a dtype that is a list": lambda: _entry(dtype=["F32"]),
    "no dtype": lambda: _file({_FIRST: {"shape": [4, 2], "data_offsets": [0, 32]}}, bytes(32)),
    "a tensor that is a number": lambda: _file({_FIRST: 3}),
    "a header that is a list": lambda: _file([_WHOLE]),
    "a header nested deeply": lambda: _file(b'{"a":' * 100_000 + b"}" * 100_000),
    "a name twice": lambda: _file(
        b'{"a":{"dtype":"U8","shape":[40],"data_offsets":[0,40]},'
        b'"a":{"dtype":"U8","shape":[40],"data_offsets":[0,40]}}'
    ),
    "bytes that are no UTF-8": lambda: _file(b'{"\xff":1}'),
    "an integer of a million digits": lambda: _file(
        b'{"a":{"dtype":"U8","shape":[' + b"9" * 1_000_000 + b'],"data_offsets":[0,40]}}'
    ),
    "booleans that are neither": lambda: _file(
        {"a": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\x07"
    ),
    "nothing": lambda: b"",
    "seven bytes": lambda: bytes(7),
}

for _label, _make in SAFETENSORS.items():

    def _safetensors(folder: Path, make: Any = _make) -> Path:
        (folder / "model.safetensors").write_bytes(make())
        return folder / "model.safetensors"

    attack(f"safetensors: {_label}", "weights")(_safetensors)

# ---- the list of several files ---------------------------------------------------------------------------


def _sharded(folder: Path, name: Any) -> Path:
    path = folder / "model.weights.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": {"/layers/dense/vars": [name]}}))
    return path


for _name in (
    "../../etc/passwd", "/etc/passwd", "/etc/passwd.weights.h5", "../other.weights.h5", "a/b.weights.h5",
    "..", "", ".weights.h5/../x.weights.h5", "a\0.weights.h5", 3, None, ["a"], "missing.weights.h5",
    "x.weights.h5/", "model.weights.json", "~/x.weights.h5",
):  # fmt: skip

    def _shard(folder: Path, name: Any = _name) -> Path:
        return _sharded(folder, name)

    attack(f"sharded: a file {_name!r}", "weights")(_shard)


@attack("sharded: a file that is a link", "weights")
def _linked(folder: Path) -> Path:
    (folder / "m_00000.weights.h5").symlink_to("/etc/passwd")
    return _sharded(folder, "m_00000.weights.h5")


@attack("sharded: a file that is a pipe", "weights")
def _pipe(folder: Path) -> Path:
    import os

    os.mkfifo(folder / "m_00000.weights.h5")
    return _sharded(folder, "m_00000.weights.h5")


@attack("sharded: names that are no list", "weights")
def _no_list(folder: Path) -> Path:
    (folder / "model.weights.json").write_text('{"weight_map": {"a": "b"}}')
    return folder / "model.weights.json"


# ---- .npz ----------------------------------------------------------------------------------------------


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    """An `.npy` file with any header."""
    text = header.encode("latin-1")
    width = 2 if version == 1 else 4
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(width, "little") + text + data


class _Harmful:
    def __reduce__(self) -> Any:
        import os

        return os.system, ("touch canary",)


def _pickled(value: Any) -> bytes:
    array = np.empty(1, object)
    array[0] = value
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _pointers() -> bytes:
    """An array of objects whose bytes are taken for addresses: the dtype's state says it holds none."""
    array = np.empty(1, object)
    array[0] = None
    data = pickle.dumps(array, protocol=2)
    # The flags of the dtype (63: it holds objects) become 0, the list of objects becomes bytes.
    data = data.replace(b"K?t", b"K\x00t")
    begin = data.rindex(b"]")
    data = data[:begin] + b"U\x08AAAAAAAA" + data[data.rindex(b"tq") if b"tq" in data[begin:] else -3 :]
    return npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", data)


NPY: dict[str, Any] = {
    "an object that runs a command": lambda: _pickled(_Harmful()),
    "objects that are addresses": _pointers,
    "a terabyte": lambda: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n"),
    "a shape that wraps around": lambda: npy(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }\n", bytes(16)
    ),
    "a negative shape": lambda: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", bytes(4)),
    "a header that is code": lambda: npy("__import__('os').system('touch canary')\n"),
    "a shape that is code": lambda: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10**10,), }\n"),
    "a header nested deeply": lambda: npy("(" * 9000 + ")" * 9000),
    "a header of 100 MB": lambda: npy("{" + " " * 100_000_000 + "}", version=2),
    "a header longer than the file": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}",
    "a dtype of 2 GB": lambda: npy("{'descr': '|S2147483647', 'fortran_order': False, 'shape': (1,), }\n"),
    "a dtype of fields": lambda: npy(
        "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }\n", bytes(12)
    ),
    "an unknown version": lambda: npy("{}", version=9),
    "no array": lambda: b"GIF89a",
    "too few bytes": lambda: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }\n", bytes(31)),
    "a memo of 2**30 entries": lambda: npy(
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", b"\x80\x02Nr\x00\x00\x00\x30."
    ),
    "bytes of a terabyte": lambda: npy(
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
    ),
    "a pickle that refers outside": lambda: npy(
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", b"\x80\x02Nq\x00Q."
    ),
    "lists in lists, deeply": lambda: npy(
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    ),
}


def write_npz(path: Path, parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """An `.npz` file of given parts."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def _plain() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros((3, 4, 4), "uint8"))
    return buffer.getvalue()


def four(**parts: bytes) -> dict[str, bytes]:
    """The parts of a data set of images, some of them others."""
    names = ("x_train", "y_train", "x_test", "y_test")
    return {f"{name}.npy": parts.get(name, _plain()) for name in names}


for _label, _make in NPY.items():

    def _as_weights(folder: Path, make: Any = _make) -> Path:
        return write_npz(folder / "model.npz", {"layers/dense/vars/0.npy": make()})

    def _as_data(folder: Path, make: Any = _make) -> Path:
        return write_npz(folder / "data.npz", four(y_test=make()))

    attack(f"npz: {_label}", "weights")(_as_weights)
    attack(f"data npz: {_label}", "npz")(_as_data)


@attack("data npz: a part that unpacks to a thousand times its size", "npz")
def _bomb(folder: Path) -> Path:
    return write_npz(folder / "data.npz", four(x_train=bytes(1 << 28)), zipfile.ZIP_DEFLATED)


@attack("data npz: a name that goes up", "npz")
def _up(folder: Path) -> Path:
    return write_npz(folder / "data.npz", {**four(), "../canary.npy": _plain()})


@attack("npz: compressed", "weights")
def _compressed(folder: Path) -> Path:
    return write_npz(folder / "model.npz", {"a.npy": _plain()}, zipfile.ZIP_DEFLATED)


@attack("npz: no zip", "weights")
def _no_zip(folder: Path) -> Path:
    (folder / "model.npz").write_bytes(b"\x80\x04K\x01.")
    return folder / "model.npz"
