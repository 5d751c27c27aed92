"""Saving and loading of whole models and of weights alone."""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corten import _core
from corten.naming import to_snake_case
from corten.saving import files, keras_files, safetensors, sharded
from corten.saving.object_registration import CustomObjectScope
from corten.variable import Variable

TRAINING_STATE = ("optimizer/", "metrics/", "loss_tracker/", "compile_metrics/", "_")
_FOREIGN = {".onnx", ".pb", ".pt", ".pth"}
_H5 = {".h5", ".hdf5"}


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Save a model to one file: architecture, weights, optimizer and compile state.

    Args:
        model: The model; it must be built.
        filepath: The path. It ends in `.corten`, or in `.keras` for a file that Keras reads too (which
            needs h5py: `pip install corten[h5]`).
        overwrite: Whether an existing file may be replaced.
        zipped: False writes a folder with what a `.keras` file holds; True and None write one file.
        include_optimizer: Whether the optimizer's state goes in.
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
    _refuse_arguments(kwargs)
    path = _path(filepath)
    as_folder = zipped is not None and not zipped
    if as_folder and path.suffix in {".keras", ".corten"}:
        raise ValueError(
            f"save: a folder (`zipped=False`) should not end in `.keras` or `.corten`; got {path.name!r}."
        )
    if not as_folder:
        check_file_name(path)
    _refuse_overwrite(path, overwrite)
    from corten.saving.serialization import serialize_keras_object

    config = serialize_keras_object(model)
    optimizer = getattr(model, "optimizer", None)
    if not include_optimizer or not getattr(optimizer, "built", False):
        optimizer = None
    if path.suffix == ".keras" or as_folder:
        state = {} if optimizer is None else _own_state(optimizer)
        keras_files.write_keras(path, config, weights_of(model), state, h5_bytes)
        return
    members = {
        "config.json": json.dumps(config, allow_nan=True).encode(),
        "weights.safetensors": safetensors.dump(weights_of(model), _names_of(model)),
    }
    if optimizer is not None:
        members["optimizer.safetensors"] = safetensors.dump(_own_state(optimizer))
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
    from corten.saving.serialization import deserialize_keras_object, only_registered

    path = _existing(filepath, {".corten", ".keras", *_H5}, "models")
    if path.suffix in _FOREIGN:
        raise ValueError(
            f"load_model: File format not supported: {path.name!r} is of a format that is not read; models "
            "are read from `.corten`, `.keras` and `.h5`."
        )
    if path.suffix in _H5:
        return _load_legacy(path, custom_objects, compile)
    config, arrays, state = _read_model(path)
    compile_config = config.pop("compile_config", None)
    with CustomObjectScope(custom_objects or {}), only_registered():
        model = deserialize_keras_object(config)
        if compile and compile_config and hasattr(model, "compile_from_config"):
            model.compile_from_config(compile_config)
    _assign(model, arrays, str(path))
    optimizer = getattr(model, "optimizer", None)
    if compile and optimizer is not None and state:
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        if _fits(optimizer, state):
            _assign_own(optimizer, state, f"{path}: optimizer")
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
        config, arrays = keras_files.read_keras(path, read_h5)
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


