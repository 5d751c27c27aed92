"""Every derivative against central differences in float64, and the count that none is left out."""

import numpy as np
import pytest
from tests.ops.table import ROWS, Row, draw, outputs

import corten
from corten import _core, ops

DIFFERENTIABLE = [one for one in ROWS if one.differentiable]
STEP = 1e-6
# Ops that record a gradient and refuse to compute it, with a message that names others.
REFUSED = {"lu_factor"}


def is_float(tensor) -> bool:
    return tensor.dtype == "float64"


def as_is(x):
    return x


def swapped(x):
    return ops.transpose(x)


def stepped(x):
    return x[..., ::2]


def first_repeated(count):
    return lambda x: ops.broadcast_to(x, (count, *x.shape[1:]))


def leaves_of(one: Row, layout: str):
    """Arrays to differentiate by, and for each the view through which the op sees it."""
    leaves, views = [], []
    for array in draw(one):
        view = as_is
        if array.ndim and array.dtype == np.float64:
            if layout == "transposed":
                array, view = np.ascontiguousarray(array.T), swapped
            elif layout == "sliced":
                wide = np.repeat(array, 2, axis=-1)
                array, view = wide, stepped
            elif layout == "repeated":
                array, view = np.ascontiguousarray(array[:1]), first_repeated(array.shape[0])
        leaves.append(array)
        views.append(view)
    return leaves, views


def evaluate(one: Row, tensors, views):
    result = one.call(*(view(x) for x, view in zip(tensors, views, strict=True)), **one.kwargs)
    return [x for x in outputs(result) if is_float(x)]


def differences(one, leaves, views, upstream, index, direction):
    """The change of the outputs, weighted by the upstream gradient, in one direction of one leaf."""
    totals = []
    for sign in (1.0, -1.0):
        moved = list(leaves)
        moved[index] = leaves[index] + sign * STEP * direction
        results = evaluate(one, [corten.tensor(x) for x in moved], views)
        totals.append([np.asarray(x.numpy(), np.float64) for x in results])
    return sum(
        float(np.sum((np.nan_to_num(up) - np.nan_to_num(down)) * weight))
        for up, down, weight in zip(*totals, upstream, strict=True)
    ) / (2 * STEP)


def checked(one: Row, layout: str) -> int:
    generator = np.random.default_rng(11)
    leaves, views = leaves_of(one, layout)
    tensors = [corten.tensor(x, requires_grad=x.dtype == np.float64) for x in leaves]
    results = evaluate(one, tensors, views)
    upstream = [
        generator.uniform(0.5, 2.0, x.shape) * generator.choice([-1.0, 1.0], x.shape) for x in results
    ]
    connected = [i for i, x in enumerate(results) if x.requires_grad]
    assert connected, f"{one.id}: no output is connected to an input"
    sources = [i for i, x in enumerate(tensors) if x.requires_grad]
    gradients = _core.gradients(
        [results[i] for i in connected],
        [tensors[i] for i in sources],
        [corten.tensor(upstream[i]) for i in connected],
    )
    weights = [weight if i in connected else np.zeros_like(weight) for i, weight in enumerate(upstream)]
    flowing = 0
    for source, gradient in zip(sources, gradients, strict=True):
        slope = np.zeros(leaves[source].shape) if gradient is None else gradient.numpy()
        assert slope.shape == leaves[source].shape
        flowing += bool(np.any(slope))
        for _ in range(3):
            direction = generator.uniform(-1, 1, leaves[source].shape)
            direction = np.where(np.isnan(leaves[source]), 0.0, direction)
            expected = differences(one, leaves, views, weights, source, direction)
            got = float(np.sum(np.where(direction == 0, 0.0, slope) * direction))
            assert got == pytest.approx(expected, rel=2e-5, abs=2e-6), (one.id, layout, source)
    return flowing


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced", "repeated"])
@pytest.mark.parametrize("one", DIFFERENTIABLE, ids=lambda one: one.id)
def test_first_derivative(one, layout):
    if layout == "repeated" and not one.layouts:
        pytest.skip("repeated rows leave the op's domain")
    checked(one, layout)


