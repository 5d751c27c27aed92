"""Models as `.corten`, `.keras` and `.h5` files around a configuration, and attacks on the containers."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tests.attacks.table import attack

from corten.saving import safetensors

KERNEL = np.ones((4, 2), "float32")
BIAS = np.zeros(2, "float32")
INPUT = {
    "module": "keras.layers",
    "class_name": "InputLayer",
    "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
    "registered_name": None,
}
DENSE = {
    "module": "keras.layers",
    "class_name": "Dense",
    "config": {"name": "d", "units": 2},
    "registered_name": None,
    "build_config": {"input_shape": [None, 4]},
}


def sequential(*layers: Any, **further: Any) -> dict[str, Any]:
    """The configuration of a Sequential that starts with an input of four numbers."""
    inner = {"name": "s", "trainable": True, "layers": [INPUT, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": inner, **further}


def weights() -> dict[str, np.ndarray]:
    """The weights of `sequential(DENSE)`."""
    return {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS}


def h5_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """HDF5 of arrays by path."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return buffer.getvalue()


def as_bytes(config: Any) -> bytes:
    """A configuration as JSON, if it is none already."""
    return config if isinstance(config, bytes) else json.dumps(config).encode()


def write_corten(path: Path, config: Any, tensors: bytes | None = None) -> Path:
    """A `.corten` file with right checksums."""
    members = {"config.json": as_bytes(config)}
    members["weights.safetensors"] = safetensors.dump(weights()) if tensors is None else tensors
    metadata = {
        "format": "corten",
        "format_version": 1,
        "corten_version": "0.1.0",
        "members": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        },
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_keras(path: Path, config: Any, stored: bytes | None = None) -> Path:
    """A `.keras` file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        archive.writestr("config.json", as_bytes(config))
        archive.writestr("model.weights.h5", h5_bytes(weights()) if stored is None else stored)
    return path


def write_h5(path: Path, config: Any) -> Path:
    """A whole model in Keras's older format."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = as_bytes(config)
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = [b"d"]
        group = root.create_group("d")
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["kernel"], group["bias"] = KERNEL, BIAS
    return path


WRITERS = {"corten": write_corten, "keras": write_keras, "h5": write_h5}

# ---- zip containers ------------------------------------------------------------------------------------


def _members() -> list[tuple[str, bytes]]:
    return [
        ("metadata.json", b'{"keras_version": "3.15.1"}'),
        ("config.json", as_bytes(sequential(DENSE))),
        ("model.weights.h5", h5_bytes(weights())),
    ]


def _with(path: Path, name: str, data: bytes = b"x", mode: int = 0o644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in _members():
            archive.writestr(member, content)
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, data)
    return path


for _label, _name in (
    ("traversal", "../canary"),
    ("absolute", "/tmp/corten-attack-canary"),
    ("drive letter", "C:canary"),
    ("inner traversal", "assets/../../canary"),
):

    def _make(folder: Path, name: str = _name) -> Path:
        return _with(folder / "model.keras", name)

    attack(f"zip: {_label} name", "model")(_make)


@attack("zip: backslashes that go up", "model")
def _backslashes(folder: Path) -> Path:
    return _with(folder / "model.keras", "..\\canary")


@attack("zip: a symbolic link", "model")
def _link(folder: Path) -> Path:
    return _with(folder / "model.keras", "assets/link", b"/etc/passwd", 0o120777)


def _patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = path.read_bytes()
    assert old in data
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new, count))
    return path


@attack("zip: one name twice", "model")
def _twice(folder: Path) -> Path:
    path = _with(folder / "model.keras", "config.jsom")
    return _patched(path, b"config.jsom", b"config.json")


@attack("zip: another name in the local header", "model")
def _mismatch(folder: Path) -> Path:
    path = _with(folder / "model.keras", "z")
    return _patched(path, b"config.json", b"CONFIG.JSON", 1)


@attack("zip: encrypted", "model")
def _encrypted(folder: Path) -> Path:
    path = _with(folder / "model.keras", "z")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    while place >= 0:
        data[place + 8] |= 1
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(bytes(data))
    return path


@attack("zip: a part that unpacks to a thousand times its size", "model")
def _ratio(folder: Path) -> Path:
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (1 << 26))
        archive.writestr("model.weights.h5", h5_bytes(weights()))
    return path


@attack("zip: parts that overlap", "model")
def _overlap(folder: Path) -> Path:
    # All entries of the list lead to one piece of data.
    path = _with(folder / "model.keras", "z")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    while place >= 0:
        data[place + 42 : place + 46] = bytes(4)
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(bytes(data))
    return path


@attack("zip: a part that claims four gigabytes", "model")
def _claim(folder: Path) -> Path:
    path = _with(folder / "model.keras", "z")
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = b"\xf0\xff\xff\xff"
    path.write_bytes(bytes(data))
    return path


@attack("corten: a part that no model has", "model")
def _further(folder: Path) -> Path:
    path = write_corten(folder / "model.corten", sequential(DENSE))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("extra.py", "raise SystemExit")
    return path


@attack("corten: a changed configuration", "model")
def _changed(folder: Path) -> Path:
    path = write_corten(folder / "model.corten", sequential(DENSE))
    return _patched(path, b'"units": 2', b'"units": 9')


@attack("torch: pickle in a zip, as .corten", "model")
def _torch(folder: Path) -> Path:
    path = folder / "model.corten"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"cos\nsystem\n(S'touch canary'\ntR.")
        archive.writestr("archive/version", b"3")
    return path


for _ending, _content in (
    (".pt", b"PK\x03\x04"),
    (".pth", b"\x80\x02."),
    (".onnx", b"\x08\x07"),
    (".pb", b""),
):

    def _foreign(folder: Path, ending: str = _ending, content: bytes = _content) -> Path:
        (folder / f"model{ending}").write_bytes(content)
        return folder / f"model{ending}"

    attack(f"a file of a format that is not read: {_ending}", "model")(_foreign)
    attack(f"weights of a format that is not read: {_ending}", "weights")(_foreign)


@attack("onnx: tensors in another file", "model")
def _onnx(folder: Path) -> Path:
    # location = ../../etc/passwd, as the field of an external tensor.
    (folder / "model.onnx").write_bytes(b"\x08\x07:\x1c\x6a\x1a\x0a\x08location\x12\x0e../etc/passwd")
    return folder / "model.onnx"


@attack("pickle as .keras", "model")
def _pickle(folder: Path) -> Path:
    (folder / "model.keras").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    return folder / "model.keras"


@attack("keras: a folder whose configuration is a link", "model")
def _linked_folder(folder: Path) -> Path:
    model = folder / "model"
    model.mkdir()
    (folder / "outside.json").write_bytes(as_bytes(sequential(DENSE)))
    (model / "config.json").symlink_to(folder / "outside.json")
    (model / "model.weights.h5").write_bytes(h5_bytes(weights()))
    return model