def _load_legacy(path: Path, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """A whole model that Keras 2 or 3 wrote to HDF5."""
    from corten.saving.legacy_config import compile_arguments, modern_config
    from corten.saving.serialization import deserialize_keras_object, only_registered

    stored = keras_files.LegacyModel(path, _h5py())
    if stored.config is None:
        raise ValueError(
            f"{path}: holds weights and no model; build the model and use "
            f"`model.load_weights({path.name!r})`."
        )
    with CustomObjectScope(custom_objects or {}), only_registered():
        model = deserialize_keras_object(modern_config(stored.config))
        arguments = compile_arguments(stored.training) if compile and stored.training else None
        if arguments:
            model.compile(**{key: deserialize_keras_object(value) for key, value in arguments.items()})
    _assign_legacy(model, stored)
    optimizer = getattr(model, "optimizer", None)
    if arguments and optimizer is not None and stored.optimizer:
        optimizer.build(model.trainable_variables)
        _assign_legacy_optimizer(optimizer, stored.optimizer, str(path))
    return model


def _assign_legacy(model: Any, stored: keras_files.LegacyModel, skip_mismatch: bool = False) -> None:
    """Gives each layer with weights those of the layer at its place in the file, all or none."""
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != len(stored.layers):
        raise ValueError(
            f"{stored.path}: has {len(stored.layers)} layers with weights, the model has {len(layers)}."
        )
    _assign_legacy_pairs(model, list(zip(layers, stored.layers, strict=True)), stored.path, skip_mismatch)


def _assign_legacy_by_name(model: Any, stored: keras_files.LegacyModel, skip_mismatch: bool) -> None:
    """Gives each layer the weights of the layer of its name in the file; others stay as they are."""
    there = dict(stored.layers)
    pairs = [(layer, (layer.name, there[layer.name])) for layer in model.layers if layer.name in there]
    if not pairs:
        given = ", ".join(sorted(there)[:8])
        raise ValueError(f"{stored.path}: no layer of the model has a name of the file's layers ({given}).")
    _assign_legacy_pairs(model, pairs, stored.path, skip_mismatch)


def _assign_legacy_pairs(
    model: Any, pairs: list[tuple[Any, tuple[str, list[Any]]]], path: Path, skip_mismatch: bool
) -> None:
    """Gives layers arrays of the file, all or none."""
    saved = [(variable, variable._value) for variable in model.variables]
    try:
        for layer, (name, arrays) in pairs:
            _assign_legacy_layer(layer, arrays, f"{path}: layer {name!r}", skip_mismatch)
    except BaseException:
        for variable, value in saved:
            variable._value = value
        raise


def _assign_legacy_layer(layer: Any, arrays: list[Any], where: str, skip_mismatch: bool) -> None:
    weights = layer.weights
    # Models inside write what is trained before what is not.
    if len(weights) == len(arrays) and hasattr(layer, "layers"):
        weights = [*layer.trainable_weights, *layer.non_trainable_weights]
    fits = len(weights) == len(arrays) and all(
        tuple(array.shape) == variable.shape for variable, array in zip(weights, arrays, strict=True)
    )
    if not fits:
        found = ", ".join(str(tuple(array.shape)) for array in arrays)
        wanted = ", ".join(str(variable.shape) for variable in weights)
        message = f"{where}: has weights of shapes {found}; the model's layer {layer.name!r} has {wanted}."
        if not skip_mismatch:
            raise ValueError(message)
        warnings.warn(f"Skipping layer {layer.name!r}: {message}", stacklevel=5)
        return
    for variable, array in zip(weights, arrays, strict=True):
        variable.assign(array)


def _assign_legacy_optimizer(optimizer: Any, arrays: list[Any], source: str) -> None:
    variables = optimizer.variables
    if len(variables) != len(arrays) or any(
        variable.shape != tuple(array.shape) for variable, array in zip(variables, arrays, strict=True)
    ):
        warnings.warn(
            f"{source}: the optimizer's state is of another version of Keras and was left out; training "
            "starts with a fresh state.",
            stacklevel=4,
        )
        return
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


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
    _refuse_arguments(kwargs)
    path = _path(filepath)
    _refuse_overwrite(path, overwrite)
    weights = weights_of(model, objects_to_skip)
    if max_shard_size is not None or sharded.is_list(path):
        sharded.write(path, weights, max_shard_size, h5_bytes)
        return
    suffix = _weights_format(path)
    if suffix == ".safetensors":
        data = safetensors.dump(weights, _names_of(model))
    else:
        plain = {
            name: value.to_float32() if isinstance(value, safetensors.Bfloat16) else value
            for name, value in weights.items()
        }
        if suffix == ".npz":
            buffer = io.BytesIO()
            np.savez(buffer, **plain)  # type: ignore[arg-type]
            data = buffer.getvalue()
        else:
            data = h5_bytes(plain)
    files.write_atomically(path, lambda file: file.write(data))


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
    _refuse_arguments(kwargs)
    path = _existing(filepath, {".corten", ".keras", ".safetensors", ".npz", ".json", *_H5}, "weights")
    skipped = _places_of(model, objects_to_skip)
    if path.suffix in _H5 and keras_files.is_legacy(path, _h5py()):
        if skipped:
            raise ValueError(f"{path}: `objects_to_skip` is not there for `.h5` files of Keras 2.")
        stored = keras_files.LegacyModel(path, _h5py())
        if by_name:
            _assign_legacy_by_name(model, stored, skip_mismatch)
        else:
            _assign_legacy(model, stored, skip_mismatch)
        return
    if path.suffix == ".keras":
        _assign(model, keras_files.read_keras(path, read_h5)[1], str(path), skip_mismatch, skipped=skipped)
        return
    if sharded.is_list(path):
        _assign(model, sharded.read(path, read_weights), str(path), skip_mismatch, skipped=skipped)
        return
    if path.suffix == ".corten":
        members = files.read_archive(path)
        if "weights.safetensors" not in members:
            raise ValueError(f"{path}: is damaged: it has no weights.safetensors.")
        data: bytes | None = members["weights.safetensors"]
    else:
        data = path.read_bytes() if _weights_format(path) == ".safetensors" else None
    arrays = read_weights(path) if data is None else safetensors.parse(data, f"{path}: weights")
    if not by_name:
        _assign(model, arrays, str(path), skip_mismatch, skipped=skipped)
        return
    if data is None:
        raise ValueError(
            f"{path}: holds no layer names; `by_name=True` needs `.safetensors`, `.corten`, Keras 2's `.h5`."
        )
    arrays = _by_name(model, arrays, safetensors.metadata(data), str(path))
    _assign(model, arrays, str(path), skip_mismatch, partial=True, skipped=skipped)


# ---- files -------------------------------------------------------------------------------------


def check_file_name(filepath: Any, weights_only: bool = False) -> None:
    """Check that a file name has the ending of a format that can be written.

    Args:
        filepath: The path.
        weights_only: Whether the weights alone are to be saved.

    Raises:
        ValueError: It has the ending of another format.
    """
    path = _path(filepath)
    if weights_only:
        _weights_format(path)
        return
    if path.stem.endswith(".weights"):
        raise ValueError(
            f"save: {path.name!r} is a name for the weights alone: use `model.save_weights({path.name!r})`, "
            f"or `model.save({path.stem.removesuffix('.weights') + '.corten'!r})` for the whole model."
        )
    # Letters: 'model-0.25' is a name without an ending.
    if path.suffix not in {".corten", ".keras"} and path.suffix[1:2].isalpha():
        raise ValueError(
            f"save: Invalid filepath extension for saving: a model is saved as `.corten` or `.keras`; got "
            f"{path.name!r}. Use `model.save({path.stem + '.corten'!r})`, or `save_weights` for weights."
        )


def _path(filepath: Any) -> Path:
    if not isinstance(filepath, (str, os.PathLike)):
        raise ValueError(f"Expected a path as a string or Path; got {filepath!r}.")
    return Path(filepath).expanduser()


def _existing(filepath: Any, known: set[str], what: str) -> Path:
    path = _path(filepath)
    if path.exists():
        return path
    if path.suffix in known:
        advice = f"Please ensure the file is an accessible `{path.suffix}` file."
    else:
        advice = f"File format not supported: {what} are read from {', '.join(sorted(known))}."
    raise files.MissingFileError(f"File not found: {str(filepath)!r}. {advice}")


def _refuse_arguments(kwargs: dict[str, Any]) -> None:
    if "save_format" in kwargs:
        raise ValueError("The `save_format` argument is deprecated: the ending of the file's name tells it.")
    if kwargs:
        raise files.UnknownArgumentError(f"The following argument(s) are not supported: {sorted(kwargs)}")


def _refuse_overwrite(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; pass `overwrite=True` to replace it.")


def _weights_format(path: Path) -> str:
    if path.suffix in {".safetensors", ".npz"}:
        return path.suffix
    if path.name.endswith((".weights.h5", ".h5", ".hdf5")):
        return ".h5"
    raise ValueError(
        f"The file name of weights must end in `.safetensors`, `.npz` or `.weights.h5`; got {path.name!r}."
    )


def read_weights(path: Path) -> dict[str, Any]:
    """Gives the arrays of an `.npz` or HDF5 file by path.

    Raises:
        ValueError: The file is damaged or of another format.
    """
    suffix = _weights_format(path)
    try:
        if suffix == ".npz":
            return _read_npz(path)
        return read_h5(path)
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None
    except Exception as error:
        if type(error).__name__ in {"BadZipFile", "error"}:
            raise ValueError(f"{path}: cannot be read; truncated or damaged? ({error})") from None
        raise


def _read_npz(path: Path) -> dict[str, Any]:
    """Read what `numpy.savez` wrote, allocating no more than the file holds."""
    import zipfile

    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"part {info.filename!r} is compressed; use `numpy.savez`")
            content = archive.read(info)
            file = io.BytesIO(content)
            version = np.lib.format.read_magic(file)
            if version not in {(1, 0), (2, 0)}:
                raise ValueError(f"part {info.filename!r} has an unknown version {version}")
            read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
            shape, fortran_order, dtype = read(file)
            begin = file.tell()
            size = dtype.itemsize
            for length in shape:
                size *= length
            if dtype.kind not in "biuf" or size != len(content) - begin:
                raise ValueError(f"part {info.filename!r} is no complete array of numbers")
            array = np.frombuffer(content, dtype, offset=begin)
            order: Any = "F" if fortran_order else "C"
            arrays[info.filename.removesuffix(".npy")] = array.reshape(shape, order=order)
    return arrays


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            "Reading and writing `.weights.h5` needs h5py: `pip install h5py`. The "
            "`.weights.safetensors` format needs nothing."
        ) from None
    return h5py


