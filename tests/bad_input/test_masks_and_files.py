"""Masks, elements and files that do not fit: the error names the layer, what came, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.data import Dataset

STEPS = np.ones((2, 5, 3), "float32")
SHORT = np.ones((2, 4), bool)


def heads(**masks: Any) -> Any:
    return layers.MultiHeadAttention(2, 4)(STEPS, STEPS, **masks)


def groups(**masks: Any) -> Any:
    return layers.GroupQueryAttention(4, 4, 2)(STEPS, STEPS, **masks)


@pytest.mark.parametrize(
    ("call", "layer", "argument", "wanted"),
    [
        (lambda: layers.LSTM(2)(STEPS, mask=SHORT), "LSTM", "mask", "(2, 5)"),
        (
            lambda: layers.GRU(2, return_sequences=True)(STEPS, mask=np.ones((2,), bool)),
            "GRU",
            "mask",
            "(2, 5)",
        ),
        (lambda: layers.SimpleRNN(2)(STEPS, mask=np.ones((3, 5), bool)), "SimpleRNN", "mask", "(2, 5)"),
        (lambda: layers.Bidirectional(layers.LSTM(2))(STEPS, mask=SHORT), "LSTM", "mask", "(2, 5)"),
        (
            lambda: heads(attention_mask=np.ones((2, 5, 4), bool)),
            "MultiHeadAttention",
            "attention_mask",
            "(2, 5, 5)",
        ),
        (lambda: heads(attention_mask=SHORT), "MultiHeadAttention", "attention_mask", "(5, 5)"),
        (lambda: heads(query_mask=SHORT), "MultiHeadAttention", "query_mask", "(2, 5)"),
        (lambda: heads(key_mask=SHORT), "MultiHeadAttention", "key_mask", "(2, 5)"),
        (lambda: groups(value_mask=SHORT), "GroupQueryAttention", "value_mask", "(2, 5)"),
        (lambda: layers.Attention()([STEPS, STEPS], mask=[None, SHORT]), "Attention", r"mask\[1\]", "(2, 5)"),
        (
            lambda: layers.AdditiveAttention()([STEPS, STEPS], mask=[SHORT, None]),
            "AdditiveAttention",
            r"mask\[0\]",
            "(2, 5)",
        ),
        (
            lambda: layers.GlobalAveragePooling1D()(STEPS, mask=SHORT),
            "GlobalAveragePooling1D",
            "mask",
            "(2, 5)",
        ),
        (
            lambda: layers.BatchNormalization()(STEPS, training=True, mask=SHORT),
            "BatchNormalization",
            "mask",
            "(2, 5)",
        ),
    ],
)
def test_masks_of_the_wrong_shape(call: Callable[[], Any], layer: str, argument: str, wanted: str) -> None:
    wanted = wanted.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(
        ValueError, match=rf"^{layer}: `{argument}` must have the shape {wanted}, .* got a mask"
    ):
        call()


def test_masks_for_all_samples_or_heads_fit() -> None:
    causal = np.tril(np.ones((5, 5), bool))
    expected = heads_of(causal[None])
    np.testing.assert_allclose(heads_of(causal), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(heads_of(causal[None, None]), expected, rtol=1e-5, atol=1e-6)


def heads_of(mask: np.ndarray) -> np.ndarray:
    corten.utils.set_random_seed(0)
    return np.asarray(heads(attention_mask=mask))


def test_images_of_mixed_sizes() -> None:
    images = [np.zeros((8, 8, 3)), np.zeros((6, 9, 3))]
    with pytest.raises(ValueError, match=r"differ in shape \(\(6, 9, 3\), \(8, 8, 3\)\).*one size in `map`"):
        list(Dataset.from_generator(lambda: iter(images)).batch(2))


def test_text_among_sequences() -> None:
    with pytest.raises(ValueError, match=r"entry 1 cannot become int32.*TextVectorization"):
        corten.utils.pad_sequences([[1], ["a", "b"]])


def test_a_size_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image_size is height and width, above zero"):
        corten.utils.image_dataset_from_directory(tmp_path, image_size=(0, 4))


def test_weights_of_a_layer_that_is_not_built() -> None:
    with pytest.raises(ValueError, match=r"expecting 0 weights. It is not built yet"):
        layers.Dense(2).set_weights([np.ones((3, 2))])
