"""Reading and writing models as Hugging Face's `transformers` does: `config.json` and safetensors."""

from __future__ import annotations

import mmap
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corten.transformers.configuration import PretrainedConfig, read_config
from corten.transformers.hub import find_file, split_hub_arguments
from corten.transformers.weight_names import NamedWeight, named_weights
from corten.variable import Variable

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack")
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def load_model(
    cls: Any,
    name_or_path: str | os.PathLike[str],
    config: PretrainedConfig | None,
    ignore_mismatched_sizes: bool,
    dtype: Any,
    output_loading_info: bool,
    kwargs: dict[str, Any],
) -> Any:
    """What `PreTrainedModel.from_pretrained` does; its arguments."""
    from corten.saving.loading import make_late_values, objects_from_file

    where, overrides = split_hub_arguments(kwargs)
    dtype = overrides.pop("torch_dtype", None) if dtype is None else dtype
    options: dict[str, Any] = {
        name: overrides.pop(name) for name in ("name", "trainable") if name in overrides
    }
    if config is None:
        entries = read_config(name_or_path, **where)
        found = entries.get("model_type")
        if cls.config_class.model_type and found not in (None, cls.config_class.model_type):
            raise ValueError(
                f"{cls.__name__}: {os.fspath(name_or_path)!r} is a model of the type {found!r}, not "
                f"{cls.config_class.model_type!r}. Use a class of that type, or AutoModel, which chooses."
            )
        config = cls.config_class.from_dict(entries, **overrides)
    elif overrides:
        config = cls.config_class.from_dict(config.to_dict(), **overrides)
    arrays, source = read_weights(name_or_path, where)
    for name in config.layer_counts:
        if getattr(config, name, 0) > len(arrays):
            raise ValueError(
                f"{cls.__name__}: the configuration of {source} says {getattr(config, name)} layers "
                f"(`{name}`), but "
                f"the file has {len(arrays)} arrays in all. It belongs to another file, or is damaged."
            )
    policy = _policy(dtype, config)
    if policy is not None:
        options["dtype"] = policy
    with objects_from_file(f"{source}: {type(config).__name__}", arrays) as late:
        model = cls(config, **options)
        model.loading_info = assign_weights(model, arrays, source, ignore_mismatched_sizes)
        model.name_or_path = os.fspath(name_or_path)
    make_late_values(late)
    _report(model, source)
    return (model, model.loading_info) if output_loading_info else model


def _policy(dtype: Any, config: Any) -> Any:
    if dtype != "auto":
        return (
            str(dtype).removeprefix("torch.") if dtype is not None and not hasattr(dtype, "name") else dtype
        )
    stored = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    return str(stored) if stored in ("float32", "float16", "bfloat16", "float64") else None


# ---- reading -----------------------------------------------------------------------------------------


def read_weights(
    name_or_path: str | os.PathLike[str], where: dict[str, Any]
) -> tuple[dict[str, np.ndarray[Any, Any]], str]:
    """Return the arrays of a model's files, and what to call them.

    Args:
        name_or_path: A folder or a name on the hub.
        where: Arguments of `hub.find_file`.

    Raises:
        OSError: There are no weights that can be read.
        ValueError: A file is damaged.
    """
    path = find_file(name_or_path, WEIGHTS_NAME, required=False, **where)
    if path is not None:
        return parse_weights(path), str(path)
    index = find_file(name_or_path, INDEX_NAME, required=False, **where)
    if index is not None:
        return _read_shards(name_or_path, index, where), str(index)
    for name in _PICKLED:
        if find_file(name_or_path, name, required=False, **{**where, "local_files_only": True}) is not None:
            raise OSError(
                f"{os.fspath(name_or_path)!r} has its weights in {name!r}, a format that Corten does not "
                "read (pickles run code). Convert them once where `transformers` is installed: "
                f"`model.save_pretrained(folder)` writes {WEIGHTS_NAME!r}."
            )
    find_file(name_or_path, WEIGHTS_NAME, **where)  # Says what is there and what is missing.
    raise FileNotFoundError(f"{os.fspath(name_or_path)!r} has no file {WEIGHTS_NAME!r}.")


