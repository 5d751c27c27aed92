"""What whole-model `.h5` files of Keras 2 and 3 hold: their configuration and arrays, as plain values."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from corten.saving import files
from corten.saving.array_files import checked_array, import_h5py

#: The group of a model's own weights.
TOP_LEVEL = "top_level_model_weights"


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
        try:
            with h5py.File(path, "r") as file:
                self._read(file, h5py)
        except (OSError, KeyError, RuntimeError, TypeError) as error:
            raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None

    def _read(self, file: Any, h5py: Any) -> None:
        self.config = self._json(file, "model_config")
        self.training = self._json(file, "training_config")
        root = self._group(file, "model_weights", h5py) if "model_weights" in file else file
        self.layers: list[tuple[str, list[Any]]] = []
        for name in _names(root, "layer_names"):
            group = self._group(root, name, h5py)
            weights = [self._array(group, weight, h5py) for weight in _names(group, "weight_names")]
            if weights:
                self.layers.append((name, weights))
        self.own: list[Any] = []
        if TOP_LEVEL in root and root[TOP_LEVEL].attrs:
            group = self._group(root, TOP_LEVEL, h5py)
            self.own = [self._array(group, weight, h5py) for weight in _names(group, "weight_names")]
        self.optimizer: list[Any] = []
        if "optimizer_weights" in file:
            group = self._group(file, "optimizer_weights", h5py)
            self.optimizer = [self._array(group, weight, h5py) for weight in _names(group, "weight_names")]

    def _json(self, file: Any, name: str) -> dict[str, Any] | None:
        text = file.attrs.get(name)
        if text is None:
            return None
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
        return checked_array(_followed(parent, path, h5py), path, h5py)


def is_legacy(path: Path) -> bool:
    """Whether an HDF5 file names its layers as Keras 2 did."""
    with contextlib.suppress(OSError), import_h5py().File(path, "r") as file:
        return "layer_names" in file.attrs or "model_weights" in file
    return False


def _followed(parent: Any, path: str, h5py: Any) -> Any:
    """A member by path; links to other files or places are never followed."""
    for part in path.split("/"):
        if not isinstance(parent, h5py.Group) or part in {"", ".", ".."} or part not in parent:
            raise ValueError(f"{path!r} is not there")
        link = parent.get(part, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{path!r} is a link ({type(link).__name__})")
        parent = parent[part]
    return parent


def _names(group: Any, attribute: str) -> list[str]:
    """Names in an attribute, which Keras splits where they are too long for one."""
    parts = [attribute] if attribute in group.attrs else []
    while not parts or f"{attribute}{len(parts)}" in group.attrs:
        if f"{attribute}{len(parts)}" not in group.attrs:
            break
        parts.append(f"{attribute}{len(parts)}")
    names = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
