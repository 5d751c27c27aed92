"""Sizes whose product or sum fits no machine are refused at once: no wrap, no panic, no long wait."""

import numpy as np
import pytest

import corten
from corten import layers, ops

HUGE, WIDE = 2**62, 2**40
TWO = corten.tensor([1.0, 2.0])
ONE = TWO[:1]
IMAGE = ops.ones((1, 4, 1))
PICTURE = ops.ones((1, 2, 2, 1))
KERNEL = ops.ones((2, 1, 1))

CALLS = {
    "zeros": lambda: ops.zeros((WIDE, WIDE)),
    "zeros whose product wraps to 0": lambda: ops.zeros((2**32, 2**32)),
    "zeros of too many bytes": lambda: ops.zeros((HUGE, 1)),
    "zeros beyond 64 bits": lambda: ops.zeros((2**70,)),
    "zeros of memory nobody has": lambda: ops.zeros((2**46,)),
    "ones": lambda: ops.ones((WIDE, WIDE)),
    "full": lambda: ops.full((WIDE, WIDE), 1.0),
    "empty": lambda: ops.empty((WIDE, WIDE)),
    "eye": lambda: ops.eye(WIDE, WIDE),
    "tri": lambda: ops.tri(WIDE),
    "arange": lambda: ops.arange(2**60),
    "arange both ways": lambda: ops.arange(-HUGE, HUGE),
    "arange of floats": lambda: ops.arange(0.0, 1e300, 1.0),
    "arange of tiny steps": lambda: ops.arange(0, 1, 1e-300),
    "linspace": lambda: ops.linspace(0, 1, 2**60),
    "logspace": lambda: ops.logspace(0, 1, 2**60),
    "repeat": lambda: ops.repeat(TWO, 2**63 - 1),
    "repeat one by one": lambda: ops.repeat(TWO, [HUGE, HUGE]),
    "tile": lambda: ops.tile(TWO, (WIDE, WIDE)),
    "pad": lambda: ops.pad(TWO, ((HUGE, HUGE),)),
    "pad whose sum wraps": lambda: ops.pad(TWO, ((2**63 - 1, 2**63 - 1),)),
    "pad by reflection": lambda: ops.pad(TWO, ((HUGE, HUGE),), mode="reflect"),
    "broadcast_to": lambda: ops.broadcast_to(TWO, (WIDE, WIDE, 2)),
    "copy of a view": lambda: ops.broadcast_to(TWO, (2**45, 2)) + 0,
    "reshape": lambda: ops.reshape(TWO, (2**32, 2**32, 2)),
    "one_hot": lambda: ops.one_hot(corten.tensor([1, 2]), HUGE),
    "multi_hot": lambda: ops.multi_hot(corten.tensor([[1, 2]]), HUGE),
    "bincount": lambda: ops.bincount(corten.tensor(np.array([HUGE]))),
    "segment_sum": lambda: ops.segment_sum(TWO, corten.tensor([0, 1]), HUGE),
    "scatter": lambda: ops.scatter(corten.tensor([[0]]), ONE, (WIDE, WIDE)),
    "outer": lambda: ops.outer(ops.broadcast_to(ONE, (WIDE,)), ops.broadcast_to(ONE, (WIDE,))),
    "add": lambda: ops.broadcast_to(ONE, (WIDE, 1)) + ops.broadcast_to(ONE, (1, WIDE)),
    "concatenate": lambda: ops.concatenate([ops.broadcast_to(ONE, (2**59,))] * 16),
    "diag": lambda: ops.diag(TWO, k=HUGE),
    "diagflat": lambda: ops.diagflat(TWO, k=2**63 - 1),
    "conv with dilation": lambda: ops.conv(IMAGE, KERNEL, padding="valid", dilation_rate=2**63 - 1),
    "conv with padding": lambda: ops.conv(IMAGE, KERNEL, padding="same", dilation_rate=HUGE),
    "conv_transpose": lambda: ops.conv_transpose(IMAGE, KERNEL, strides=HUGE),
    "max_pool": lambda: ops.max_pool(IMAGE, HUGE),
    "max_pool with padding": lambda: ops.max_pool(IMAGE, 2**63 - 1, strides=1, padding="same"),
    "average_pool with padding": lambda: ops.average_pool(IMAGE, HUGE, strides=1, padding="same"),
    "random uniform": lambda: corten.random.uniform((WIDE, WIDE)),
    "random normal": lambda: corten.random.normal((HUGE, 4)),
    "random integers": lambda: corten.random.randint((WIDE, WIDE), 0, 5),
    "random categories": lambda: corten.random.categorical(ops.ones((2, 3)), 2**61),
    "stft": lambda: ops.stft(ops.ones((16,)), HUGE, 1, HUGE),
    "pad_images": lambda: ops.image.pad_images(PICTURE, HUGE, HUGE, HUGE, HUGE),
    "top_k": lambda: ops.top_k(TWO, HUGE),
    "take": lambda: ops.take(TWO, corten.tensor(np.array([HUGE]))),
    "argmax beyond int32": lambda: ops.argmax(ops.broadcast_to(ONE, (2**32,))),
    "sort beyond int32": lambda: ops.argsort(ops.broadcast_to(ONE, (2**32,))),
    "searchsorted beyond int32": lambda: ops.searchsorted(ops.broadcast_to(ONE, (2**32,)), ONE),
    "index": lambda: TWO[2**70],
    "ZeroPadding1D": lambda: layers.ZeroPadding1D(HUGE)(IMAGE),
    "UpSampling1D": lambda: layers.UpSampling1D(HUGE)(IMAGE),
    "RepeatVector": lambda: layers.RepeatVector(HUGE)(ops.ones((1, 4))),
    "Dense": lambda: layers.Dense(HUGE)(ops.ones((1, 4))),
    "Embedding": lambda: layers.Embedding(HUGE, HUGE)(corten.tensor([1])),
    "Conv1D": lambda: layers.Conv1D(WIDE, WIDE, padding="same")(IMAGE),
}
REFUSALS = (ValueError, MemoryError, OverflowError, TypeError, IndexError)


@pytest.mark.parametrize("name", CALLS)
def test_it_is_refused(name):
    with pytest.raises(REFUSALS) as caught:
        CALLS[name]()
    assert str(caught.value), f"{name}: the error says nothing"
    assert "internal check" not in str(caught.value)


def test_sizes_of_nothing_are_fine():
    assert ops.zeros((WIDE, WIDE, 0)).shape == (WIDE, WIDE, 0)
    assert ops.repeat(TWO, 0).shape == (0,)
    assert ops.repeat(TWO, [0, 3]).tolist() == [2.0, 2.0, 2.0]


def test_negative_repeats_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        ops.repeat(TWO, [2, -1])