def h5_bytes(arrays: dict[str, Any]) -> bytes:
    """Makes an HDF5 file of arrays by path; bfloat16 becomes float32."""
    buffer = io.BytesIO()
    with _h5py().File(buffer, "w") as file:
        for name, value in arrays.items():
            if isinstance(value, safetensors.Bfloat16):
                value = value.to_float32()
            file.create_dataset(name, data=value)
    return buffer.getvalue()


def read_h5(source: Any) -> dict[str, Any]:
    """Gives the arrays of an HDF5 file by path.

    Raises:
        ValueError: It has a link, or an array is not in the file.
    """
    h5py = _h5py()
    arrays: dict[str, Any] = {}
    with h5py.File(source, "r") as file:

        def visit(group: Any, prefix: str, depth: int) -> None:
            if depth > 64:
                raise ValueError("its groups are nested too deeply")
            for name in group:
                # Links to other files or places are never followed.
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"{prefix}{name} is a link ({type(link).__name__})")
                member = group[name]
                if isinstance(member, h5py.Group):
                    visit(member, f"{prefix}{name}/", depth + 1)
                else:
                    arrays[f"{prefix}{name}"] = keras_files.checked_array(member, f"{prefix}{name}", h5py)

        visit(file, "", 0)
    return arrays


# ---- the state of a model ----------------------------------------------------------------------


