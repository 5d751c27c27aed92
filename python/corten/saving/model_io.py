"""Saving and loading of whole models and of weights alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from corten.saving import files, integrity, keras_files, safetensors, sharded
from corten.saving.array_files import h5_bytes, npz_bytes, read_weights, weights_format
from corten.saving.legacy_models import assign_legacy, assign_legacy_by_name, load_legacy
from corten.saving.legacy_reader import LegacyModel, is_legacy
from corten.saving.legacy_writer import write_legacy
from corten.saving.model_state import (
    arrays_by_name,
    assign,
    assign_own,
    names_of,
    own_state,
    places_of,
    weights_of,
)
from corten.saving.object_registration import CustomObjectScope
from corten.saving.paths import (
    H5_ENDINGS,
    WEIGHTS_ENDINGS,
    as_path,
    check_file_name,
    existing_path,
    refuse_arguments,
    refuse_overwrite,
)

_FOREIGN = {".onnx", ".pb", ".pt", ".pth"}


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    training_state: bytes | None = None,
    **kwargs: Any,
) -> None:
    """Save a model to one file: architecture, weights, optimizer and compile state.

    Args:
        model: The model; it must be built.
        filepath: The path. It ends in `.corten`, or in `.keras` for a file that Keras reads too (which
            needs h5py: `pip install corten[h5]`), or in `.h5` or `.hdf5` for Keras's older format, which
            holds Sequential and Functional models.
        overwrite: Whether an existing file may be replaced.
        zipped: False writes a folder with what a `.keras` file holds; True and None write one file.
        include_optimizer: Whether the optimizer's state goes in.
        training_state: What `ModelCheckpoint` adds to a `.corten` file, so that `fit(resume=...)` goes on
            from it.
        **kwargs: None; named in the error message.

    Raises:
        ValueError: The ending is that of another format, the model is not built, or an argument is unknown.
        FileExistsError: The file exists and `overwrite` is false.

    Example:
        >>> import corten, os, tempfile
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.corten")
        >>> corten.saving.save_model(model, path)
        >>> os.path.exists(path)
        True
    """
    refuse_arguments(kwargs)
    path = as_path(filepath)
    as_folder = zipped is not None and not zipped
    if as_folder and path.suffix in {".keras", ".corten"}:
        raise ValueError(
            f"save: a folder (`zipped=False`) should not end in `.keras` or `.corten`; got {path.name!r}."
        )
    if not as_folder:
        check_file_name(path)
    refuse_overwrite(path, overwrite)
    from corten.saving.serialization import serialize_keras_object

    config = serialize_keras_object(model)
    optimizer = getattr(model, "optimizer", None)
    if not include_optimizer or not getattr(optimizer, "built", False):
        optimizer = None
    if path.suffix == ".keras" or as_folder:
        state = {} if optimizer is None else own_state(optimizer)
        keras_files.write_keras(path, config, weights_of(model), state)
        return
    if path.suffix in H5_ENDINGS:
        write_legacy(path, model, config, include_optimizer)
        return
    members = {
        "config.json": json.dumps(config, allow_nan=True).encode(),
        "weights.safetensors": safetensors.dump(weights_of(model), names_of(model)),
    }
    if optimizer is not None:
        members["optimizer.safetensors"] = safetensors.dump(own_state(optimizer))
    if training_state is not None:
        members["training.safetensors"] = training_state
    files.write_archive(path, members)


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Load a model that `save_model` wrote, or Keras (`.keras`, and `.h5` of Keras 2 and 3).

    Args:
        filepath: The path.
        custom_objects: Classes and functions that the file names, by name.
        compile: Whether to restore the optimizer and the compile state.
        safe_mode: Accepted for compatibility; loading never runs code from a file.

    Raises:
        MissingFileError: There is no such file; a `FileNotFoundError` and a `ValueError`.
        ValueError: The file is truncated, damaged or of another format.

    Example:
        >>> import corten, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.corten")
        >>> corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)]).save(path)
        >>> corten.saving.load_model(path).output_shape
        (None, 1)
    """
    from corten.saving.loading import make_late_values, objects_from_file
    from corten.saving.serialization import deserialize_keras_object

    path = existing_path(filepath, {".corten", ".keras", *H5_ENDINGS}, "models")
    if path.suffix in _FOREIGN:
        raise ValueError(
            f"load_model: File format not supported: {path.name!r} is of a format that is not read; models "
            "are read from `.corten`, `.keras` and `.h5`."
        )
    if path.suffix in H5_ENDINGS:
        return load_legacy(path, custom_objects, compile)
    config, arrays, state = _read_model(path)
    if not isinstance(config.get("class_name"), str):
        raise ValueError(f"{path}: config.json is no configuration of a model (it names no class).")
    compile_config = config.pop("compile_config", None)
    with CustomObjectScope(custom_objects or {}), objects_from_file(f"{path}: config.json", arrays) as late:
        model = deserialize_keras_object(config)
        if not hasattr(model, "variables"):
            raise ValueError(f"holds a {type(model).__name__}, which is no model.")
        if compile and compile_config and hasattr(model, "compile_from_config"):
            model.compile_from_config(compile_config)
    assign(model, arrays, str(path))
    make_late_values(late)
    optimizer = getattr(model, "optimizer", None)
    if compile and optimizer is not None and state:
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        if _fits(optimizer, state):
            assign_own(optimizer, state, f"{path}: optimizer")
        else:
            warnings.warn(
                f"{path}: the optimizer's state is that of other variables (was the model quantized, or LoRA "
                "enabled, without a new `compile`?) and was left out; training starts with a fresh state.",
                stacklevel=2,
            )
    return model


