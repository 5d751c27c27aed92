"""Shapes of symbolic results that depend on values, on loops or on sizes that are not known."""

from __future__ import annotations

import pytest

import corten
from corten import KerasTensor, ops


@pytest.mark.parametrize("shape", [(2, 3), (None, 3)])
def test_nonzero_has_one_axis_of_unknown_length_per_axis(shape):
    places = ops.nonzero(KerasTensor(shape))
    assert [place.shape for place in places] == [(None,), (None,)]
    assert places[0].dtype == "int32"


def test_a_size_that_depends_on_values_goes_through_a_model():
    x = corten.Input(batch_shape=(4,))
    model = corten.Model(x, ops.take(x, ops.nonzero(x)[0]) * 2.0)
    assert model.output.shape == (None,)
    assert model(ops.array([0.0, 3.0, 0.0, 5.0])).tolist() == [6.0, 10.0]


@pytest.mark.parametrize("reduce", [ops.segment_sum, ops.segment_max, ops.segment_min, ops.segment_prod])
def test_segments_without_their_number(reduce):
    ids = KerasTensor((10,), dtype="int32")
    assert reduce(KerasTensor((10, 4)), ids).shape == (None, 4)
    assert reduce(KerasTensor((None, 4)), ids).shape == (None, 4)
    assert reduce(KerasTensor((None, 4)), ids, num_segments=5).shape == (5, 4)
    with pytest.raises(ValueError, match="same leading dimension"):
        reduce(KerasTensor((9, 4)), ids)


def test_slice_from_symbolic_starts():
    starts = KerasTensor((2,), dtype="int32")
    assert ops.slice(KerasTensor((3, 3)), starts, (-1, 2)).shape == (None, 2)


def test_unstack_of_an_unknown_axis_needs_the_number():
    x = KerasTensor((2, None, None))
    assert [part.shape for part in ops.unstack(x, num=3, axis=1)] == [(2, None)] * 3
    with pytest.raises(ValueError, match="Cannot infer argument `num` from shape"):
        ops.unstack(x, axis=1)


def test_loops_keep_shapes():
    x = KerasTensor((None, 3))
    assert ops.while_loop(lambda x: ops.sum(x) < 10, lambda x: (x + 1,), (x,))[0].shape == (None, 3)
    assert ops.fori_loop(0, 3, lambda i, x: x + i, x).shape == (None, 3)


def test_branches_of_a_symbolic_condition_must_be_alike():
    condition = KerasTensor((), dtype="bool")
    assert ops.cond(condition, lambda: ops.ones((3,)), lambda: ops.zeros((3,))).shape == (3,)
    with pytest.raises(ValueError, match="same shapes"):
        ops.cond(condition, lambda: ops.ones((3,)), lambda: ops.zeros((4,)))


def test_convolutions_take_unknown_channels_from_the_kernel():
    x = KerasTensor((2, 10, None))
    assert ops.conv(x, KerasTensor((3, 5, 4))).shape == (2, 8, 4)
    assert ops.depthwise_conv(x, KerasTensor((3, 5, 2))).shape == (2, 8, 10)
    assert ops.conv_transpose(x, KerasTensor((2, 4, 5)), 2).shape == (2, 20, 4)
    with pytest.raises(ValueError, match="input channels must match the kernel"):
        ops.conv(KerasTensor((2, 10, 3)), KerasTensor((3, 5, 4)))


def test_jvp_of_symbolic_tensors():
    x, tangent = KerasTensor((None, 7)), KerasTensor((None, 7))
    output, slope, extra = ops.jvp(lambda x: (ops.sum(x, 1), x * 2), (x,), (tangent,), has_aux=True)
    assert (output.shape, slope.shape, extra.shape) == ((None,), (None,), (None, 7))


def test_images_with_symbolic_numbers():
    images = KerasTensor((None, 20, 20, 3))
    assert ops.image.gaussian_blur(images, KerasTensor((2,)), KerasTensor((2,))).shape == images.shape
    scale = KerasTensor((2,))
    moved = ops.image.scale_and_translate(images, (None, 25, 25, 3), scale, scale, (1, 2), "linear")
    assert moved.shape == (None, 25, 25, 3)


def test_transforms_of_unknown_length_need_no_table_of_waves():
    real, imaginary = ops.rfft(KerasTensor((2, None)))
    assert real.shape == (2, None)
    assert ops.irfft((real, imaginary)).shape == (2, None)
    assert ops.irfft((real, imaginary), 16).shape == (2, 16)


def test_symbolic_tensors_have_no_values():
    with pytest.raises(ValueError, match="symbolic"):
        ops.convert_to_numpy(KerasTensor((2,)))


def test_function_checks_its_inputs_and_infers_shapes():
    a, b = KerasTensor((None, 3)), KerasTensor((None, 3))
    function = corten.models.Function([a, b], a * b)
    assert function.compute_output_shape([(4, 3), (None, 3)]) == (4, 3)
    assert function.compute_output_spec([KerasTensor((4, 3)), KerasTensor((4, 3))]).shape == (4, 3)
    with pytest.raises(ValueError, match="invalid input structure"):
        function(ops.ones((2, 3)))
    with pytest.raises(ValueError, match="incompatible inputs"):
        function([ops.ones((2, 4)), ops.ones((2, 3))])


def test_function_from_the_middle_of_a_graph_leaves_out_what_is_before():
    x = corten.Input((3,))
    middle = x * 2.0
    function = corten.models.Function(middle, middle + 1.0)
    assert [operation.name.split("_")[0] for operation in function.operations] == ["add"]
    assert function(ops.ones((1, 3))).tolist() == [[2.0, 2.0, 2.0]]


def test_unique_of_symbolic_tensors():
    x = KerasTensor((None, 3))
    values, index, inverse, counts = ops.unique(x, return_index=True, return_inverse=True, return_counts=True)
    assert [one.shape for one in (values, index, inverse, counts)] == [(None,), (None,), (None, 3), (None,)]
    assert ops.unique(KerasTensor((2, 4)), axis=-1).shape == (2, None)
    assert ops.unique(KerasTensor((2, 4)), axis=0, size=3).shape == (3, 4)


def test_equal_parts_of_an_unknown_axis():
    assert [part.shape for part in ops.split(KerasTensor((None, 3)), 2)] == [(None, 3)] * 2
    assert [part.shape for part in ops.dsplit(KerasTensor((3, 3, None)), [1, 3])][:2] == [
        (3, 3, 1),
        (3, 3, 2),
    ]


def test_histogram_of_an_unknown_length():
    counts, edges = ops.histogram(KerasTensor((None,)))
    assert (counts.shape, counts.dtype, edges.shape) == ((10,), "int32", (11,))