def _named_layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield each layer once with its place in the model, which does not depend on layer names."""
    from corten.layers.input_layer import InputLayer
    from corten.layers.tracking import Tracking, _is_seed_generator, _stateful_leaves

    seen: set[int] = set()

    def walk(layer: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        seen.add(id(layer))
        yield prefix, layer
        used: dict[str, int] = {}
        for attribute in list(layer.__dict__["_tracked"]):
            value = layer.__dict__.get(attribute)
            name = "layers" if attribute in {"_graph_layers", "_stack"} else attribute.strip("_")
            if isinstance(value, Tracking) or _is_seed_generator(value):
                children = [(name, value)]
            elif isinstance(value, (list, tuple, dict)):
                children = []
                for child in _stateful_leaves(value):
                    if isinstance(child, (Variable, InputLayer)):
                        continue
                    base = f"{name}/{to_snake_case(type(child).__name__)}"
                    count = used.get(base, 0)
                    used[base] = count + 1
                    children.append((f"{base}_{count}" if count else base, child))
            else:
                continue
            for child_name, child in children:
                if id(child) in seen:
                    continue
                path = f"{prefix}{child_name}/"
                if isinstance(child, Tracking):
                    yield from walk(child, path)
                elif _is_seed_generator(child):
                    seen.add(id(child))
                    yield path, child

    yield from walk(model, "")


def _to_array(value: Any) -> Any:
    if isinstance(value, (Variable, _core.Tensor)):
        dtype = value._dtype if isinstance(value, Variable) else value.dtype
        if dtype == "bfloat16":
            tensor = value._value if isinstance(value, Variable) else value
            return safetensors.Bfloat16.from_float32(_core.cast(tensor.detach(), "float32").numpy())
        return value.numpy()
    return np.asarray(value)


def _own_state(holder: Any) -> dict[str, Any]:
    store: dict[str, Any] = {}
    if hasattr(holder, "save_own_variables"):
        holder.save_own_variables(store)
    elif isinstance(getattr(holder, "state", None), Variable):
        store["0"] = holder.state
    else:
        store = {str(index): variable for index, variable in enumerate(holder.variables)}
    return {str(key): _to_array(value) for key, value in store.items()}


def weights_of(model: Any, objects_to_skip: Iterable[Any] | None = None) -> dict[str, Any]:
    """Gives the arrays of a model's weights by path, without those of `objects_to_skip`."""
    skipped = _places_of(model, objects_to_skip)
    return {
        f"{prefix}vars/{key}": value
        for prefix, layer in _named_layers(model)
        if prefix not in skipped
        for key, value in _own_state(layer).items()
    }