def _fits(optimizer: Any, state: dict[str, Any]) -> bool:
    """Whether an optimizer's state is one of the variables that it was built with."""
    variables = list(optimizer.variables)
    return len(variables) == len(state) and all(
        tuple(state[str(index)].shape) == variable.shape
        for index, variable in enumerate(variables)
        if str(index) in state
    )


def _read_model(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Configuration, weights, and the optimizer's own state."""
    if path.suffix == ".keras" or path.is_dir():
        config, arrays = keras_files.read_keras(path)
        own = "optimizer/vars/"
        state = {name.removeprefix(own): array for name, array in arrays.items() if name.startswith(own)}
        return config, arrays, state
    members = files.read_archive(path)
    for name in ("config.json", "weights.safetensors"):
        if name not in members:
            raise ValueError(f"{path}: is damaged: it has no {name}.")
    config = files.parse_json(members["config.json"], f"{path}: config.json")
    if not isinstance(config, dict):
        raise ValueError(f"{path}: is damaged: its configuration is no object.")
    arrays = safetensors.parse(members["weights.safetensors"], f"{path}: weights")
    optimizer = members.get("optimizer.safetensors")
    return config, arrays, safetensors.parse(optimizer, f"{path}: optimizer") if optimizer else {}


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    *,
    objects_to_skip: Iterable[Any] | None = None,
    **kwargs: Any,
) -> None:
    """Save the weights of a model alone.

    Args:
        model: The model.
        filepath: The path; it ends in `.safetensors`, `.npz` or `.weights.h5` (which needs h5py), or with
            `max_shard_size` in `.weights.json`, which then lists files of weights beside it.
        overwrite: Whether an existing file may be replaced.
        max_shard_size: The size in GB that no file of weights is to exceed; None for one file.
        objects_to_skip: Layers whose own weights are left out.
        **kwargs: None; named in the error message.

    Raises:
        FileExistsError: The file exists and `overwrite` is false.
        ValueError: The ending is that of another format, or an argument is unknown.
    """
    refuse_arguments(kwargs)
    path = as_path(filepath)
    refuse_overwrite(path, overwrite)
    weights = weights_of(model, objects_to_skip)
    if max_shard_size is not None or sharded.is_list(path):
        sharded.write(path, weights, max_shard_size)
        return
    suffix = weights_format(path)
    if suffix == ".safetensors":
        data = integrity.dump_safetensors(weights, names_of(model))
    else:
        data = npz_bytes(weights) if suffix == ".npz" else h5_bytes(weights)
    files.write_bytes(path, data)


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool = False,
    *,
    objects_to_skip: Iterable[Any] | None = None,
    **kwargs: Any,
) -> None:
    """Load weights into a built model; if anything does not fit, the model stays as it was.

    Args:
        model: The model.
        filepath: A file that `save_weights` or `save_model` wrote, or Keras (`.weights.h5`, `.keras`, and
            `.h5` of Keras 2, whose layers count by their places).
        skip_mismatch: Whether layers whose weights do not fit are left alone, with a warning.
        by_name: Whether layers take the weights of the layer of their name, wherever it was;
            layers without one are left alone. Otherwise the place in the model counts.
        objects_to_skip: Layers whose own weights stay as they are.
        **kwargs: None; named in the error message.

    Raises:
        MissingFileError: There is no such file; a `FileNotFoundError` and a `ValueError`.
        ValueError: The file is damaged or does not fit the model, or an argument is unknown.
    """
    refuse_arguments(kwargs)
    path = existing_path(filepath, WEIGHTS_ENDINGS, "weights")
    skipped = places_of(model, objects_to_skip)
    if path.suffix in H5_ENDINGS and is_legacy(path):
        if skipped:
            raise ValueError(f"{path}: `objects_to_skip` is not there for `.h5` files of Keras 2.")
        stored = LegacyModel(path)
        if by_name:
            assign_legacy_by_name(model, stored, skip_mismatch)
        else:
            assign_legacy(model, stored, skip_mismatch)
        return
    arrays, metadata = read_weights_file(path)
    if by_name:
        if metadata is None:
            raise ValueError(
                f"{path}: holds no layer names; `by_name=True` needs `.safetensors`, `.corten`, Keras 2's "
                "`.h5`."
            )
        arrays = arrays_by_name(model, arrays, metadata, str(path))
    assign(model, arrays, str(path), skip_mismatch, partial=by_name, skipped=skipped)


def read_weights_file(path: Path) -> tuple[dict[str, Any], dict[str, str] | None]:
    """Gives the arrays of a file of weights or of a whole model, by path in the model.

    Args:
        path: The file; its ending tells the format.

    Returns:
        The arrays, and what `.safetensors` and `.corten` files say about them (the names of the layers).

    Raises:
        ValueError: The file is damaged or of another format.
    """
    if path.suffix == ".keras":
        return keras_files.read_keras(path)[1], None
    if sharded.is_list(path):
        return sharded.read(path), None
    if path.suffix == ".corten":
        members = files.read_archive(path)
        if "weights.safetensors" not in members:
            raise ValueError(f"{path}: is damaged: it has no weights.safetensors.")
        data = members["weights.safetensors"]
    elif weights_format(path) == ".safetensors":
        data = path.read_bytes()
        integrity.check_safetensors(data, str(path))
    else:
        return read_weights(path), None
    return safetensors.parse(data, f"{path}: weights"), safetensors.metadata(data)


def verify_file(path: Path) -> None:
    """Reads a file of a model or of weights and compares it with the checksums in it.

    Args:
        path: The file.

    Raises:
        ValueError: It is damaged or of another format.
        OSError: It cannot be read.
    """
    if path.suffix in H5_ENDINGS and is_legacy(path):
        LegacyModel(path)
    else:
        read_weights_file(path)
