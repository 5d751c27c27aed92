"""Rules of Keras's ops that NumPy or the array API have otherwise, and words that its errors are known by."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import array_api, ops


@pytest.mark.parametrize("signed", ["int8", "int16", "int32"])
def test_uint32_with_a_signed_dtype(signed):
    a, b = ops.ones((2,), "uint32"), ops.ones((2,), signed)
    # Keras's table (backend "jax" of Keras 3.15, 32-bit) has int32; the array API's has int64.
    for result in (ops.add(a, b), ops.where(a > 0, a, b), ops.matmul(a, b), ops.concatenate([a, b])):
        assert result.dtype == "int32"
    assert corten.backend.result_type("uint32", signed) == "int32"
    for result in (array_api.add(a, b), array_api.matmul(a, b), array_api.concat([a, b]), a + b, b @ a):
        assert result.dtype == "int64"
    assert array_api.result_type("uint32", signed) == "int64"


def test_comparisons_of_uint32_with_int32_are_of_the_values():
    large, negative = np.array([2**31 + 5], np.uint32), np.array([-(2**31) + 5], np.int32)
    assert not bool(ops.equal(ops.array(large), ops.array(negative)))
    assert bool(ops.greater(ops.array(large), ops.array(negative)))


@pytest.mark.parametrize("shape", [(4, 3), (2, 3), (3, 2, 5)])
def test_lu_factor_of_matrices_that_are_not_square(shape):
    x = np.random.default_rng(1).normal(size=shape)
    for matrix, lu, pivots in zip(
        x.reshape(-1, *shape[-2:]),
        ops.convert_to_numpy(ops.lu_factor(x)[0]).reshape(-1, *shape[-2:]),
        ops.convert_to_numpy(ops.lu_factor(x)[1]).reshape(-1, min(shape[-2:])),
        strict=True,
    ):
        small = min(shape[-2:])
        expected = matrix.copy()
        for row, other in enumerate(pivots):
            expected[[row, other]] = expected[[other, row]]
        lower = np.tril(lu[:, :small], -1) + np.eye(shape[-2], small)
        np.testing.assert_allclose(lower @ np.triu(lu[:small]), expected, atol=1e-12)


def test_istft_without_a_window_adds_the_pieces():
    x = np.random.default_rng(2).normal(size=64).astype("float32")
    for stride, factor in ((2, 5.0), (5, 2.0)):
        spectrum = ops.stft(x, 8, stride, 10, window=None)
        result = ops.convert_to_numpy(ops.istft(spectrum, 8, stride, 10, window=None))
        np.testing.assert_allclose(result, factor * x[: len(result)], atol=1e-4)
    with pytest.raises(TypeError, match="`float32` or `float64`"):
        ops.stft(np.arange(4), 2, 1, 4)


def test_clip_gives_the_same_with_and_without_a_gradient():
    x = np.array([-2.0, -1.0, 0.5, 1.0, np.nan, np.inf], "float32")
    recorded = ops.array(x)
    recorded.requires_grad = True
    for low, high in ((-1.0, 1.0), (None, 1.0), (-1.0, None), (np.full(6, -1.0), 1)):
        plain = ops.convert_to_numpy(ops.clip(x, low, high))
        np.testing.assert_array_equal(plain, np.clip(x, low, high))
        np.testing.assert_array_equal(plain, ops.convert_to_numpy(ops.clip(recorded, low, high)))
    gradient = corten.grad(lambda x: ops.sum(ops.clip(x, -1.0, 1.0)))(ops.array(x[:4]))
    assert gradient.tolist() == [0.0, 1.0, 1.0, 1.0]


def test_scores_of_ctc_decode_are_float32_at_least():
    logits = ops.cast([[[0.4, 0.8, 0.4], [0.2, 0.8, 0.3]]], "float16")
    for strategy in ("greedy", "beam_search"):
        assert ops.ctc_decode(logits, [2], strategy=strategy)[1].dtype == "float32"


def test_gray_images_stay_gray():
    image = ops.ones((2, 2, 1))
    assert ops.image.rgb_to_grayscale(image).tolist() == image.tolist()


IMAGE = np.ones((4, 4, 3), "float32")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.image.rgb_to_hsv(IMAGE[..., :2]), ValueError, "must have 3 channels, but .* 2 channels"),
        (lambda: ops.image.rgb_to_grayscale(IMAGE[..., :2]), ValueError, "Invalid channel size"),
        (lambda: ops.image.hsv_to_rgb(IMAGE.astype(int)), ValueError, "Invalid images dtype"),
        (lambda: ops.image.affine_transform(IMAGE, np.ones(6)), ValueError, "Invalid transform rank"),
        (lambda: ops.image.extract_patches(IMAGE, "5"), TypeError, "Expected an int or a tuple"),
        (lambda: ops.image.extract_patches(IMAGE, (2,) * 4), ValueError, "a tuple of length 2 or 3"),
        (lambda: ops.image.extract_patches_3d(IMAGE, (2, 2)), TypeError, "3 ints"),
        (lambda: ops.image.map_coordinates(IMAGE, np.ones((2, 5)), 0), ValueError, "rank of `inputs`"),
        (lambda: ops.image.map_coordinates(IMAGE, np.ones(3), 0), ValueError, "at least rank 2"),
        (lambda: ops.image.pad_images(IMAGE, -1, 0, 0, 0), ValueError, "top_padding must be"),
        (lambda: ops.image.crop_images(IMAGE, 0, 0, target_height=9), ValueError, "bottom_cropping must be"),
        (lambda: ops.image.perspective_transform(IMAGE, [1.0], [1.0]), ValueError, "Invalid start_points"),
        (lambda: ops.softmax(IMAGE, 10), ValueError, "axis 10 is out of bounds"),
        (lambda: ops.normalize(IMAGE, 10), ValueError, "axis 10 is out of bounds"),
        (lambda: ops.normalize(IMAGE, order=2.5), ValueError, "`order` must be an int >= 1"),
        (lambda: ops.slice(IMAGE, (0, 0, 0), (1, 1)), ValueError, "`inputs` must match .* `shape`"),
        (lambda: ops.slice(IMAGE, (0, 0), (1, 1, 1)), ValueError, "`start_indices` must match"),
        (lambda: ops.space_to_depth(IMAGE[None], 1), ValueError, "`block_size` must be at least 2"),
        (lambda: ops.fold(IMAGE[None], 4, 2), ValueError, "3D"),
        (lambda: ops.scan(3, 0, [1]), TypeError, "should be a callable"),
        (lambda: ops.scan(lambda c, x: (c, x), 0, [1], unroll=0), ValueError, "integer or boolean"),
        (lambda: ops.while_loop(True, lambda x: x, 1), TypeError, "should be a callable"),
        (lambda: ops.qr(IMAGE, "full"), ValueError, "`mode` argument value not supported"),
        (lambda: ops.segment_sum(IMAGE, [[0]]), ValueError, "should be an 1-D vector"),
        (lambda: ops.ctc_decode(IMAGE, [2], strategy="all"), ValueError, "Invalid strategy"),
        (lambda: ops.reshape(IMAGE, (-2, 24)), ValueError, r"non-negative integer.*newshape=\(-2, 24\)"),
        (lambda: ops.reshape(IMAGE, (-1, -1, 2)), ValueError, "at most one unknown dimension"),
        (lambda: ops.transpose(IMAGE, (0, 0, 0)), ValueError, "valid permutation"),
        (lambda: ops.transpose(IMAGE, (0, 1, 5)), ValueError, r"an integer in \[-3, 3\)"),
        (lambda: ops.transpose(IMAGE, (0, 1)), ValueError, "the same length as the input shape"),
        (lambda: ops.inner(IMAGE, np.ones(4)), ValueError, "last dimension"),
        (lambda: ops.histogram(IMAGE, bins=-5), ValueError, "non-negative integer"),
        (lambda: ops.histogram(IMAGE, range=(1,)), ValueError, "a tuple of two elements"),
        (lambda: ops.histogram(IMAGE, range=(5, 1)), ValueError, "greater than the first"),
        (lambda: array_api.fft.irfft(ops.ones(3), n=0), ValueError, "irfft: a transform needs"),
    ],
)  # fmt: skip
def test_errors_name_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("whole", ["int16", "uint8", "bool", "int32"])
@pytest.mark.parametrize("short", ["float16", "bfloat16"])
def test_average_keeps_the_floats_of_its_weights(whole, short):
    assert ops.average(ops.ones(3, whole), weights=ops.ones(3, short)).dtype == short
    assert ops.average(ops.ones(3, "int32"), weights=ops.ones(3, "int8")).dtype == "float32"


def test_extremes_of_bool_stay_bool():
    assert ops.max([False, True], initial=False).dtype == "bool"
    assert not bool(ops.min([True, True], initial=False))


def test_view_reads_the_bits_of_bfloat16():
    x = ops.cast([1.0, -2.5, 0.0], "bfloat16")
    bits = ops.view(x, "uint16")
    assert bits.tolist() == [0x3F80, 0xC020, 0]
    assert ops.view(bits, "bfloat16").tolist() == [1.0, -2.5, 0.0]
    assert ops.view(ops.array([1.0]), "bfloat16").tolist() == [0.0, 1.0]
    assert ops.view(x, "int8").shape == (6,)
    for wrong in (ops.array(1, dtype="int16"), ops.ones((2, 3), "int16")):
        with pytest.raises(ValueError, match="view:"):
            ops.view(wrong, "int32")


def test_running_sums_take_a_tuple_of_one_axis():
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert ops.nancumsum(x, axis=(1,)).tolist() == [[1.0, 1.0], [2.0, 5.0]]
    assert ops.nancumprod(x, axis=()).tolist() == [[1.0, 1.0], [2.0, 3.0]]
    with pytest.raises(ValueError, match="one axis"):
        ops.nancumsum(x, axis=(0, 1))


def test_rms_scaling_is_deprecated():
    with pytest.warns(UserWarning, match="`rms_scaling=True`, which is deprecated"):
        ops.layer_normalization([[-1.0, 1.0]], rms_scaling=True)


def test_products_of_int8_stay_int8_in_the_array_api():
    x = ops.ones((2, 2), "int8")
    assert ops.matmul(x, x).dtype == "int32"
    assert [array_api.matmul(x, x).dtype, array_api.tensordot(x, x).dtype] == ["int8", "int8"]
