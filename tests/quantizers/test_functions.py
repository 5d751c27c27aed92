"""Functions of `corten.quantizers`: values by hand, and those that Keras 3.15 gives for the same inputs."""

import numpy as np
import pytest

import corten
from corten import ops, quantizers
from corten.quantizers.float8 import round_to_float8


def test_abs_max_quantize_rounds_to_the_largest_integer():
    x = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
    integers, scale = quantizers.abs_max_quantize(x, axis=0)
    assert integers.dtype == "int8"
    assert integers.tolist() == [[42, -127], [127, 32]]
    np.testing.assert_allclose(scale, [[42.333332, 63.5]], rtol=1e-6)
    integers, scale = quantizers.abs_max_quantize(x, axis=(0, 1))
    assert integers.tolist() == [[42, -85], [127, 21]]
    assert scale.shape == (1, 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_scale_has_the_dtype_of_the_values_and_zeros_stay_zeros(dtype):
    integers, scale = quantizers.abs_max_quantize(ops.zeros((2, 3), dtype=dtype), axis=-1)
    assert scale.dtype == dtype
    assert np.isfinite(np.asarray(ops.cast(scale, "float32"))).all()
    assert not np.asarray(integers).any()


def test_groups_have_zero_points():
    x = np.linspace(-1, 1, 12).reshape(6, 2).astype("float32")
    integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(x, 4)
    assert integers.tolist() == [[-8, -8], [-3, -3], [2, 2], [7, 7], [0, 2], [7, 7]]
    np.testing.assert_allclose(scale, [[0.07272729, 0.07272729], [0.05454547, 0.06666668]], rtol=1e-6)
    assert zero.tolist() == [[6, 3], [-8, -8]]


def test_groups_far_from_zero_are_within_a_step():
    x = np.random.default_rng(0).uniform(2, 3, (8, 3)).astype("float32")
    integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(x, 4)
    group = np.arange(8) // 4
    back = (np.asarray(integers) - np.asarray(zero)[group].astype("float32")) * np.asarray(scale)[group]
    assert np.abs(back - x).max() <= np.asarray(scale).max() / 2 + 1e-6


def test_pack_int4_puts_the_first_of_two_low():
    x = np.array([[1, -2], [3, 4], [-8, 7]], "int8")
    packed, shape, length = quantizers.pack_int4(x)
    assert (packed.tolist(), shape, length) == ([[49, 78], [8, 7]], (2, 2), 3)
    packed, shape, length = quantizers.pack_int4(x, axis=-1)
    assert (packed.tolist(), shape, length) == ([[-31], [67], [120]], (3, 1), 2)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 8), 0), ((8, 7), 1), ((2, 5, 4, 6), 1), ((2, 4, 6, 7), -1)])
def test_unpack_undoes_pack(dtype, shape, axis):
    low = -8 if dtype == "int8" else 0
    x = np.random.default_rng(0).integers(low, low + 16, shape).astype(dtype)
    packed, _, length = quantizers.pack_int4(x, axis, dtype)
    assert packed.size == x.size // x.shape[axis] * ((x.shape[axis] + 1) // 2)
    np.testing.assert_array_equal(quantizers.unpack_int4(packed, length, axis, dtype), x)


def test_wrong_dtypes_and_axes_are_named():
    with pytest.raises(TypeError, match="Expected int8 tensor for packing, got float32"):
        quantizers.pack_int4(np.ones((2, 2), "float32"))
    with pytest.raises(TypeError, match="Expected int8 or uint8 tensor for unpacking"):
        quantizers.unpack_int4(np.ones((2, 2), "float32"), 4)
    with pytest.raises(ValueError, match="axis 5 is out of bounds"):
        quantizers.unpack_int4(np.ones((2, 2), "int8"), 4, axis=5)
    with pytest.raises(ValueError, match="interval \\[-128, 127\\]"):
        quantizers.AbsMaxQuantizer(value_range=(-256, 256))


def test_float8_scale_and_history():
    assert float(quantizers.compute_float8_scale(3.0, 4.0, 448.0)) == pytest.approx(3 / 448)
    assert float(quantizers.compute_float8_scale(3.0, 4.0, 448.0, 1)) == pytest.approx(6 / 448)
    assert float(quantizers.compute_float8_scale(0.0, 4.0, 448.0)) == 4.0
    assert float(quantizers.compute_float8_scale(np.inf, 4.0, 448.0)) == 4.0
    assert quantizers.compute_float8_amax_history([-5.0], [1.0, 2.0, 3.0]).tolist() == [5.0, 3.0, 1.0]


@pytest.mark.parametrize(("dtype", "largest"), [("float8_e4m3fn", 448), ("float8_e5m2", 57344)])
def test_rounding_is_that_of_the_8_bit_formats(dtype, largest):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            rng.normal(size=4000) * 10.0 ** rng.integers(-7, 3, 4000),
            np.arange(-64, 64) / 8,
            [0.0, -0.0, largest],
        ]
    )
    x = np.clip(x, -largest, largest).astype("float32")
    # Numbers halfway between two neighbors too.
    exact = x.astype(getattr(ml_dtypes, dtype)).astype("float32")
    x = np.concatenate([x, (exact[:-1] + exact[1:]) / 2]).astype("float32")
    wanted = x.astype(getattr(ml_dtypes, dtype)).astype("float32")
    np.testing.assert_array_equal(round_to_float8(x, dtype), wanted)


def test_quantize_and_dequantize_clips_and_rounds():
    values = quantizers.quantize_and_dequantize([0.011, 100.0, -0.5], 0.01, "float8_e4m3fn", "float32")
    np.testing.assert_allclose(values, [0.01125, 4.48, -0.48], rtol=1e-6)


def test_fake_quant_rounds_to_the_moved_range_and_passes_gradients_inside():
    x = np.array([-1.5, -0.2, 0.0, 0.26, 126.9, 130.0], "float32")
    y = quantizers.fake_quant_with_min_max_vars(x, -0.1, 127.4)
    np.testing.assert_allclose(y, [0.0, 0.0, 0.0, 0.5, 127.0, 127.5])
    gradient = corten.grad(lambda t: ops.sum(quantizers.fake_quant_with_min_max_vars(t, -0.1, 127.4)))(
        ops.convert_to_tensor(x)
    )
    assert gradient.tolist() == [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]


def test_fake_quant_by_channel():
    x = np.array([[10.4, 0.3], [300.0, 0.8]], "float32")
    y = quantizers.fake_quant_with_min_max_vars(x, [0.0, 0.5], [255.0, 128.0], axis=1)
    np.testing.assert_allclose(y, [[10.0, 0.5], [255.0, 1.0]])


def test_affine_parameters_by_group():
    weights = np.random.default_rng(0).normal(size=(4, 10)).astype("float32")
    scale, zero, top = quantizers.compute_quantization_parameters(
        weights, bits=4, per_channel=True, group_size=4
    )
    assert (scale.shape, zero.shape, float(top)) == ((4, 3), (4, 3), 15.0)
    groups = np.arange(10) // 4
    integers = quantizers.quantize_with_sz_map(weights, scale, zero, groups, top)
    back = quantizers.dequantize_with_sz_map(integers, scale, zero, groups)
    assert np.abs(back - weights).max() <= np.asarray(scale).max() * 0.51
    scale, zero, _ = quantizers.compute_quantization_parameters(weights, bits=4, symmetric=True)
    assert zero.tolist() == [[8.0]] * 4
    np.testing.assert_allclose(scale, np.full((4, 1), 2 * np.abs(weights).max() / 15), rtol=1e-6)
