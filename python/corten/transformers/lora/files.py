"""Adapters in files as the package peft has them: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from corten.layers.embedding import Embedding
from corten.transformers.hub import find_file, split_hub_arguments
from corten.transformers.lora.adapters import (
    Adapters,
    adapters_of,
    attach,
    check_model,
    matrices_of,
)
from corten.transformers.lora.settings import LoraSettings, settings_of_file
from corten.transformers.lora.targets import check_target, task_of
from corten.transformers.weight_names import NamedWeight, named_layers, named_weights

ADAPTER_CONFIG_NAME = "adapter_config.json"
ADAPTER_WEIGHTS_NAME = "adapter_model.safetensors"
_PICKLED = "adapter_model.bin"
# What names begin with in files of peft: the model is wrapped twice there.
_PREFIX = "base_model.model."
_MATRIX = re.compile(r"(.+)\.(?:lora_([AB])\.weight|lora_embedding_([AB]))")


def save_lora(model: Any, folder: str | os.PathLike[str]) -> None:
    """Write the adapters of a model, and the layers of `modules_to_save`, into a folder as peft does.

    `load_lora` reads it, and so does `peft.PeftModel.from_pretrained`. The model's other weights are not in
    it.

    Args:
        model: A model with adapters.
        folder: The folder, which is made if need be.

    Raises:
        NotADirectoryError: The folder is a file.
        ValueError: The model has no adapters.

    Source: https://huggingface.co/docs/peft/developer_guides/checkpoint

    Example:
        >>> import os, tempfile
        >>> from corten.transformers import BertConfig, BertModel, add_lora, save_lora
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> folder = tempfile.mkdtemp()
        >>> save_lora(add_lora(BertModel(config)), folder)
        >>> sorted(os.listdir(folder))
        ['adapter_config.json', 'adapter_model.safetensors']
    """
    from corten.saving import safetensors
    from corten.saving.files import write_bytes
    from corten.transformers.pretrained_files import stored

    check_model(model, "save_lora")
    adapters = adapters_of(model)
    if adapters is None:
        raise ValueError("save_lora: the model has no adapters; `save_pretrained` writes whole models.")
    path = Path(folder)
    if path.is_file():
        raise NotADirectoryError(f"save_lora: {path} is a file; pass a folder.")
    others = {id(variable) for variable in (*adapters.variables(), *adapters.saved_variables())}
    left_out = [variable.path for variable in model.trainable_variables if id(variable) not in others]
    if left_out:
        warnings.warn(
            f"save_lora: {left_out[0]!r}{f' and {len(left_out) - 1} more' if len(left_out) > 1 else ''} can "
            "be trained, but are no part of the adapters and are not saved with them. Name their layers in "
            "`modules_to_save`.",
            stacklevel=2,
        )
    tensors: dict[str, Any] = {}
    for name, layer in adapters.layers:
        for key, variable in zip(_keys(name, layer), matrices_of(layer), strict=True):
            tensors[key] = stored(NamedWeight(key, variable, True))
    for name, layer in adapters.saved:
        for weight in named_weights(layer):
            tensors[f"{_PREFIX}{name}.{weight.name}"] = stored(weight)
    stores_transposed = any(
        getattr(layer, "stores_transposed", True) is False for _, layer in adapters.layers
    )
    entries = adapters.settings.to_file(model, task_of(model), stores_transposed)
    path.mkdir(parents=True, exist_ok=True)
    write_bytes(path / ADAPTER_WEIGHTS_NAME, safetensors.dump(tensors, {"format": "pt"}))
    text = json.dumps(dict(sorted(entries.items())), indent=2) + "\n"
    write_bytes(path / ADAPTER_CONFIG_NAME, text.encode())


def _keys(name: str, layer: Any) -> tuple[str, str]:
    """What the matrices of a layer are called in files."""
    if isinstance(layer, Embedding):
        return f"{_PREFIX}{name}.lora_embedding_A", f"{_PREFIX}{name}.lora_embedding_B"
    return f"{_PREFIX}{name}.lora_A.weight", f"{_PREFIX}{name}.lora_B.weight"


def load_lora(
    model: Any, folder: str | os.PathLike[str], *, is_trainable: bool = False, **kwargs: Any
) -> Any:
    """Give a model the adapters of a folder that `save_lora` or the package peft wrote.

    Args:
        model: The model that they were trained beside. If it has adapters, they must be of the same layers
            and ranks; they get the values of the file.
        folder: The folder, or a name on the hub that is in the local cache.
        is_trainable: Whether they can be trained on; otherwise the whole model is frozen, as in peft.
        **kwargs: `cache_dir`, `revision`, `local_files_only` and the like say where to look.

    Returns:
        The model.

    Raises:
        OSError: A file is missing.
        TypeError: The model is none of `corten.transformers`.
        ValueError: A file is damaged, of another model, or of a kind of adapter that is not there. The model
            is left as it was.

    Source: https://huggingface.co/docs/peft/developer_guides/checkpoint

    Example:
        >>> import tempfile
        >>> from corten.transformers import BertConfig, BertModel, add_lora, load_lora, save_lora
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> folder = tempfile.mkdtemp()
        >>> save_lora(add_lora(BertModel(config), r=4), folder)
        >>> load_lora(BertModel(config), folder).encoder.layer[0].attention.self_attention.query.lora_rank
        4
    """
    where, unknown = split_hub_arguments(kwargs)
    if unknown:
        raise TypeError(f"load_lora: unexpected argument {next(iter(unknown))!r}.")
    check_model(model, "load_lora")
    settings, arrays, source = read_adapters(folder, where)
    content = _content(model, settings, arrays, source)
    adapters = adapters_of(model)
    if adapters is None:
        layers = [(name, layer) for name, (layer, _, _) in content.matrices.items()]
        adapters = attach(model, settings, layers, content.saved, empty=True)
    else:
        if adapters.is_merged:
            raise ValueError("load_lora: the model's adapters are merged; call `unmerge_lora(model)` first.")
        _check_alike(adapters, settings, content, source)
    content.assign()
    adapters.set_trainable(is_trainable)
    return model


def assign_adapters(model: Any, folder: Path) -> None:
    """Set the adapters of a model to those of a checkpoint of the same training."""
    settings, arrays, source = read_adapters(folder, {"local_files_only": True})
    content = _content(model, settings, arrays, source)
    adapters = adapters_of(model)
    assert adapters is not None
    _check_alike(adapters, settings, content, source)
    content.assign()


def read_adapters(
    folder: str | os.PathLike[str], where: dict[str, Any]
) -> tuple[LoraSettings, dict[str, np.ndarray[Any, Any]], str]:
    """Return the settings and arrays of a folder, and what to call it.

    Args:
        folder: The folder, or a name on the hub.
        where: Arguments of `hub.find_file`.

    Raises:
        OSError: A file is missing, or a pickle.
        ValueError: A file is damaged, or no adapter of LoRA.
    """
    from corten.saving.files import parse_json
    from corten.transformers.pretrained_files import parse_weights

    path = find_file(folder, ADAPTER_CONFIG_NAME, **where)
    settings = settings_of_file(parse_json(path.read_bytes(), str(path)), str(path))
    weights = find_file(folder, ADAPTER_WEIGHTS_NAME, required=False, **where)
    if weights is None:
        if find_file(folder, _PICKLED, required=False, **{**where, "local_files_only": True}) is not None:
            raise OSError(
                f"{os.fspath(folder)!r} has its adapters in {_PICKLED!r}, a format that Corten does not read "
                "(pickles run code). Load and save them once with the package peft, which writes "
                f"{ADAPTER_WEIGHTS_NAME!r}."
            )
        weights = find_file(folder, ADAPTER_WEIGHTS_NAME, **where)  # Says what is missing.
    return settings, parse_weights(weights), str(weights)


class _Content:
    """What a file holds for a model.

    Attributes:
        matrices: By the name of a layer: it, and its two matrices as they lie in the file.
        weights: Other weights of the model and their values.
        saved: Names and layers that are trained as a whole.
    """

    def __init__(self) -> None:
        self.matrices: dict[str, tuple[Any, Any, Any]] = {}
        self.weights: list[tuple[NamedWeight, Any]] = []
        self.saved: list[tuple[str, Any]] = []

    def assign(self) -> None:
        """Give the model the values."""
        for layer, *values in self.matrices.values():
            for variable, value in zip(matrices_of(layer), values, strict=True):
                NamedWeight("", variable, True).from_file(value)
        for weight, value in self.weights:
            weight.from_file(value)


def _content(
    model: Any, settings: LoraSettings, arrays: dict[str, np.ndarray[Any, Any]], source: str
) -> _Content:
    """What a file holds for a model, checked as a whole."""
    pairs: dict[str, dict[str, str]] = {}
    others: dict[str, str] = {}
    for key in arrays:
        name = key.removeprefix(_PREFIX)
        match = _MATRIX.fullmatch(name)
        if match is not None:
            pairs.setdefault(match[1], {})[match[2] or match[3]] = key
        elif ".lora_" in name:
            raise ValueError(
                f"{source}: has {key!r}, a part of a kind of adapter that Corten does not compute."
            )
        else:
            others[re.sub(r"\.(modules_to_save|base_layer)(?=\.)", "", name)] = key
    content = _Content()
    layers = dict(named_layers(model))
    strange = [name for name in pairs if name not in layers]
    if strange or not pairs:
        what = f"for {strange[0]!r}, which {type(model).__name__} has not" if strange else "for no layer"
        raise ValueError(
            f"{source}: has adapters {what}. They belong beside another model: the task of theirs is "
            f"{settings.further.get('task_type')!r}."
        )
    for name, found in pairs.items():
        layer = layers[name]
        if adapters_of(model) is None:
            check_target(model, name, layer)
        content.matrices[name] = (layer, *_pair(name, layer, settings, found, arrays, source))
    _find_others(model, settings, content, others, arrays, source)
    return content


def _pair(
    name: str, layer: Any, settings: LoraSettings, found: dict[str, str], arrays: dict[str, Any], source: str
) -> tuple[Any, Any]:
    """The two matrices of a layer, of the right shapes."""
    rank = settings.rank_of(name)
    inputs, outputs = layer._adapted_shape
    values = []
    for letter, shape in (("A", (rank, inputs)), ("B", (outputs, rank))):
        if letter not in found:
            raise ValueError(f"{source}: lacks the matrix {letter} of the adapter of {name!r}.")
        value = arrays[found[letter]]
        if tuple(value.shape) != shape:
            raise ValueError(
                f"{source}: {found[letter]!r} has the shape {tuple(value.shape)}, but {shape} by the rank "
                f"{rank} and the model."
            )
        values.append(value)
    return values[0], values[1]


def _find_others(
    model: Any,
    settings: LoraSettings,
    content: _Content,
    others: dict[str, str],
    arrays: dict[str, Any],
    source: str,
) -> None:
    """Find the layers that were trained as a whole, and all weights that are no matrices of adapters."""
    for wanted in settings.modules_to_save:
        for name, layer in named_layers(model):
            inside = any(name.startswith(f"{outer}.") for outer, _ in content.saved)
            if not inside and (name == wanted or name.endswith(f".{wanted}")) and layer.weights:
                content.saved.append((name, layer))
    weights = {weight.name: weight for weight in named_weights(model)}
    for alias, name in model.tied_weight_names.items():
        if alias not in weights and name in weights:
            weights[alias] = weights[name]._replace(name=alias)
    for name, key in others.items():
        weight = weights.get(name)
        if weight is None:
            raise ValueError(f"{source}: has {key!r}, which {type(model).__name__} has no place for.")
        if tuple(arrays[key].shape) != weight.shape:
            raise ValueError(
                f"{source}: {key!r} has the shape {tuple(arrays[key].shape)}, but the model's is "
                f"{weight.shape}. With another number of classes load the model with `num_labels=`; after "
                "adding tokens call `model.resize_token_embeddings(len(tokenizer))` before `load_lora`."
            )
        content.weights.append((weight, arrays[key]))
    there = {id(weight.variable) for weight, _ in content.weights}
    for name, layer in content.saved:
        missing = [weight.name for weight in named_weights(layer) if id(weight.variable) not in there]
        if missing:
            raise ValueError(f"{source}: lacks {name}.{missing[0]!s}, which `modules_to_save` says it has.")


def _check_alike(adapters: Adapters, settings: LoraSettings, content: _Content, source: str) -> None:
    """Refuse values for adapters of other layers, ranks or strengths than a model has."""
    there, given = dict(adapters.layers), content.matrices
    differing = sorted(set(there) ^ set(given))
    if not differing:
        differing = [
            name
            for name, layer in there.items()
            if layer.lora_rank != settings.rank_of(name)
            or layer.lora_alpha != settings.alpha_of(name)
            or layer._lora_by_root != settings.use_rslora
        ]
    saved = {name for name, _ in adapters.saved} ^ {name for name, _ in content.saved}
    if differing or saved:
        raise ValueError(
            f"{source}: has other adapters than the model, such as those of "
            f"{(differing or sorted(saved))[0]!r}. Take the model's away with `remove_lora(model)` first."
        )
