"""Keras's own files, `.keras` archives, read and written.

A `.keras` file is a zip of `config.json`, `metadata.json` and `model.weights.h5`. Nothing in such a file is
run or imported: classes are Corten's own of the same name or those the user registered, and stored code is
refused.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

from corten.saving import files
from corten.saving.array_files import H5_ERRORS, h5_bytes, read_h5
from corten.saving.folders import read_folder, write_folder
from corten.saving.zip_files import ZIP_ERRORS, check_entries, read_part

#: The version of Keras whose configurations are written.
KERAS_VERSION = "3.15.1"
_WEIGHTS = "model.weights.h5"
# Functions that are classes of `keras.src.ops.numpy` there, by names that say how.
_OPERATION_NAMES = (
    "add subtract multiply divide true_divide floor_divide power mod maximum minimum matmul equal not_equal "
    "less less_equal greater greater_equal negative absolute exp log sqrt square sin cos tanh logical_and "
    "logical_or logical_not"
)
_KERAS_OPERATIONS = frozenset(_OPERATION_NAMES.split())
# The parts may have so many times the size of the file when they are unpacked.
_MOST_GROWTH = 10

#: Arrays by path, as in `model.weights.h5`.
Arrays = dict[str, Any]


def read_keras(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Gives configuration and arrays of a `.keras` file.

    Args:
        path: The file, or a folder with what such a file holds.

    Raises:
        ValueError: It is none, is damaged, or has members that it must not have.
    """
    if path.is_dir():
        contents = _folder(path)
        return _configuration(contents, path), _parsed(contents[_WEIGHTS], f"{path}: {_WEIGHTS}")
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            check_entries(archive, size, _MOST_GROWTH)
            members = {info.filename: info for info in archive.infolist()}
            for name in ("config.json", _WEIGHTS):
                if name not in members:
                    raise ValueError(f"it has no {name}")
            contents = {name: read_part(archive, members[name]) for name in ("config.json", _WEIGHTS)}
    except ZIP_ERRORS as error:
        raise ValueError(f"{path}: is no `.keras` file, or a damaged one ({error}).") from None
    return _configuration(contents, path), _parsed(contents[_WEIGHTS], f"{path}: {_WEIGHTS}")


def _folder(path: Path) -> dict[str, bytes]:
    for name in ("config.json", _WEIGHTS):
        if (path / name).is_symlink():
            raise ValueError(f"{path}: {name} is a link; what belongs to a model must lie in its folder.")
    try:
        return read_folder(path, ("config.json", _WEIGHTS))
    except FileNotFoundError as error:
        raise ValueError(
            f"{path}: is a folder, not a Corten model file or an unzipped one (no {error.filename})."
        ) from None


def _configuration(contents: dict[str, bytes], path: Path) -> dict[str, Any]:
    config = files.parse_json(contents["config.json"], f"{path}: config.json")
    if not isinstance(config, dict):
        raise ValueError(f"{path}: is damaged: its configuration is no object.")
    return config


def _parsed(data: bytes, what: str) -> Arrays:
    try:
        return read_h5(data)
    except H5_ERRORS as error:
        raise ValueError(f"{what}: cannot be read; damaged? ({error})") from None


def write_keras(path: Path, config: dict[str, Any], weights: Arrays, optimizer: Arrays) -> None:
    """Writes a `.keras` file.

    Args:
        path: Where it goes; without the ending `.keras`, a folder is made.
        config: The model's configuration.
        weights: Arrays by path.
        optimizer: The optimizer's arrays by number.
    """
    translated = for_keras(config)
    arrays = {**weights, **{f"optimizer/vars/{key}": value for key, value in optimizer.items()}}
    members = {
        "metadata.json": json.dumps({"keras_version": KERAS_VERSION, "backend": "corten"}).encode(),
        "config.json": json.dumps(translated).encode(),
        _WEIGHTS: h5_bytes(arrays),
    }

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, data in members.items():
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.external_attr = 0o644 << 16
                archive.writestr(info, data)

    if path.suffix == ".keras":
        files.write_atomically(path, write)
    else:
        write_folder(path, members)
    warn_about_functions(path, translated)


def warn_about_functions(path: Path, translated: dict[str, Any]) -> None:
    """Warns where a configuration has calls that Keras has no class for."""
    calls = sorted(_functions_in(translated))
    if calls:
        warnings.warn(
            f"save: {path.name!r} has calls of functions between layers ({', '.join(calls)}), which Corten "
            "reads back and Keras does not; use layers there (Add, Concatenate, ...) if Keras is to read it.",
            stacklevel=5,
        )


def for_keras(config: Any) -> Any:
    """Gives a configuration under Keras's names of modules."""
    if isinstance(config, list):
        return [for_keras(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "__tuple__":
        return for_keras(config["items"])
    operation = _keras_operation(config)
    if operation is not None:
        return for_keras(operation)
    result = {key: for_keras(value) for key, value in config.items()}
    build = result.get("build_config")
    shapes = build.get("input_shape") if isinstance(build, dict) else None
    if isinstance(shapes, dict) and all(key.endswith("_shape") for key in shapes):
        result["build_config"] = {"shapes_dict": shapes}
    module = config.get("module")
    if (
        isinstance(module, str)
        and module.startswith("corten.")
        and config.get("class_name") != "FunctionOperation"
    ):
        result["module"] = "keras." + module.removeprefix("corten.")
        if config.get("class_name") == "Functional":
            result["module"], result["registered_name"] = "keras.src.models.functional", "Functional"
        elif module in {"corten.models", "corten.dtype_policies"}:
            result["module"] = "keras"
        elif module == "corten.optimizers" and _is_schedule(str(config.get("class_name"))):
            result["module"] = "keras.optimizers.schedules"
    return result


def _is_schedule(class_name: str) -> bool:
    from corten.optimizers import schedules

    return hasattr(schedules, class_name)


def _keras_operation(config: dict[str, Any]) -> dict[str, Any] | None:
    """The call of a function as Keras writes it, where the function has no settings."""
    if config.get("class_name") != "FunctionOperation":
        return None
    name = str(config["config"]["function"]).removeprefix("corten.ops.")
    if name not in _KERAS_OPERATIONS or any(call["kwargs"] for call in config.get("inbound_nodes", [])):
        return None
    class_name = "".join(part.capitalize() for part in name.split("_"))
    names = {"module": "keras.src.ops.numpy", "class_name": class_name, "registered_name": class_name}
    return {**config, **names, "config": {"name": config["name"]}}


def _functions_in(config: Any) -> set[str]:
    if isinstance(config, list):
        return {name for item in config for name in _functions_in(item)}
    if not isinstance(config, dict):
        return set()
    found = {name for value in config.values() for name in _functions_in(value)}
    if config.get("class_name") == "FunctionOperation":
        found.add(str(config["config"]["function"]).removeprefix("corten."))
    return found