def parse_weights(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of a file, which stay in it until they are read."""
    from corten.saving import safetensors

    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data: Any = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    return safetensors.parse(memoryview(data), str(path))


def _read_shards(name_or_path: Any, index: Path, where: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    from corten.saving.files import parse_json

    listed = parse_json(index.read_bytes(), str(index))
    places = listed.get("weight_map") if isinstance(listed, dict) else None
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise ValueError(f"{index}: is damaged: it has no list of weights (`weight_map`).")
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name in sorted(set(places.values())):
        if not re.fullmatch(r"[\w.-]+\.safetensors", name):
            raise ValueError(
                f"{index}: names the file {name!r}; weights must be .safetensors files beside it."
            )
        shard = parse_weights(find_file(name_or_path, name, **where))
        wanted = [weight for weight, place in places.items() if place == name]
        missing = [weight for weight in wanted if weight not in shard]
        if missing:
            raise ValueError(f"{index}: {name!r} lacks {missing[0]!r}, which the list says it has.")
        arrays.update({weight: shard[weight] for weight in wanted})
    return arrays


def assign_weights(
    model: Any, arrays: dict[str, np.ndarray[Any, Any]], source: str, ignore_mismatched_sizes: bool = False
) -> dict[str, Any]:
    """Give a model the values of a file.

    Args:
        model: The model.
        arrays: Arrays by their names in files.
        source: What to call the file.
        ignore_mismatched_sizes: Whether weights of another shape stay as they are.

    Returns:
        Lists of names: `missing_keys`, `unexpected_keys`, `mismatched_keys` (with both shapes).

    Raises:
        ValueError: Shapes differ. Nothing is assigned then.
    """
    keys = {_modern(name): name for name in arrays}
    prefix = f"{model.base_model_prefix}." if model.base_model_prefix else ""
    has_base = model.base_model is not model
    in_file = any(name.startswith(prefix) for name in keys) if prefix else False
    ties = model.tied_weight_names if model.config.tie_word_embeddings else {}
    used: set[str] = set()
    missing: list[str] = []
    mismatched: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    pairs: list[tuple[NamedWeight, Any]] = []
    for weight in named_weights(model):
        names = [weight.name, *(alias for alias, name in ties.items() if name == weight.name)]
        if prefix and has_base and not in_file:
            names = [name.removeprefix(prefix) for name in names]
        elif prefix and not has_base and in_file:
            names = [prefix + name for name in names]
        found = next((name for name in names if name in keys), None)
        if found is None:
            missing.append(weight.name)
            continue
        used.update(name for name in names if name in keys)
        array = arrays[keys[found]]
        if tuple(array.shape) != weight.shape:
            mismatched.append((weight.name, tuple(array.shape), weight.shape))
        else:
            pairs.append((weight, array))
    if mismatched and not ignore_mismatched_sizes:
        name, given, wanted = mismatched[0]
        more = f" (and {len(mismatched) - 1} more)" if len(mismatched) > 1 else ""
        raise ValueError(
            f"{type(model).__name__}: {name!r} has the shape {given} in {source}, but {wanted} by the "
            f"configuration{more}. If the vocabulary or the number of classes is meant to differ, pass "
            "`ignore_mismatched_sizes=True`: those weights are then newly initialised."
        )
    for weight, array in pairs:
        weight.from_file(array)
    tied = {
        alias if in_file or not has_base else alias.removeprefix(prefix) for alias in model.tied_weight_names
    }
    unexpected = [
        name
        for name in keys
        if name not in used and name not in tied and not name.endswith(model.ignored_names)
    ]
    return {"missing_keys": missing, "unexpected_keys": unexpected, "mismatched_keys": mismatched}


def _modern(name: str) -> str:
    """The name that a weight of an old file has today."""
    if name.endswith("LayerNorm.gamma"):
        return name.removesuffix("gamma") + "weight"
    return name.removesuffix("beta") + "bias" if name.endswith("LayerNorm.beta") else name


def _report(model: Any, source: str) -> None:
    info = model.loading_info
    parts = []
    if info["missing_keys"]:
        parts.append(f"newly initialised, as the file does not have them: {_listed(info['missing_keys'])}")
    if info["mismatched_keys"]:
        shown = [f"{name} {given} -> {wanted}" for name, given, wanted in info["mismatched_keys"]]
        parts.append(f"newly initialised, as their shapes differ: {_listed(shown)}")
    if info["unexpected_keys"]:
        parts.append(f"in the file but not in the model: {_listed(info['unexpected_keys'])}")
    if not parts:
        return
    advice = " Train the model before you use it." if info["missing_keys"] or info["mismatched_keys"] else ""
    warnings.warn(
        f"{type(model).__name__} from {source}: {'; '.join(parts)}.{advice}", UserWarning, stacklevel=4
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


# ---- writing -----------------------------------------------------------------------------------------


def save_model(
    model: Any,
    save_directory: Any,
    max_shard_size: int | str,
    safe_serialization: bool,
    kwargs: dict[str, Any],
) -> None:
    """What `PreTrainedModel.save_pretrained` does; its arguments."""
    from corten.transformers.lora.adapters import adapters_of
    from corten.transformers.lora.files import save_lora

    owner = type(model).__name__
    if not safe_serialization:
        raise ValueError(
            f"{owner}.save_pretrained: Corten writes safetensors only, as pickles run code when read."
        )
    for name in ("push_to_hub",):
        if kwargs.pop(name, False):
            raise ValueError(
                f"{owner}.save_pretrained: `{name}` is not done; upload the folder with your own tool."
            )
    if adapters_of(model) is not None:
        # As in the package peft. The sum of weights and adapters is that of `remove_lora(merge_lora(model))`.
        save_lora(model, save_directory)
        return
    write_folder(model, save_directory, max_shard_size, adapters_apart=False)


def write_folder(
    model: Any, save_directory: Any, max_shard_size: int | str = "50GB", *, adapters_apart: bool
) -> None:
    """Write the files of a whole model.

    Args:
        model: The model.
        save_directory: The folder, which is made if need be.
        max_shard_size: The size that no file of weights is to exceed.
        adapters_apart: Whether matrices of `layer.enable_lora` are written as they are, beside the weights,
            as checkpoints need them; otherwise weights are written with the product in them.

    Raises:
        ValueError: The model is quantized.
    """
    owner = type(model).__name__
    for layer in model._flatten_layers():
        if getattr(layer, "_is_quantized", False):
            raise ValueError(
                f"{owner}.save_pretrained: layer {layer.name!r} is quantized, which Hugging Face's format "
                "has no form for. Use `model.save(path)`, or save before `quantize`."
            )
    folder = Path(save_directory)
    if folder.is_file():
        raise NotADirectoryError(f"{owner}.save_pretrained: {folder} is a file; pass a folder.")
    most = _bytes(max_shard_size)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _tensors(model, adapters_apart)
    config = type(model.config).from_dict(model.config.to_dict())
    config.architectures = [owner]
    config.dtype = model.variable_dtype
    _write_weights(folder, tensors, most)
    config.save_pretrained(folder)


def _tensors(model: Any, adapters_apart: bool) -> dict[str, Any]:
    """The weights by their names in files."""
    weights = named_weights(model)
    adapted = [] if adapters_apart else [layer for layer in model._flatten_layers() if _has_product(layer)]
    sums = {id(layer.__dict__[f"_{layer._adapted}"]): layer for layer in adapted}
    thin = {id(variable) for layer in adapted for variable in layer._unsaved_variables()}
    found: dict[str, Any] = {}
    for weight in weights:
        if id(weight.variable) in thin:
            continue
        layer = sums.get(id(weight.variable))
        found[weight.name] = stored(weight, None if layer is None else layer._adapted_weight())
    return found


def _has_product(layer: Any) -> bool:
    return bool(getattr(layer, "lora_enabled", False))


def stored(weight: NamedWeight, value: Any = None) -> Any:
    """Return a weight as files have it.

    Args:
        weight: The weight.
        value: A tensor in place of its own value.
    """
    from corten.saving.safetensors import Bfloat16

    if value is not None:
        kept = weight.variable
        weight = weight._replace(variable=Variable(value.detach(), dtype=kept._dtype, trainable=False))
    value = weight.to_file()
    return Bfloat16.from_float32(value) if weight.variable._dtype == "bfloat16" else value


def _size(value: Any) -> int:
    return int(getattr(value, "bits", value).nbytes)


def _write_weights(folder: Path, tensors: dict[str, Any], most: int) -> None:
    import json

    from corten.saving import safetensors
    from corten.saving.files import write_bytes

    shards = list(_shards(tensors, most))
    metadata = {"format": "pt"}
    if len(shards) == 1:
        write_bytes(folder / WEIGHTS_NAME, safetensors.dump(tensors, metadata))
        kept = {WEIGHTS_NAME}
    else:
        places: dict[str, str] = {}
        kept = {INDEX_NAME}
        for number, shard in enumerate(shards, 1):
            name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
            write_bytes(folder / name, safetensors.dump(shard, metadata))
            places.update(dict.fromkeys(shard, name))
            kept.add(name)
        total = sum(_size(value) for value in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        write_bytes(folder / INDEX_NAME, (json.dumps(index, indent=2) + "\n").encode())
    # What an earlier model in this folder was cut into would be read in its place.
    for path in folder.glob("model*.safetensors*"):
        if path.name not in kept and re.fullmatch(
            r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?", path.name
        ):
            path.unlink()


def _shards(tensors: dict[str, Any], most: int) -> Iterator[dict[str, Any]]:
    shard: dict[str, Any] = {}
    size = 0
    for name, value in tensors.items():
        if shard and size + _size(value) > most:
            yield shard
            shard, size = {}, 0
        shard[name] = value
        size += _size(value)
    yield shard


def _bytes(size: int | str) -> int:
    """The number of bytes that `'200MB'` means."""
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]I?B)\s*", str(size).upper())
    if match is None or float(match[1]) <= 0:
        raise ValueError(
            f"save_pretrained: `max_shard_size` must be a size such as '200MB' or '5GB'; got {size!r}."
        )
    return int(float(match[1]) * _UNITS[match[2]])
