"""How Hugging Face calls the weights of a model, and how they lie in its files.

Layers of `corten.transformers` have the attribute names of Hugging Face's modules, so that names follow from
where a variable is: `encoder.layer.0.attention.self.query.weight`. A layer whose attribute cannot have that
name (`output` is taken in Keras) says so in `weight_names`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from corten.layers.core import Dense
from corten.layers.embedding import Embedding
from corten.layers.layer import Layer
from corten.layers.normalization import LayerNormalization, RMSNormalization
from corten.variable import Variable

# By layer class: attribute to name.
_NAMES: tuple[tuple[type[Layer], dict[str, str]], ...] = (
    (Dense, {"_kernel": "weight", "bias": "bias"}),
    (Embedding, {"_embeddings": "weight"}),
    (LayerNormalization, {"gamma": "weight", "beta": "bias"}),
    (RMSNormalization, {"scale": "weight"}),
)


class NamedWeight(NamedTuple):
    """A variable of a model and what it is in files.

    Attributes:
        name: The name in files.
        variable: The variable.
        transposed: Whether the file has the matrix the other way round, `(outputs, inputs)`.
    """

    name: str
    variable: Variable
    transposed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in files."""
        return self.variable.shape[::-1] if self.transposed else self.variable.shape

    def to_file(self) -> np.ndarray[Any, Any]:
        """Return the value as files have it."""
        value = (
            self.variable._value.numpy() if self.variable._dtype != "bfloat16" else _as_float32(self.variable)
        )
        return np.ascontiguousarray(value.T) if self.transposed else np.asarray(value)

    def from_file(self, value: np.ndarray[Any, Any]) -> None:
        """Assign a value as files have it."""
        self.variable.assign(np.ascontiguousarray(value.T) if self.transposed else value)


def _as_float32(variable: Variable) -> np.ndarray[Any, Any]:
    from corten import _core

    return np.asarray(_core.cast(variable._value, "float32").numpy())


def named_weights(layer: Layer) -> list[NamedWeight]:
    """Return the weights of a layer and of those below it, each once, as Hugging Face names them.

    Args:
        layer: A built layer.

    Example:
        >>> from corten.transformers import BertConfig, BertModel
        >>> from corten.transformers.weight_names import named_weights
        >>> config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertModel(config)
        >>> [weight.name for weight in named_weights(model)][-1]
        'pooler.dense.bias'
    """
    seen: set[int] = set()
    return list(_walk(layer, "", seen))


def named_layers(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """Yield the layers below a layer with the names of their modules, parents first, each once.

    Example:
        >>> from corten.transformers import BertConfig, BertModel
        >>> from corten.transformers.weight_names import named_layers
        >>> config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> names = [name for name, _ in named_layers(BertModel(config))]
        >>> "encoder.layer.0.attention.self.query" in names
        True
    """
    yield from _layers(layer, "", {id(layer)})


def _layers(layer: Layer, prefix: str, seen: set[int]) -> Iterator[tuple[str, Layer]]:
    for name, child in _children(layer):
        if id(child) not in seen:
            seen.add(id(child))
            yield prefix + name, child
            yield from _layers(child, f"{prefix}{name}.", seen)


def _children(layer: Layer) -> Iterator[tuple[str, Layer]]:
    """The sub-layers with the names of their attributes as modules have them."""
    renamed = getattr(layer, "weight_names", {})
    for attribute in layer.__dict__["_tracked"]:
        value = layer.__dict__.get(attribute)
        name = renamed.get(attribute, attribute)
        if isinstance(value, Layer):
            yield name, value
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                if isinstance(item, Layer):
                    yield f"{name}.{index}", item


def _walk(layer: Layer, prefix: str, seen: set[int]) -> Iterator[NamedWeight]:
    names = next((names for cls, names in _NAMES if isinstance(layer, cls)), {})
    names = {**names, **getattr(layer, "weight_names", {})}
    matrix = isinstance(layer, Dense) and getattr(layer, "stores_transposed", True)
    apart = getattr(layer, "_lora_apart", False)
    for attribute in list(layer.__dict__["_tracked"]):
        if apart and attribute.startswith("lora_"):
            continue  # Adapters have files of their own.
        value = layer.__dict__.get(attribute)
        if isinstance(value, Variable) and id(value) not in seen and not value._is_state:
            seen.add(id(value))
            name = names.get(attribute, attribute)
            yield NamedWeight(prefix + name, value, matrix and attribute == "_kernel")
    for name, child in _children(layer):
        if id(child) not in seen:
            seen.add(id(child))
            yield from _walk(child, f"{prefix}{name}.", seen)
