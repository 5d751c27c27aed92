"""Every row of the op table in float32 on each device: values, layouts, special values, gradients, bits.

On a GPU what is expected is what the CPU gives. Rows that a GPU does not pass are listed with the reason, and
a listed row that passes fails the test, so that the list can only shrink.
"""

import numpy as np
import pytest
from tests.ops.table import ROWS, draw, outputs
from tests.ops.test_dtypes import ORDERED, RULED

import corten
from corten import _core, ops

LAYOUTS = ("contiguous", "transposed", "sliced", "flipped", "repeated")
TOLERANCE = 2e-5
#: Rows by id that no GPU passes, and why.
NOT_ON_GPUS = {
    "matmul-3": "asks for int8",
    "saturate_cast": "asks for uint8",
    "view": "of 64-bit integers",
}


def narrow(array):
    """The array in a dtype that every device has."""
    array = np.asarray(array)
    return array.astype({"f": np.float32, "i": np.int32, "u": np.uint32}.get(array.dtype.kind, bool))


def laid_out(array, layout):
    """The array as a tensor with that layout in memory."""
    array = np.array(array)
    if array.ndim == 0 or layout == "contiguous":
        return corten.tensor(array)
    if layout == "transposed":
        order = tuple(range(array.ndim))[::-1]
        return ops.transpose(corten.tensor(np.ascontiguousarray(array.transpose(order))), order)
    if layout == "sliced":
        wide = np.repeat(array, 2, axis=-1)
        wide[..., 1::2] = 7 if array.dtype != bool else True
        return corten.tensor(wide)[..., ::2]
    if layout == "flipped":
        return corten.tensor(np.ascontiguousarray(array[::-1]))[::-1]
    return ops.broadcast_to(corten.tensor(np.ascontiguousarray(array[:1])), array.shape)


def values_of(results):
    return [np.asarray(ops.convert_to_numpy(one)) for one in outputs(results)]


def on_cpu(function, *arguments):
    """What a function gives of tensors that are made on the CPU."""
    with corten.device("cpu"):
        return function(*arguments)


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for got, wanted in zip(found, expected, strict=True):
        assert got.shape == wanted.shape
        assert got.dtype == wanted.dtype or wanted.dtype.kind in "iu"
        with np.errstate(all="ignore"):
            finite = np.abs(wanted[np.isfinite(wanted)].astype(np.float64)) if wanted.size else wanted
        scale = max(1.0, float(finite.max())) if finite.size else 1.0
        np.testing.assert_allclose(
            got.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance * scale
        )


def expect(request, one, device):
    if device != "cpu" and one.id in NOT_ON_GPUS:
        request.applymarker(pytest.mark.xfail(reason=NOT_ON_GPUS[one.id], strict=True))


def options(one):
    """The row's options; where they ask for float64, for float32."""
    return {name: "float32" if value == "float64" else value for name, value in one.kwargs.items()}


def computed(one, arrays, layout):
    return one.call(*(laid_out(array, layout) for array in arrays), **options(one))


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.id)
def test_values(one, device, request):
    expect(request, one, device)
    arrays = [narrow(array) for array in draw(one)]
    for layout in LAYOUTS if one.layouts else LAYOUTS[:4]:
        expected = on_cpu(lambda layout=layout: values_of(computed(one, arrays, layout)))
        results = computed(one, arrays, layout)
        places = {result.device for result in outputs(results) if isinstance(result, corten.Tensor)}
        assert places <= {device}
        found = values_of(results)
        assert_close(found, expected, TOLERANCE if one.tolerance < 1e-6 else 10 * one.tolerance)
        for first, second in zip(found, values_of(computed(one, arrays, layout)), strict=True):
            assert first.tobytes() == second.tobytes()


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30], np.float32)