@pytest.mark.parametrize("one", [one for one in DIFFERENTIABLE if one.smooth], ids=lambda one: one.id)
def test_second_derivative(one):
    generator = np.random.default_rng(5)
    leaves, views = leaves_of(one, "contiguous")
    sources = [i for i, x in enumerate(leaves) if x.dtype == np.float64]
    tensors = [corten.tensor(x, requires_grad=i in sources) for i, x in enumerate(leaves)]
    results = evaluate(one, tensors, views)
    weights = [generator.uniform(0.5, 2.0, x.shape) for x in results]
    tangents = [generator.uniform(-1, 1, leaves[i].shape) for i in sources]

    def first(arrays):
        """The first derivative in the directions of the tangents, as a function of the leaves."""
        at = [corten.tensor(x, requires_grad=i in sources) for i, x in enumerate(arrays)]
        outs = evaluate(one, at, views)
        chosen = [i for i, x in enumerate(outs) if x.requires_grad]
        slopes = _core.gradients(
            [outs[i] for i in chosen],
            [at[i] for i in sources],
            [corten.tensor(weights[i]) for i in chosen],
            create_graph=True,
        )
        total = None
        for slope, tangent in zip(slopes, tangents, strict=True):
            if slope is not None:
                term = ops.sum(slope * corten.tensor(tangent))
                total = term if total is None else total + term
        return at, total

    at, total = first(leaves)
    if total is None or not total.requires_grad:
        seconds = [None] * len(sources)
    else:
        seconds = _core.gradients([total], [at[i] for i in sources])
    for source, second in zip(sources, seconds, strict=True):
        direction = generator.uniform(-1, 1, leaves[source].shape)
        ends = []
        for sign in (1.0, -1.0):
            moved = list(leaves)
            moved[source] = leaves[source] + sign * 1e-5 * direction
            value = first(moved)[1]
            ends.append(0.0 if value is None else float(value))
        expected = (ends[0] - ends[1]) / 2e-5
        got = 0.0 if second is None else float(np.sum(second.numpy() * direction))
        assert got == pytest.approx(expected, rel=1e-4, abs=1e-5), (one.id, source)


def test_every_differentiable_op_is_checked():
    """An op through which a gradient flows has a row that checks it: the coverage is 100 %."""
    checked_names = {one.name for one in DIFFERENTIABLE}
    flows = set()
    for one in ROWS:
        leaves, views = leaves_of(one, "contiguous")
        tensors = [corten.tensor(x, requires_grad=x.dtype == np.float64) for x in leaves]
        if any(x.requires_grad for x in evaluate(one, tensors, views)):
            flows.add(one.name)
    # A gradient that is zero everywhere has nothing to check: these round, or compare.
    zero = {"floor_divide", "nextafter", "ceil", "floor"}
    assert flows - checked_names - zero - REFUSED == set()
    assert len(checked_names) > 250


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_derivatives_say_what_to_use(name):
    x = corten.tensor(np.eye(3) * 2.0, requires_grad=True)
    with pytest.raises(NotImplementedError, match="use solve, inv or det"):
        outputs(getattr(ops, name)(x))[0].backward(ops.ones((3, 3), "float64"))


def test_ties_share_or_choose():
    x = corten.tensor([2.0, 2.0, 1.0], requires_grad=True)
    ops.max(x).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
    x = corten.tensor([[[1.0], [1.0]]], requires_grad=True)
    ops.sum(ops.max_pool(x, 2)).backward()
    assert x.grad.tolist() == [[[1.0], [0.0]]]
    x = corten.tensor([0.0], requires_grad=True)
    ops.sum(ops.relu(x)).backward()
    assert x.grad.tolist() == [0.0]


def test_stop_gradient_stops():
    x = corten.tensor([3.0], requires_grad=True)
    ops.sum(x * ops.stop_gradient(x)).backward()
    assert x.grad.tolist() == [3.0]
