"""What whole-model `.h5` files of Keras 2 and 3 hold: their configuration and arrays, as plain values."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from corten.saving import files
from corten.saving.array_files import H5_ERRORS, H5Reader, hard_link, import_h5py, open_h5
from corten.saving.hdf5_heaps import TextHeaps, is_text

#: The group of a model's own weights.
TOP_LEVEL = "top_level_model_weights"
# An attribute takes 64 KB, and the place of a text 16 bytes; names of fixed length are shorter than that.
_MOST_NAMES = 65536
_ATTRIBUTES = ("model_config", "training_config", "layer_names", "weight_names")


class LegacyModel:
    """What a whole-model `.h5` file of Keras 2 or 3 holds.

    Attributes:
        config: The configuration, or None in a file of weights.
        training: Loss, optimizer and metrics, or None.
        layers: Names of layers with their arrays in order.
        optimizer: The optimizer's arrays in order.
        own: Arrays of the model itself, not of its layers.
    """

    def __init__(self, path: Path) -> None:
        h5py = import_h5py()
        self.path = path
        self._size = path.stat().st_size
        self._heaps = TextHeaps(path, _ATTRIBUTES)
        self._reader = H5Reader(self._size)
        try:
            with open_h5(path) as file:
                self._read(file, h5py)
        except H5_ERRORS as error:
            raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None

    def arrays(self) -> dict[str, Any]:
        """All arrays of the file, numbered."""
        arrays = [array for _, arrays in self.layers for array in arrays]
        return {str(number): array for number, array in enumerate([*arrays, *self.own, *self.optimizer])}

    def _read(self, file: Any, h5py: Any) -> None:
        self.config = self._json(file, "model_config")
        self.training = self._json(file, "training_config")
        root = self._group(file, "model_weights", h5py) if hard_link(file, "model_weights") else file
        self.layers: list[tuple[str, list[Any]]] = []
        for name in self._names(root, "layer_names"):
            group = self._group(root, name, h5py)
            weights = [self._array(group, weight, h5py) for weight in self._names(group, "weight_names")]
            if weights:
                self.layers.append((name, weights))
        self.own: list[Any] = []
        if hard_link(root, TOP_LEVEL):
            group = self._group(root, TOP_LEVEL, h5py)
            self.own = [self._array(group, weight, h5py) for weight in self._names(group, "weight_names")]
        self.optimizer: list[Any] = []
        if hard_link(file, "optimizer_weights"):
            group = self._group(file, "optimizer_weights", h5py)
            self.optimizer = [
                self._array(group, weight, h5py) for weight in self._names(group, "weight_names")
            ]

    def _json(self, file: Any, name: str) -> dict[str, Any] | None:
        if name not in file.attrs:
            return None
        if file.attrs.get_id(name).shape != () or not is_text(file.attrs.get_id(name)):
            raise ValueError(f"{name} is no single text")
        self._heaps.check()
        text = file.attrs[name]
        data = text if isinstance(text, bytes) else str(text).encode()
        config = files.parse_json(data, f"{self.path}: {name}")
        if not isinstance(config, dict):
            raise ValueError(f"{self.path}: is damaged: {name} is no object.")
        return config

    def _group(self, parent: Any, path: str, h5py: Any) -> Any:
        member = _followed(parent, path, h5py)
        if not isinstance(member, h5py.Group):
            raise ValueError(f"{self.path}: {path!r} is no group.")
        return member

    def _array(self, parent: Any, path: str, h5py: Any) -> Any:
        return self._reader.array(_followed(parent, path, h5py), path)

    def _names(self, group: Any, attribute: str) -> list[str]:
        """Names in an attribute, which Keras splits where they are too long for one."""
        parts = [attribute] if attribute in group.attrs else []
        while not parts or f"{attribute}{len(parts)}" in group.attrs:
            if f"{attribute}{len(parts)}" not in group.attrs:
                break
            parts.append(f"{attribute}{len(parts)}")
        names: list[str] = []
        for part in parts:
            self._check_names(group, part)
            names += [_text(name) for name in group.attrs[part]]
        return names

    def _check_names(self, group: Any, name: str) -> None:
        """Raises an error for an attribute that holds no names, or claims more of them than the file has."""
        attribute = group.attrs.get_id(name)
        if len(attribute.shape) != 1 or attribute.shape[0] > _MOST_NAMES:
            raise ValueError(f"{name} is no list of names (its shape is {attribute.shape})")
        if is_text(attribute):
            self._heaps.check()
        elif attribute.shape[0] > 0:
            raise ValueError(f"{name} holds no texts")


def _text(name: Any) -> str:
    if not isinstance(name, (bytes, str)):
        raise ValueError(f"{name!r} is no name")
    return name.decode() if isinstance(name, bytes) else name


def is_legacy(path: Path) -> bool:
    """Whether an HDF5 file names its layers as Keras 2 did."""
    with contextlib.suppress(*H5_ERRORS), import_h5py().File(path, "r") as file:
        return "layer_names" in file.attrs or file.get("model_weights", getlink=True) is not None
    return False


def _followed(parent: Any, path: str, h5py: Any) -> Any:
    """A member by path; links to other files or places are never followed."""
    for part in path.split("/"):
        if not isinstance(parent, h5py.Group) or part in {"", ".", ".."} or not hard_link(parent, part):
            raise ValueError(f"{path!r} is not there")
        parent = parent[part]
    return parent
