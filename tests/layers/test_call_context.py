"""Call arguments that pass through the layers in between, and the hooks that subclasses use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops


class Inner(layers.Layer):
    def __init__(self, declares: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if declares:
            self._register_call_context_args("shift")

    def call(self, x: Any, shift: float = 0.0) -> Any:
        return x + shift


class Middle(layers.Layer):
    def __init__(self, inner: layers.Layer) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)


def test_an_argument_passes_through_layers_that_do_not_know_it() -> None:
    x = np.zeros((2, 1), "float32")
    outer = Middle(Middle(Inner()))
    outer._register_call_context_args("shift")
    for _ in range(3):  # The later calls go other ways than the first.
        assert float(outer(x, shift=2.0)[0, 0]) == 2.0
        assert float(outer(x)[0, 0]) == 0.0
    silent = Middle(Inner(declares=False))
    silent._register_call_context_args("shift")
    assert float(silent(x, shift=2.0)[0, 0]) == 0.0


@pytest.mark.parametrize("functional", [True, False])
def test_an_argument_passes_through_models(functional: bool) -> None:
    x = np.zeros((2, 1), "float32")
    model: Any = corten.Sequential([layers.Identity(), Middle(Inner())])
    if functional:
        inputs = corten.Input((1,))
        model = corten.Model(inputs, Middle(Inner())(inputs))
    model._register_call_context_args("shift")
    assert float(model(x, shift=3.0)[0, 0]) == 3.0
    assert float(model(x)[0, 0]) == 0.0


def test_arguments_are_declared_before_the_first_call() -> None:
    layer = Inner()
    assert set(layer._call_context_args) == {"training", "shift"}
    layer(np.zeros((1,), "float32"))
    with pytest.raises(RuntimeError, match="before its first call"):
        layer._register_call_context_args("more")


def test_weights_after_the_first_call_need_the_lock_opened() -> None:
    layer = layers.Dense(2, name="head")
    layer(np.zeros((1, 3), "float32"))
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        layer.add_weight(shape=(2,), name="extra")
    layer._tracker.unlock()
    extra = layer.add_weight(shape=(2,), name="extra")
    layer._tracker.lock()
    assert layer._tracker.locked
    assert extra.path == "head/extra"
    assert len(layer._trainable_variables) == 3
    assert not layer._non_trainable_variables


def test_build_names_the_parameter_that_fits_no_argument() -> None:
    class Suffix(layers.Layer):
        def build(self, first_shape: Any, second: Any) -> None:
            raise AssertionError

        def call(self, first: Any, second: Any) -> Any:
            return first + second

    class Other(layers.Layer):
        def build(self, first_shape: Any, third_shape: Any) -> None:
            raise AssertionError

        def call(self, first: Any, second: Any) -> Any:
            return first + second

    x = np.zeros((1, 2), "float32")
    with pytest.raises(ValueError, match=r"`second`, which does not end in `_shape`"):
        Suffix()(x, x)
    with pytest.raises(ValueError, match=r"`third_shape`, but `call\(\)` does not have argument `third`"):
        Other()(x, x)


def attention_input(width: int) -> Any:
    return np.random.default_rng(0).normal(size=(2, 5, width)).astype("float32")


def test_attention_of_a_subclass_is_used() -> None:
    class Uniform(layers.MultiHeadAttention):
        def _compute_attention(
            self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: Any = None
        ) -> Any:
            return ops.broadcast_to(ops.mean(value, axis=1, keepdims=True), query.shape), None

    x = attention_input(8)
    layer = Uniform(num_heads=2, key_dim=4)
    result = ops.convert_to_numpy(layer(x, x))
    value = layer.value_dense(x)
    expected = layer.output_dense(ops.broadcast_to(ops.mean(value, axis=1, keepdims=True), value.shape))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axes", [None, (2,), (1, 2)])
def test_a_subclass_gets_the_causal_mask_and_can_ask_its_base(axes: Any) -> None:
    seen = []

    class Plain(layers.MultiHeadAttention):
        def _compute_attention(
            self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: Any = None
        ) -> Any:
            seen.append(attention_mask)
            return super()._compute_attention(query, key, value, attention_mask, training)

    x = attention_input(8)
    if axes is not None:
        x = np.stack([x, 2 * x, -x], axis=1)
    own = Plain(num_heads=2, key_dim=4, attention_axes=axes)
    base = layers.MultiHeadAttention(num_heads=2, key_dim=4, attention_axes=axes)
    own.build(x.shape, x.shape)
    base.build(x.shape, x.shape)
    base.set_weights(own.get_weights())
    ours = own(x, x, use_causal_mask=True, return_attention_scores=True)
    theirs = base(x, x, use_causal_mask=True, return_attention_scores=True)
    assert seen[0] is not None
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, rtol=1e-5, atol=1e-6)


def test_a_subclass_of_grouped_queries_gets_repeated_heads() -> None:
    shapes = []

    class Grouped(layers.GroupQueryAttention):
        def _compute_attention(
            self, query: Any, key: Any, value: Any, attention_mask: Any = None, training: Any = None
        ) -> Any:
            shapes.append((query.shape, key.shape, value.shape))
            return super()._compute_attention(query, key, value, attention_mask, training)

    x = attention_input(16)
    own = Grouped(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    base = layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    own.build(x.shape, x.shape)
    base.build(x.shape, x.shape)
    base.set_weights(own.get_weights())
    np.testing.assert_allclose(own(x, x), ops.convert_to_numpy(base(x, x)), rtol=1e-5, atol=1e-6)
    assert shapes[0] == ((2, 5, 4, 4),) * 3


def test_scores_of_a_subclass_are_used() -> None:
    class First(layers.Attention):
        def _calculate_scores(self, query: Any, key: Any) -> Any:
            return ops.multiply(super()._calculate_scores(query, key), 0.0)

    x = attention_input(3)
    np.testing.assert_allclose(First()([x, x])[:, 0], x.mean(1), rtol=1e-5, atol=1e-6)


def test_a_plain_policy_reaches_a_constructor_as_its_name() -> None:
    class Named(layers.Layer):
        def __init__(self, dtype: Any = None, **kwargs: Any) -> None:
            self.given = dtype
            super().__init__(dtype=dtype, **kwargs)

    assert Named.from_config(Named(dtype="bfloat16").get_config()).given == "bfloat16"
    quantized = layers.Dense.from_config(layers.Dense(2, dtype="int8_from_bfloat16").get_config())
    assert quantized.dtype_policy.quantization_mode == "int8"


def test_a_call_that_insists_on_a_mask_gets_it_while_shapes_are_inferred() -> None:
    class MeanOfSteps(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            assert mask is not None
            weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
            return ops.sum(x * weights, axis=1) / ops.sum(weights, axis=1)

    inputs = corten.Input((None,), dtype="int32")
    embedded = layers.Embedding(4, 3, mask_zero=True)(inputs)
    model = corten.Model(inputs, MeanOfSteps()(layers.Dense(2)(embedded)))
    short, long = np.array([[1, 2]]), np.array([[1, 2, 0, 0]])
    np.testing.assert_allclose(ops.convert_to_numpy(model(short)), model(long), rtol=1e-6)


def test_masks_are_attributes_of_tensors() -> None:
    x = layers.Masking()(np.array([[[0.0], [1.0]]], "float32"))
    assert x._keras_mask.tolist() == [[False, True]]
    y = ops.ones((1, 2))
    assert y._keras_mask is None
    y._keras_mask = x._keras_mask
    assert layers.Dropout(0.0)(y)._keras_mask.tolist() == [[False, True]]
