"""What multi-head and grouped-query attention share: options, projections, masks and the weighted mean."""

from __future__ import annotations

import functools
import inspect
import math
import re
from typing import Any

from corten import config, dtype_policies, initializers, ops, random, regularizers
from corten.layers.arguments import check_mask
from corten.layers.attention.dot_product import lower_triangle
from corten.layers.einsum_dense import EinsumDense
from corten.layers.layer import Layer
from corten.layers.regularization import check_rate
from corten.layers.weight_options import WeightOptions
from corten.ops.attention import attention_with_dropout

_NEGATIVE = {"float16": -3e4}


def positive_or_raise(layer: str, argument: str, value: Any) -> int:
    """Check a number of heads or a size."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) <= 0:
        raise ValueError(
            f"{layer}: Invalid value for argument `{argument}`. Expected a positive integer. Received "
            f"{argument}={value}."
        )
    return int(value)


def alias(name: str) -> property:
    """Another name of an attribute, for reading."""
    return property(lambda self: getattr(self, name))


class ProjectedAttention(WeightOptions, Layer):
    """Base: queries, keys and values are projections of the inputs, and the result is projected once more."""

    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _output_dense: Any
    _gate_dense: Any = None
    sliding_window: int | None = None
    _flash_attention = alias("flash_attention")

    def _set_options(
        self,
        dropout: float,
        use_bias: bool,
        flash_attention: bool | None,
        kernel: tuple[Any, Any, Any],
        bias: tuple[Any, Any, Any],
        use_gate: bool,
        seed: Any,
    ) -> None:
        self.dropout = check_rate(type(self).__name__, dropout)
        self.use_bias = use_bias
        if flash_attention is None:
            flash_attention = config.is_flash_attention_enabled()
        if flash_attention and dropout > 0:
            raise ValueError(
                f"{type(self).__name__}: Dropout is not supported when flash attention is enabled. Please "
                f"set dropout to 0.0 to use flash attention; got dropout={dropout}, flash_attention=True."
            )
        self.flash_attention = flash_attention
        self._set_weight_options(kernel=kernel, bias=bias)
        self.use_gate = use_gate
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True

    def _projection(
        self, name: str, equation: str, output_shape: tuple[int | None, ...], bias_axes: str, input_shape: Any
    ) -> EinsumDense:
        """A built EinsumDense with this layer's options; every projection draws its own weights."""
        dense = EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=_fresh(self.kernel_initializer),
            bias_initializer=_fresh(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            name=name,
            # The map where there is one, so that a projection finds its own policy.
            dtype=self.__dict__.get("_dtype_policy"),
        )
        dense.supports_masking = True  # Masks act on the scores; a projection lets them pass.
        dense.build(input_shape)
        return dense

    def _mask(
        self,
        queries: int,
        keys: int,
        query_mask: Any,
        value_mask: Any,
        key_mask: Any,
        attention_mask: Any,
    ) -> Any:
        """All masks as one, broadcastable to `(batch, queries, keys)`; None without any."""
        found = None if attention_mask is None else ops.cast(attention_mask, "bool")
        parts = [
            None if query_mask is None else ops.expand_dims(ops.cast(query_mask, "bool"), -1),
            None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2),
            None if key_mask is None else ops.expand_dims(ops.cast(key_mask, "bool"), -2),
            None if self.sliding_window is None else self._window(queries, keys),
        ]
        for part in parts:
            if part is not None:
                found = part if found is None else ops.logical_and(found, part)
        return found

    def _check_masks(
        self, query: Any, value: Any, key: Any, query_mask: Any, value_mask: Any, key_mask: Any, mask: Any
    ) -> None:
        """Refuse masks that do not fit inputs with one axis of steps."""
        layer = type(self).__name__
        check_mask(layer, "query_mask", query_mask, query.shape[:2], "(batch, queries)")
        check_mask(layer, "value_mask", value_mask, value.shape[:2], "(batch, steps of the values)")
        check_mask(layer, "key_mask", key_mask, key.shape[:2], "(batch, steps of the keys)")
        if mask is not None and len(mask.shape) in (2, 3):
            shape = (query.shape[0], query.shape[1], value.shape[1])[3 - len(mask.shape) :]
            check_mask(layer, "attention_mask", mask, shape, "(batch, queries, steps of the values)")

    def _window(self, queries: int, keys: int) -> Any:
        distance = ops.subtract(ops.expand_dims(ops.arange(queries), 1), ops.arange(keys))
        return ops.expand_dims(ops.less(ops.absolute(distance), self.sliding_window), 0)

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool | None = None,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        """Attend with projected heads. Override this for another kind of attention.

        An override without the parameter `use_causal_mask` gets the causal mask as part of `attention_mask`.

        Args:
            query: `(batch, queries, heads, size)`.
            key: `(batch, steps, heads, size)`.
            value: `(batch, steps, heads, size)`.
            attention_mask: Bool, `(batch, queries, steps)` or with the heads as axis 1.
            training: Whether dropout is active.
            return_attention_scores: Whether to return the weights; None takes what `call` was asked for.
            use_causal_mask: Whether query i may see steps up to i only.

        Returns:
            `(batch, queries, heads, size)`, and the weights `(batch, heads, queries, steps)` or None.
        """
        mask = attention_mask
        if return_attention_scores is None:
            return_attention_scores = self.__dict__.get("_return_attention_scores", False)
        if mask is not None and len(mask.shape) == 3:
            mask = ops.expand_dims(mask, 1)
        scale = 1.0 / math.sqrt(query.shape[-1])
        dropping = bool(training) and self.dropout > 0
        if return_attention_scores and self.flash_attention:
            raise ValueError(
                f"{type(self).__name__}: Returning attention scores is not supported when flash attention "
                "is enabled. Please disable flash attention to access attention scores."
            )
        fused = not return_attention_scores and self.flash_attention is not False
        if fused and not dropping:
            output = ops.dot_product_attention(
                query, key, value, mask=mask, scale=scale, is_causal=use_causal_mask
            )
            return output, None
        if fused and self.dropout < 1:
            random_key = random.draw_key(self.seed_generator)
            output = attention_with_dropout(
                query, key, value, None, mask, scale, use_causal_mask, self.dropout, random_key
            )
            return output, None
        key, value = self._repeated(query, key, value)
        scores = ops.multiply(ops.einsum("btnh,bsnh->bnts", query, key), scale)
        if use_causal_mask:
            triangle = ops.expand_dims(lower_triangle(scores.shape[2], scores.shape[3]), 1)
            mask = triangle if mask is None else ops.logical_and(mask, triangle)
        if mask is not None:
            lowest = ops.cast(_NEGATIVE.get(str(scores.dtype), -1e9), scores.dtype)
            scores = ops.where(mask, scores, ops.add(scores, lowest))
        weights = ops.softmax(scores, axis=-1)
        dropped = random.dropout(weights, self.dropout, seed=self.seed_generator) if dropping else weights
        return ops.einsum("bnts,bsnh->btnh", dropped, value), weights

    @staticmethod
    def _repeated(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
        """Keys and values with as many heads as the queries have."""
        repeats = query.shape[-2] // key.shape[-2]
        if repeats > 1:
            key, value = ops.repeat(key, repeats, axis=-2), ops.repeat(value, repeats, axis=-2)
        return key, value

    def _ask_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        mask: Any,
        causal: bool,
        training: bool | None,
        with_scores: bool,
    ) -> tuple[Any, Any]:
        """Call `_compute_attention`, a subclass's with the arguments that it takes."""
        accepted = _own_parameters(self._compute_attention.__func__)  # type: ignore[attr-defined]
        if accepted is None:
            return self._compute_attention(query, key, value, mask, training, with_scores, causal)
        self.__dict__["_return_attention_scores"] = with_scores
        key, value = self._repeated(query, key, value)
        if causal:
            axes = getattr(self, "_attention_axes", None) or (1,)
            rows, columns = ([x.shape[axis] for axis in axes] for x in (query, key))
            triangle = lower_triangle(math.prod(rows), math.prod(columns))
            triangle = ops.reshape(triangle, (1, *rows, *columns))
            mask = triangle if mask is None else ops.logical_and(mask, triangle)
        options: dict[str, Any] = {"training": training, "return_attention_scores": with_scores}
        given = {name: option for name, option in options.items() if name in accepted}
        output: tuple[Any, Any] = self._compute_attention(query, key, value, attention_mask=mask, **given)
        return output

    def _gated(self, attended: Any, query: Any) -> Any:
        if self._gate_dense is None:
            return attended
        return ops.multiply(attended, ops.sigmoid(self._gate_dense(query)))

    def _policy_config(self) -> dict[str, Any]:
        """The policies of quantized projections, with the layer's own: its `dtype` when it is loaded."""
        own = self.__dict__.get("_dtype_policy")
        if not self.built or isinstance(own, dtype_policies.DTypePolicyMap):
            return {}
        projections = (
            self._query_dense,
            self._key_dense,
            self._value_dense,
            self._output_dense,
            self._gate_dense,
        )
        quantized = {
            # Wherever the layer is by then.
            f"(.*/)?{re.escape(self.name)}/{re.escape(dense.name)}": dense.dtype_policy
            for dense in projections
            if dense is not None and dense.dtype_policy.quantization_mode is not None
        }
        if not quantized or self.dtype_policy.quantization_mode is not None:
            return {}
        policy = dtype_policies.DTypePolicyMap(self.dtype_policy, quantized)
        return {"dtype": dtype_policies.serialize(policy)}

    def _option_config(self) -> dict[str, Any]:
        return {
            **self._policy_config(),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "flash_attention": self.flash_attention,
            **self._weight_config(),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "use_gate": self.use_gate,
            "seed": self.seed,
        }


@functools.cache
def _own_parameters(method: Any) -> frozenset[str] | None:
    """The parameters of a subclass's `_compute_attention`; None if it is Corten's."""
    if method.__module__.startswith("corten.layers.attention"):
        return None
    return frozenset(inspect.signature(method).parameters)


def _fresh(initializer: Any) -> Any:
    """A copy of an initializer without a fixed seed draws its own numbers for each projection."""
    if hasattr(initializer, "clone"):
        return initializer.clone()
    if hasattr(initializer, "get_config"):
        return type(initializer).from_config(initializer.get_config())
    return initializers.get(initializer)
