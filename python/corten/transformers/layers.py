"""Layers and choices that several models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import _core, activations, initializers, ops
from corten._state import state
from corten.autograd import stop_gradient
from corten.layers.core import Dense
from corten.layers.embedding import Embedding
from corten.layers.normalization import LayerNormalization


def gelu_tanh(x: Any) -> Any:
    """The Gaussian error linear unit by its tanh formula (`gelu_new`, `gelu_pytorch_tanh`)."""
    return ops.gelu(x, approximate=True)


def quick_gelu(x: Any) -> Any:
    """`x * sigmoid(1.702 x)` (Hendrycks and Gimpel, 2016, arXiv:1606.08415)."""
    return ops.multiply(x, ops.sigmoid(ops.multiply(x, 1.702)))


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": activations.gelu,
    "gelu_python": activations.gelu,
    "gelu_new": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_accurate": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": activations.relu,
    "relu6": activations.relu6,
    "silu": activations.silu,
    "swish": activations.silu,
    "mish": activations.mish,
    "tanh": activations.tanh,
    "sigmoid": activations.sigmoid,
    "linear": activations.linear,
}


def activation(owner: str, name: Any) -> Callable[[Any], Any]:
    """Return the activation that Hugging Face's configurations call by a name.

    Args:
        owner: The configuration's class, for messages.
        name: The name.

    Raises:
        ValueError: The name is not known.

    Example:
        >>> from corten.transformers.layers import activation
        >>> round(float(activation("BertConfig", "gelu_new")(corten.ops.ones(()))), 4)
        0.8412
    """
    found = _ACTIVATIONS.get(name) if isinstance(name, str) else None
    if found is None:
        from corten.identifiers import suggestion

        hint = suggestion(str(name), list(_ACTIVATIONS))
        raise ValueError(f"{owner}: unknown activation {name!r}; known: {', '.join(_ACTIVATIONS)}.{hint}")
    return found


def dense(config: Any, units: int, activation: Any = None, use_bias: bool = True) -> Dense:
    """Return a layer of a product, with the weights that a configuration begins with."""
    return Dense(units, activation, use_bias, kernel_initializer=normal(config))


def normal(config: Any) -> Any:
    """Return the initializer of a configuration: normal, of the deviation `initializer_range`."""
    return initializers.RandomNormal(stddev=config.initializer_range)


def layer_norm(config: Any) -> LayerNormalization:
    """Return a layer normalization with a configuration's epsilon."""
    return LayerNormalization(epsilon=config.layer_norm_eps)


class TokenEmbedding(Embedding):
    """The vectors of the words of a vocabulary.

    Args:
        input_dim: The size of the vocabulary.
        output_dim: The size of each vector.
        pad_token_id: The id whose vector is not trained; None for none.
        **kwargs: As for `corten.layers.Embedding`.
    """

    def __init__(
        self, input_dim: int, output_dim: int, pad_token_id: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.pad_token_id = pad_token_id

    def call(self, inputs: Any) -> Any:
        rows = super().call(inputs)
        if self.pad_token_id is None or not _core.is_grad_enabled():
            return rows
        # What fills texts up is not learned.
        padding = ops.expand_dims(ops.equal(inputs, self.pad_token_id), -1)
        return ops.where(padding, stop_gradient(rows), rows)

    def _id_error(self, ids: Any) -> IndexError:
        return IndexError(
            f"{self.name}: ids must be 0 to {self.input_dim - 1}, as the vocabulary has {self.input_dim} "
            "entries; got "
            f"ids from {int(ops.min(ids))} to {int(ops.max(ids))}. Does the tokenizer belong to another "
            "model? After adding tokens call `model.resize_token_embeddings(len(tokenizer))`."
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pad_token_id": self.pad_token_id}


def places(tokens: int, first: int = 0) -> Any:
    """Return the places of tokens, counted from `first`: int32 `(tokens,)`."""
    if state.probing:
        # Lengths that stand for unknown ones may be longer than the table.
        return ops.zeros((tokens,), "int32")
    return ops.arange(first, first + tokens, dtype="int32")


def check_length(owner: str, tokens: int, most: int, what: str = "max_position_embeddings") -> None:
    """Refuse a sequence that is longer than the table of positions.

    Args:
        owner: The model's class, for messages.
        tokens: The length.
        most: The length of the table.
        what: The entry of the configuration that says so.

    Raises:
        ValueError: The sequence is longer.
    """
    if tokens > most and not state.probing:
        raise ValueError(
            f"{owner}: the texts have {tokens} tokens, but the model has positions for {most} (`{what}`). "
            f"Cut them: `tokenizer(texts, truncation=True, max_length={most})`."
        )
