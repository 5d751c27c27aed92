"""Changing the number of words that a model knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.layers.core import Dense
from corten.layers.embedding import Embedding
from corten.naming import at_path
from corten.variable import Variable


def resize_vocabulary(model: Any, size: int) -> None:
    """Give the tables of the words, and the layers with a score for each word, another number of entries.

    New entries begin as the mean of the old ones (Hewitt, 2021), so that the model does not favour them.

    Args:
        model: The model.
        size: The number of entries.

    Raises:
        ValueError: The size is no positive number, or the model is quantized or being trained.
    """
    owner = type(model).__name__
    if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 1:
        raise ValueError(
            f"{owner}.resize_token_embeddings: expected a positive number of tokens; got {size!r}."
        )
    size = int(size)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        raise ValueError(
            f"{owner}.resize_token_embeddings: the optimizer holds the state of the old table. Resize before "
            "`fit`, or call `compile` again first."
        )
    before = model.get_input_embeddings().input_dim
    if size == before:
        return
    layers = [model.get_input_embeddings(), *model.vocabulary_layers()]
    for layer in dict.fromkeys(layers):
        if getattr(layer, "_is_quantized", False):
            raise ValueError(
                f"{owner}.resize_token_embeddings: layer {layer.name!r} is quantized; resize before."
            )
        if getattr(layer, "_lora_apart", False):
            raise ValueError(
                f"{owner}.resize_token_embeddings: layer {layer.name!r} has an adapter of the old size; "
                "resize before `add_lora`."
            )
    for layer in dict.fromkeys(layers):
        _resize(layer, before, size)
    model.config.vocab_size = size
    model._state().forget_steps()


def _resize(layer: Any, before: int, size: int) -> None:
    """Resize the variables of a layer along the axis of the words."""
    if isinstance(layer, Embedding):
        layer.input_dim = size
        layer._adapted_shape = (size, layer.output_dim)
    elif isinstance(layer, Dense):
        layer.units = size
        layer._adapted_shape = (layer._adapted_shape[0], size)
    for attribute in list(layer.__dict__["_tracked"]):
        variable = layer.__dict__.get(attribute)
        if not isinstance(variable, Variable) or before not in variable.shape:
            continue
        # Of a square matrix it is the last axis of a product, and the first of a table.
        axis = len(variable.shape) - 1 if isinstance(layer, Dense) else variable.shape.index(before)
        value = _resized(variable.numpy().astype(np.float32), axis, size)
        with at_path(layer._path or layer.name):
            new = Variable(
                value, dtype=variable._dtype, trainable=variable.trainable, name=variable.name,
                regularizer=variable.regularizer, constraint=variable.constraint,
            )  # fmt: skip
        locked, layer.__dict__["_locked"] = layer.__dict__["_locked"], False
        setattr(layer, attribute, new)
        layer.__dict__["_locked"] = locked


def _resized(value: np.ndarray[Any, Any], axis: int, size: int) -> np.ndarray[Any, Any]:
    before = value.shape[axis]
    if size <= before:
        return np.ascontiguousarray(value.take(range(size), axis))
    mean = value.mean(axis, keepdims=True)
    return np.concatenate([value, np.repeat(mean, size - before, axis)], axis)