def _places_of(model: Any, layers: Iterable[Any] | None) -> frozenset[str]:
    """Where layers are in the model."""
    identities = {id(layer) for layer in layers or ()}
    return frozenset(prefix for prefix, layer in _named_layers(model) if id(layer) in identities)


def _names_of(model: Any) -> dict[str, str]:
    """The name of the layer at each place, for loading by name."""
    names = {prefix: layer.name for prefix, layer in _named_layers(model) if hasattr(layer, "name")}
    return {"layer_names": json.dumps(names)}


def _by_name(model: Any, arrays: dict[str, Any], metadata: dict[str, str], source: str) -> dict[str, Any]:
    """The arrays of layers the model has by name, under their places in the model."""
    try:
        names = json.loads(metadata["layer_names"])
        sources = [(str(name), str(prefix)) for prefix, name in names.items()]
    except (KeyError, ValueError, AttributeError):
        raise ValueError(f"{source}: holds no layer names; save it anew, or load it by place.") from None
    places: dict[str, list[str]] = {}
    for name, prefix in sources:
        places.setdefault(name, []).append(prefix)
    found: dict[str, Any] = {}
    for prefix, layer in _named_layers(model):
        there = places.get(getattr(layer, "name", ""), []) if prefix else []
        if len(there) > 1:
            raise ValueError(f"{source}: has several layers named {layer.name!r}; load it by place.")
        for begin in there:
            begin += "vars/"
            own = {name: value for name, value in arrays.items() if name.startswith(begin)}
            found.update({f"{prefix}vars/{name[len(begin) :]}": value for name, value in own.items()})
    if not found:
        given = ", ".join(sorted(places)[:8])
        raise ValueError(f"{source}: no layer of the model has a name of the file's layers ({given}).")
    return found


