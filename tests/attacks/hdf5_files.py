"""Attacks by HDF5: links, storage elsewhere, sizes that are not there, cycles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.attacks.models import BIAS, DENSE, KERNEL, as_bytes, sequential, write_keras
from tests.attacks.table import attack

_SHAPE = (4, 2)


def _secret(folder: Path) -> str:
    path = folder / "secret.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.full(_SHAPE, 7, "float32")
        group = file.create_group("g")
        group["0"] = np.full(_SHAPE, 7, "float32")
    return str(path)


def _external_link(group: Any, name: str, folder: Path) -> None:
    group[name] = h5py.ExternalLink(_secret(folder), "x")


def _soft_link(group: Any, name: str, folder: Path) -> None:
    group.file["elsewhere"] = KERNEL
    group[name] = h5py.SoftLink("/elsewhere")


def _dangling(group: Any, name: str, folder: Path) -> None:
    group[name] = h5py.SoftLink("/nowhere")


def _external_storage(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, _SHAPE, "float32", external=[("/etc/passwd", 0, 32)])


def _virtual(group: Any, name: str, folder: Path) -> None:
    layout = h5py.VirtualLayout(_SHAPE, "float32")
    layout[:] = h5py.VirtualSource(_secret(folder), "x", _SHAPE)
    group.create_virtual_dataset(name, layout)


def _huge_fill(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, (10**6, 10**6), "float32", chunks=(1000, 1000), fillvalue=1)


def _huge_late(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, (10**6, 10**6), "float32")


def _huge_chunk(group: Any, name: str, folder: Path) -> None:
    data = group.create_dataset(
        name, _SHAPE, "float32", chunks=(20_000, 20_000), maxshape=(None, None), compression="gzip"
    )
    data.id.write_direct_chunk((0, 0), b"x\x9c\x03\x00\x00\x00\x00\x01")


def _packed(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, data=np.zeros((2000, 2000), "float32"), compression="gzip")


def _texts(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, data=[b"x"] * 8, dtype=h5py.string_dtype())


def _references(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, data=np.array([group.ref] * 4, dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)


def _structures(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, data=np.zeros(4, [("a", "f4"), ("b", "S9")]))


def _nothing(group: Any, name: str, folder: Path) -> None:
    group.create_dataset(name, data=h5py.Empty("f4"))


def _named_type(group: Any, name: str, folder: Path) -> None:
    group[name] = np.dtype("f4")


KINDS: dict[str, Callable[[Any, str, Path], None]] = {
    "a link to another file": _external_link,
    "a link to another place": _soft_link,
    "a link to nowhere": _dangling,
    "numbers stored in /etc/passwd": _external_storage,
    "numbers of another file": _virtual,
    "a fill value of four terabytes": _huge_fill,
    "four terabytes that were never written": _huge_late,
    "a chunk of more than a gigabyte": _huge_chunk,
    "numbers that unpack to a thousand times their size": _packed,
    "texts in place of numbers": _texts,
    "references in place of numbers": _references,
    "structures in place of numbers": _structures,
    "an array without a shape": _nothing,
    "a type in place of an array": _named_type,
}

for _label, _put in KINDS.items():

    def _weights(folder: Path, put: Any = _put) -> Path:
        path = folder / "model.weights.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("layers/dense/vars")
            put(group, "0", folder)
            group["1"] = BIAS
        return path

    def _keras(folder: Path, make: Any = _weights) -> Path:
        return write_keras(folder / "model.keras", sequential(DENSE), make(folder).read_bytes())

    def _legacy(folder: Path, put: Any = _put) -> Path:
        path = folder / "model.h5"
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = as_bytes(sequential(DENSE))
            root = file.create_group("model_weights")
            root.attrs["layer_names"] = [b"d"]
            group = root.create_group("d")
            group.attrs["weight_names"] = [b"kernel", b"bias"]
            put(group, "kernel", folder)
            group["bias"] = BIAS
        return path

    attack(f"weights.h5: {_label}", "weights")(_weights)
    attack(f"keras: {_label}", "model")(_keras)
    attack(f"h5: {_label}", "model")(_legacy)


@attack("weights.h5: a group inside itself", "weights")
def _cycle(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers")
        group["a"] = group
        group["b"] = group
    return path


@attack("weights.h5: groups that double at each of 60 levels", "weights")
def _doubling(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers")
        for _ in range(60):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
    return path


@attack("weights.h5: a thousand names of one array", "weights")
def _many_names(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.ones(100_000, "float32")
        for number in range(1000):
            file[f"b{number}"] = file["a"]
    return path


@attack("weights.h5: groups nested deeply", "weights")
def _deep(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(2000):
            group = group.create_group("g")
    return path


def _with_attribute(folder: Path, name: str, value: Any, **how: Any) -> Path:
    path = folder / "model.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = as_bytes(sequential(DENSE))
        root = file.create_group("model_weights")
        target = file if name == "model_config" else root
        if name in target.attrs:
            del target.attrs[name]
        target.attrs.create(name, value, **how)
    return path


@attack("h5: names that are all one long text", "model")
def _names(folder: Path) -> Path:
    # Each name is a place in the file's heap. Here all are moved to that of the first.
    path = folder / "model.h5"
    long = "n" * 1_000_000
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = as_bytes(sequential(DENSE))
        root = file.create_group("model_weights")
        root.attrs.create("layer_names", [long, *("x" * 5 for _ in range(2999))], dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())
    first = data.index(b"\x40\x42\x0f\x00")  # The length of the first name, then its place.
    places = data[first : first + 16]
    for number in range(3000):
        data[first + 16 * number : first + 16 * number + 16] = places
    path.write_bytes(bytes(data))
    return path


def _with_heap(folder: Path, **further: str) -> tuple[Path, bytearray, int]:
    """A model whose configuration is a text of variable length, its bytes, and where its heap begins."""
    path = folder / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = as_bytes(sequential(DENSE)).decode()
        file.attrs.update(further)
    data = bytearray(path.read_bytes())
    return path, data, data.index(b"GCOL\x01")


for _label, _step in (
    ("that never end", 0),
    ("that go back", 2**64 - 64),
    ("that leave their heap", 1 << 40),
):

    def _heap(folder: Path, step: int = _step) -> Path:
        path, data, heap = _with_heap(folder)
        behind = heap + 32 + (len(as_bytes(sequential(DENSE))) + 7) // 8 * 8
        assert data[behind : behind + 8] == bytes(8)  # Free space is object 0.
        data[behind + 8 : behind + 16] = step.to_bytes(8, "little")
        path.write_bytes(data)
        return path

    attack(f"h5: texts {_label}", "model")(_heap)


@attack("h5: a text that claims a gigabyte", "model")
def _long_claim(folder: Path) -> Path:
    path, data, _ = _with_heap(folder)
    size = len(as_bytes(sequential(DENSE))).to_bytes(4, "little")
    path.write_bytes(data.replace(size, (1 << 30).to_bytes(4, "little")))
    return path


@attack("h5: a sequence of structures in place of a text", "model")
def _sequence(folder: Path) -> Path:
    return _with_attribute(folder, "model_config", np.zeros((), [("a", "f4"), ("b", "S9")]))


@attack("h5: a heap of texts within another", "model")
def _inner_heap(folder: Path) -> Path:
    path, data, _ = _with_heap(folder, more="x" * 100)
    place = data.index(b"x" * 100)
    data[place : place + 16] = b"GCOL\1\0\0\0" + (64).to_bytes(8, "little")
    path.write_bytes(data)
    return path


@attack("h5: free space of names that leads to itself", "model")
def _circle(folder: Path) -> Path:
    path, data, _ = _with_heap(folder)
    heap = data.index(b"HEAP\0")
    free, start = (int.from_bytes(data[heap + place : heap + place + 8], "little") for place in (16, 24))
    data[start + free : start + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(data)
    return path


@attack("h5: lengths of four bytes", "model")
def _short_lengths(folder: Path) -> Path:
    path = folder / "model.h5"
    plist = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    plist.set_sizes(4, 4)
    file = h5py.File(h5py.h5f.create(str(path).encode(), fcpl=plist))
    file.attrs["model_config"] = as_bytes(sequential(DENSE)).decode()
    file.close()
    return path


@attack("h5: a million names", "model")
def _million(folder: Path) -> Path:
    return _with_attribute(folder, "layer_names", np.zeros(1_000_000, "S1"))


@attack("h5: names that are numbers", "model")
def _numbers(folder: Path) -> Path:
    return _with_attribute(folder, "layer_names", [1.0, 2.0])


@attack("h5: names that are one number", "model")
def _one(folder: Path) -> Path:
    return _with_attribute(folder, "layer_names", 3)


@attack("h5: names that lead elsewhere", "model")
def _elsewhere(folder: Path) -> Path:
    return _with_attribute(folder, "layer_names", [b"../../model_weights", b"/etc"])


@attack("h5: a configuration that is a list", "model")
def _list(folder: Path) -> Path:
    return _with_attribute(folder, "model_config", [b"{}", b"{}"])


@attack("h5: the weights are a link to another file", "model")
def _linked_root(folder: Path) -> Path:
    path = folder / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = as_bytes(sequential(DENSE))
        file["model_weights"] = h5py.ExternalLink(_secret(folder), "/")
    return path


@attack("h5: the weights of the model itself are a link", "model")
def _linked_own(folder: Path) -> Path:
    path = _with_attribute(folder, "layer_names", [])
    with h5py.File(path, "a") as file:
        file["model_weights/top_level_model_weights"] = h5py.ExternalLink(_secret(folder), "/")
    return path


@attack("h5: bytes after the signature", "model")
def _garbage(folder: Path) -> Path:
    path = folder / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8)
    return path


@attack("h5: a contiguous array of more than the file", "weights")
def _beyond(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((64, 8), "float32")
    data = path.read_bytes()
    # 2048 bytes in the layout and 64 rows in the shape, made a terabyte.
    data = data.replace((2048).to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    path.write_bytes(data.replace((64).to_bytes(8, "little"), (1 << 35).to_bytes(8, "little")))
    return path


assert KERNEL.shape == _SHAPE