@pytest.mark.parametrize("one", [one for one in ROWS if one.special], ids=lambda one: one.id)
def test_special_values(one, device, request):
    expect(request, one, device)
    arrays = [SPECIAL] if len(one.inputs) == 1 else list(np.meshgrid(SPECIAL, SPECIAL))
    expected = on_cpu(lambda: values_of(computed(one, arrays, "contiguous")))
    found = values_of(computed(one, arrays, "contiguous"))
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got.astype(np.float64), wanted.astype(np.float64), rtol=1e-4, atol=1e-37)


def gradients_of(one, arrays):
    generator = np.random.default_rng(11)
    tensors = [corten.tensor(array, requires_grad=array.dtype == np.float32) for array in arrays]
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    results = [
        result
        for result in outputs(one.call(*tensors, **options(one)))
        if isinstance(result, corten.Tensor) and result.requires_grad
    ]
    upstream = [corten.tensor(generator.uniform(0.5, 2.0, x.shape).astype(np.float32)) for x in results]
    found = _core.gradients(results, leaves, upstream, False)
    return [None if gradient is None else gradient.numpy() for gradient in found]


@pytest.mark.parametrize("one", [one for one in ROWS if one.differentiable], ids=lambda one: one.id)
def test_gradients(one, device, request):
    expect(request, one, device)
    arrays = [narrow(array) for array in draw(one)]
    try:
        expected = on_cpu(gradients_of, one, arrays)
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            gradients_of(one, arrays)
        return
    found = gradients_of(one, arrays)
    assert [gradient is None for gradient in found] == [gradient is None for gradient in expected]
    pairs = [(got, wanted) for got, wanted in zip(found, expected, strict=True) if got is not None]
    assert_close([got for got, _ in pairs], [wanted for _, wanted in pairs], 1e-3)


@pytest.mark.parametrize("one", [one for one in RULED if one.id not in NOT_ON_GPUS], ids=lambda one: one.id)
def test_values_in_float16(one, float16_gpu):
    arrays = [narrow(array) for array in draw(one)]
    arrays = [array.astype(np.float16) if array.dtype.kind == "f" else array for array in arrays]
    expected = on_cpu(lambda: values_of(computed(one, arrays, "contiguous")))
    found = values_of(computed(one, arrays, "contiguous"))
    if one.name in ORDERED:
        assert [got.dtype for got in found] == [wanted.dtype for wanted in expected]
        return
    # Both round to float16 once an op; a row of several ops may round at other places.
    assert_close(found, expected, 4e-3)
    turned = values_of(computed(one, arrays, "transposed"))
    assert_close(turned, expected, 4e-3)


def test_float16_goes_over_and_back(float16_gpu):
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float16)
    x[0, :3] = np.inf, np.nan, 6e-8
    tensor = corten.tensor(x)
    assert (tensor.device, tensor.dtype) == (float16_gpu, "float16")
    for there, here in [
        (tensor, x),
        (tensor[1:, 1:], x[1:, 1:]),
        (tensor.T, x.T),
        (tensor[0, :3], x[0, :3]),
        (tensor[1, 1], x[1, 1]),
        (tensor[:0], x[:0]),
    ]:
        np.testing.assert_array_equal(there.numpy(), here)


def test_float16_overflows_and_rounds_as_on_the_cpu(float16_gpu):
    x = np.float16([60000, -60000, 1, 2048, 1.0005])
    y = np.float16([60000, 60000, 3, 1, 1])
    for op in (ops.add, ops.multiply, ops.subtract, ops.divide):
        wanted = on_cpu(lambda op=op: op(corten.tensor(x), corten.tensor(y)).numpy())
        np.testing.assert_array_equal(op(corten.tensor(x), corten.tensor(y)).numpy(), wanted)
    # A sum is computed in float32, and a chain of ops rounds at each of them.
    ones = ops.ones((4096,), "float16")
    assert float(ops.sum(ones)) == 4096.0
    assert float((corten.tensor(np.float16(2048)) + np.float16(1)) - np.float16(2048)) == 0.0


def test_listed_rows_are_there():
    assert set(NOT_ON_GPUS) <= {one.id for one in ROWS}


def test_gpu_is_tested(gpu):
    assert corten.device(gpu) == gpu