def _assign_own(holder: Any, store: dict[str, Any], source: str) -> None:
    """Give a layer, optimizer or seed generator its own variables from arrays."""
    variables = list(
        holder._stored_variables()
        if hasattr(holder, "_stored_variables")
        else [holder.state]
        if isinstance(getattr(holder, "state", None), Variable)
        else holder.variables
    )
    for index, variable in enumerate(variables):
        value = store.get(str(index))
        if value is not None and tuple(value.shape) != variable.shape:
            raise ValueError(
                f"{source}: weight {variable.path!r} has shape {tuple(value.shape)} in the file "
                f"but {variable.shape} in the model; they must match."
            )
    if hasattr(holder, "load_own_variables"):
        holder.load_own_variables(store)
        return
    if len(store) != len(variables):
        raise ValueError(f"{source}: expected {len(variables)} variables, the file has {len(store)}.")
    for index, variable in enumerate(variables):
        variable.assign(store[str(index)])


def _assign(
    model: Any,
    arrays: dict[str, Any],
    source: str,
    skip_mismatch: bool = False,
    partial: bool = False,
    skipped: frozenset[str] = frozenset(),
) -> None:
    """Assign all weights (if `partial`, of the layers that have some in `arrays`), or none.

    Places in `skipped` keep what they have.
    """
    stores: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        if name.startswith(TRAINING_STATE):
            continue  # Keras's files of weights may hold the optimizer too.
        prefix, found, key = name.rpartition("vars/")
        if not found:
            raise ValueError(f"{source}: has no weights of a Corten model (found {name!r}).")
        if prefix not in skipped:
            stores.setdefault(prefix, {})[key] = array
    variables = model.variables
    saved = [(variable, variable._value) for variable in variables]
    try:
        for prefix, layer in _named_layers(model):
            if prefix not in skipped and (not partial or prefix in stores):
                _assign_layer(layer, prefix, stores, source, skip_mismatch)
        if stores and not skip_mismatch:
            raise ValueError(_left_over(model, stores, source))
    except BaseException:
        for variable, value in saved:
            variable._value = value
        raise


def _assign_layer(layer: Any, prefix: str, stores: dict[str, Any], source: str, skip_mismatch: bool) -> None:
    store = stores.pop(prefix, {})
    has_variables = hasattr(layer, "_own_variables") and any(True for _ in layer._own_variables(seeds=False))
    if not store and not has_variables:
        return  # Also a seed generator whose state the file does not have.
    name = getattr(layer, "name", prefix.strip("/"))
    where = f"{source}: layer {name!r}"
    saved = [(v, v._value) for v in getattr(layer, "variables", [])]
    try:
        if not store:
            raise ValueError(
                f"{where} has no weights in the file (looked for {prefix!r}); it received 0 variables."
            )
        _assign_own(layer, store, where)
    except (ValueError, KeyError, TypeError) as error:
        if not skip_mismatch:
            if isinstance(error, KeyError):
                raise ValueError(f"{where}: the file lacks its variable {error}.") from None
            raise
        for variable, value in saved:
            variable._value = value
        warnings.warn(f"Skipping layer {name!r}, whose weights do not fit: {error}", stacklevel=4)


def _left_over(model: Any, stores: dict[str, Any], source: str) -> str:
    places = sorted(prefix.rstrip("/") or "(model)" for prefix in stores)
    shown = ", ".join(places[:8]) + (", ..." if len(places) > 8 else "")
    advice = (
        "The architectures differ."
        if model.variables
        else f"Model {model.name!r} has no weights yet: build it (call it on data) before loading."
    )
    return f"{source}: has weights that the model has no place for: {shown}. {advice}"
