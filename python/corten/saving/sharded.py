"""Weights in several HDF5 files of bounded size, and the `.weights.json` file that lists them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from corten.saving import files, safetensors
from corten.saving.array_files import h5_bytes, read_weights

_ENDING = ".weights.json"
_GIGABYTE = 1 << 30


def is_list(path: Path) -> bool:
    """Whether this is the name of a list of files of weights.

    Example:
        >>> is_list(Path("model.weights.json"))
        True
    """
    return path.name.endswith(_ENDING)


def write(path: Path, weights: dict[str, Any], max_shard_size: float | None) -> None:
    """Writes weights to files beside `path`, and their list to `path`, last.

    Args:
        path: The list; it ends in `.weights.json`.
        weights: Arrays by path in the model.
        max_shard_size: Gigabytes that the arrays of a file must not exceed; None for a single file.

    Raises:
        ValueError: The name has another ending, or an array is larger than a file may be.
    """
    if not is_list(path):
        raise ValueError(
            f"save_weights: with `max_shard_size` the file name must end in `{_ENDING}`; got {path.name!r}."
        )
    most = float("inf") if max_shard_size is None else max_shard_size * _GIGABYTE
    if not most > 0:
        raise ValueError(f"save_weights: max_shard_size must be positive; got {max_shard_size!r}.")
    shards: list[dict[str, Any]] = [{}]
    sizes = [0]
    for name, value in weights.items():
        array = value.to_float32() if isinstance(value, safetensors.Bfloat16) else np.asarray(value)
        if array.nbytes > most:
            raise ValueError(
                f"save_weights: {name!r} has {array.nbytes} bytes, more than max_shard_size={max_shard_size} "
                "GB; give a larger one."
            )
        if sizes[-1] + array.nbytes > most:
            shards.append({})
            sizes.append(0)
        shards[-1][name] = array
        sizes[-1] += array.nbytes
    places: dict[str, list[str]] = {}
    for index, shard in enumerate(shards):
        file_name = f"{path.name.removesuffix(_ENDING)}_{index:05d}.weights.h5"
        files.write_bytes(path.with_name(file_name), h5_bytes(shard))
        for name in shard:
            holders = places.setdefault(f"/{name.rpartition('/')[0]}", [])
            if file_name not in holders:
                holders.append(file_name)
    listed = {"metadata": {"total_size": sum(sizes)}, "weight_map": places}
    files.write_bytes(path, json.dumps(listed, indent=4).encode())


def read(path: Path) -> dict[str, Any]:
    """Gives the arrays of all files that a `.weights.json` file lists.

    Args:
        path: The list.

    Raises:
        ValueError: The list is damaged, names a file elsewhere, or a file is missing or damaged.
    """
    listed = files.parse_json(path.read_bytes(), str(path))
    places = listed.get("weight_map") if isinstance(listed, dict) else None
    if not isinstance(places, dict) or not all(isinstance(names, list) for names in places.values()):
        raise ValueError(f"{path}: is no list of files of weights (it has no `weight_map`).")
    arrays: dict[str, Any] = {}
    listed_names = [name for names in places.values() for name in names]
    for name in listed_names:
        # Only files beside the list: it must not lead to others.
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".weights.h5"):
            raise ValueError(
                f"{path}: lists {str(name)[:100]!r}, which is no name of a `.weights.h5` file beside it."
            )
    for name in dict.fromkeys(listed_names):
        shard = path.with_name(name)
        if shard.is_symlink():
            raise ValueError(f"{path}: lists {name!r}, which is a link; copy the file there.")
        if not shard.is_file():
            raise ValueError(f"{path}: lists {name!r}, which is not beside it.")
        found = read_weights(shard)
        twice = sorted(arrays.keys() & found.keys())
        if twice:
            raise ValueError(f"{path}: two of its files hold {twice[0]!r}.")
        arrays.update(found)
    return arrays
