"""Lines of very many cells are resampled with few weights at a time, to the numbers of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import ops
from corten.ops import image_resize

_SHAPES = [((1, 37, 53, 3), (11, 80)), ((2, 300, 40, 2), (7, 300)), ((1, 5, 9, 1), (16, 4))]


@pytest.mark.parametrize(("shape", "size"), _SHAPES)
@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
def test_as_with_the_whole_matrix(
    shape: tuple[int, ...],
    size: tuple[int, int],
    method: str,
    antialias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.random.default_rng(0).normal(size=shape)
    for dtype, bound in (("float64", 1e-12), ("float32", 2e-6), ("bfloat16", 2e-2)):
        x = ops.cast(images, dtype)
        monkeypatch.setattr(image_resize, "_MOST_WEIGHTS", 1 << 16)
        whole = ops.image.resize(x, size, interpolation=method, antialias=antialias)
        monkeypatch.setattr(image_resize, "_MOST_WEIGHTS", 0)
        parts = ops.image.resize(x, size, interpolation=method, antialias=antialias)
        assert parts.dtype == whole.dtype == dtype
        np.testing.assert_allclose(
            ops.cast(parts, "float64").numpy(), ops.cast(whole, "float64").numpy(), rtol=0, atol=bound
        )


@pytest.mark.parametrize("antialias", [False, True])
def test_gradients_are_those_of_the_whole_matrix(antialias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for most in (1 << 16, 0):
        monkeypatch.setattr(image_resize, "_MOST_WEIGHTS", most)
        x = corten.Variable(np.random.default_rng(0).normal(size=(1, 40, 6, 2)))
        with corten.GradientTape() as tape:
            loss = ops.sum(ops.square(ops.image.resize(x, (7, 9), antialias=antialias)))
        found.append(tape.gradient(loss, x).numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5, atol=1e-5)


def test_a_line_of_a_million_cells() -> None:
    # A matrix for it would have two gigabytes.
    x = np.zeros((1, 1_000_000, 1), "float32")
    x[0, 500_000] = 1
    for antialias in (False, True):
        result = ops.image.resize(x, (1, 255), antialias=antialias).numpy()
        assert result.shape == (1, 255, 1)
        assert result[0, 127, 0] == pytest.approx(255 / 1_000_000 if antialias else 0.5, rel=1e-2)
