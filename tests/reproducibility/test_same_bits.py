"""Weights, predictions and history of every program are byte-equal, however it is run."""

import pytest
from tests.reproducibility import conditions
from tests.reproducibility.programs import PROGRAMS, SIXTEEN_BITS, numbers

import corten
from corten import layers


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_any_number_of_threads(threads):
    assert conditions.hashes(threads) == conditions.hashes(1)


def test_another_run():
    assert conditions.hashes(2, number=1) == conditions.hashes(1)


@pytest.mark.parametrize("way", conditions.WAYS)
def test_any_way_to_start_a_process(way):
    corten.ops.matmul(
        corten.ops.ones((300, 300)), corten.ops.ones((300, 300))
    )  # the parent has used its threads
    assert conditions.hashes_from_child(way) == conditions.hashes(1)


def test_programs_differ_from_each_other():
    assert len(set(conditions.hashes(1).values())) == len(PROGRAMS)


class SelfAttention(layers.Layer):
    """Attention of a sequence to itself."""

    def __init__(self):
        super().__init__()
        self.inner = layers.MultiHeadAttention(4, 16)

    def call(self, inputs):
        return self.inner(inputs, inputs)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: layers.Dense(64), (128,)),
        (lambda: layers.Conv2D(8, 3), (9, 9, 3)),
        (lambda: layers.LSTM(16), (5, 24)),
        (lambda: layers.GRU(16), (5, 24)),
        (SelfAttention, (20, 64)),
        (lambda: layers.LayerNormalization(), (50,)),
        (lambda: layers.Softmax(), (10,)),
        (lambda: layers.Activation("gelu"), (10,)),
    ],
)
def test_a_row_does_not_depend_on_its_batch(make, shape):
    """Small products and those of one column are the exceptions: docs/reproducibility.md."""
    corten.utils.set_random_seed(1)
    model = corten.Sequential([corten.Input(shape), make()])
    x = numbers(40, *shape)
    wanted = model.predict(x, batch_size=40, verbose=0)
    for size in (1, 7, 16, 33):
        assert model.predict(x, batch_size=size, verbose=0).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("isa", ["scalar", "avx2", "avx512", "neon", "amx"])
def test_stored_hashes(isa):
    """What `scripts/reproducibility_report.py --store` wrote on a machine like this one."""
    asked = "" if isa == "amx" else isa
    if isa == "amx" and not conditions.features("")["amx_bf16"]:
        pytest.skip("this CPU has no AMX")
    if not conditions.is_there(asked):
        pytest.skip(f"this CPU has no {isa}")
    known = conditions.stored().get(conditions.machine())
    if known is None:
        pytest.skip(
            f"no hashes are stored for {conditions.machine()}: exp and its kin come from the C library there"
        )
    got = conditions.hashes(1, asked)
    compared = 0
    for name in PROGRAMS:
        label = conditions.label(asked, name in SIXTEEN_BITS)
        if label in known.get(name, {}):
            assert (name, got[name]) == (name, known[name][label])
            compared += 1
    # The fused attention's were stored where there is no AVX-512.
    missing = 1 if isa in ("avx512", "amx") else 0
    assert compared >= len(PROGRAMS) - len(SIXTEEN_BITS) - missing
