"""Weights in several HDF5 files of bounded size, and the `.weights.json` file that lists them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from corten.saving import atomic, files, integrity, safetensors
from corten.saving.array_files import H5_ERRORS, h5_bytes, read_h5, read_weights

_ENDING = ".weights.json"
_GIGABYTE = 1 << 30
# How often the list may be replaced while it is read.
_TRIES = 100


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
    with atomic.named(path):
        folder = atomic.open_folder(path.parent)
    try:
        if folder is not None:
            atomic.lock(folder)  # Two writers at once would remove each other's files.
        _replace(path, shards, sum(sizes))
    finally:
        atomic.close_quietly(folder)


def _replace(path: Path, shards: list[dict[str, Any]], total: int) -> None:
    """Writes new files beside the old ones, then the list, and only then gives the new files their names.

    Until then a file has its checksum in its name too, which is where readers look for what is not (or not
    any more) at the name that the list has.
    """
    places: dict[str, list[str]] = {}
    digests: dict[str, str] = {}
    text = b""
    stem = path.name.removesuffix(_ENDING)
    shard_name = re.escape(stem) + r"_\d{5}(_[0-9a-f]{64})?\.weights\.h5"
    atomic.remove_abandoned(path, shard_name)
    before = _names_beside(path, shard_name)
    try:
        for index, shard in enumerate(shards):
            file_name = f"{stem}_{index:05d}.weights.h5"
            data = h5_bytes(shard)
            digests[file_name] = hashlib.sha256(data).hexdigest()
            files.write_bytes(_draft(path, file_name, digests[file_name]), data)
            for name in shard:
                holders = places.setdefault(f"/{name.rpartition('/')[0]}", [])
                if file_name not in holders:
                    holders.append(file_name)
        own = {"format": "corten", "format_version": integrity.WEIGHTS_VERSION, "sha256": digests}
        listed = {"metadata": {"total_size": total, **own}, "weight_map": places}
        text = json.dumps(listed, indent=4).encode()
        files.write_bytes(path, text)
    except BaseException:
        if not text or not _is(path, text):  # The list may be in place when the sync of its folder fails.
            drafts = {_draft(path, name, digest).name for name, digest in digests.items()}
            _remove(path, drafts - before)
        raise
    with atomic.named(path, "Wrote {} for Corten, but files that it lists do not have their names yet"):
        for name, digest in digests.items():
            os.replace(_draft(path, name, digest), path.with_name(name))
    _remove(path, before - digests.keys())


def _draft(path: Path, file_name: str, digest: str) -> Path:
    return path.with_name(f"{file_name.removesuffix('.weights.h5')}_{digest}.weights.h5")


def _names_beside(path: Path, pattern: str) -> set[str]:
    """Files of weights that this list, or an attempt to write it that was killed, has beside it."""
    with contextlib.suppress(OSError):
        return {name for name in os.listdir(path.parent) if re.fullmatch(pattern, name)}
    return set()


def _is(path: Path, content: bytes) -> bool:
    with contextlib.suppress(OSError):
        return path.read_bytes() == content
    return False


def _remove(path: Path, names: set[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            path.with_name(name).unlink()


def read(path: Path) -> dict[str, Any]:
    """Gives the arrays of all files that a `.weights.json` file lists.

    Args:
        path: The list.

    Raises:
        ValueError: The list is damaged, names a file elsewhere, or a file is missing or damaged.
    """
    content = path.read_bytes()
    for _ in range(_TRIES):
        try:
            return _read(path, content)
        except (ValueError, FileNotFoundError):
            # Another process may have replaced the list and removed the files of the old one.
            again = path.read_bytes()
            if again == content:
                raise
            content = again
    return _read(path, content)


def _read(path: Path, content: bytes) -> dict[str, Any]:
    listed = files.parse_json(content, str(path))
    places = listed.get("weight_map") if isinstance(listed, dict) else None
    if not isinstance(places, dict) or not all(isinstance(names, list) for names in places.values()):
        raise ValueError(f"{path}: is no list of files of weights (it has no `weight_map`).")
    digests = _digests(listed.get("metadata"), str(path))
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
        if digests is not None:
            found = _verified(path, shard, digests.get(name))
        elif shard.is_file():
            found = read_weights(shard)
        else:
            raise ValueError(f"{path}: lists {name!r}, which is not beside it.")
        twice = sorted(arrays.keys() & found.keys())
        if twice:
            raise ValueError(f"{path}: two of its files hold {twice[0]!r}.")
        arrays.update(found)
    return arrays


def _verified(path: Path, shard: Path, digest: Any) -> dict[str, Any]:
    """The arrays of a file with a checksum, which its name has too if the writer was killed early."""
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"{path}: is damaged: it has lost the checksum of {shard.name!r}.")
    is_there = False
    for place in (shard, _draft(path, shard.name, digest), shard):  # It may get its name in between.
        with contextlib.suppress(FileNotFoundError):
            data = place.read_bytes()  # Once: another process may replace the file at any moment.
            is_there = True
            if hashlib.sha256(data).hexdigest() == digest:
                return _parsed(data, shard)
    if not is_there:
        raise ValueError(f"{path}: lists {shard.name!r}, which is not beside it.")
    raise ValueError(f"{shard}: is damaged: its checksum is not the one that {path.name} lists.")


def _parsed(data: bytes, shard: Path) -> dict[str, Any]:
    try:
        return read_h5(data)
    except H5_ERRORS as error:
        raise ValueError(f"{shard}: cannot be read; damaged? ({error})") from None


def _digests(metadata: Any, source: str) -> dict[str, Any] | None:
    """The checksums in a list that Corten wrote; None for Keras's."""
    if not isinstance(metadata, dict) or not metadata.keys() & {"format", "format_version", "sha256"}:
        return None
    integrity.check_version(metadata.get("format_version"), source)
    digests = metadata.get("sha256")
    if not isinstance(digests, dict):
        raise ValueError(f"{source}: is damaged: it has lost its checksums.")
    return digests
