"""Weights, predictions and history of every program are byte-equal, however it is run."""

import pytest
from tests.reproducibility import conditions
from tests.reproducibility.programs import PROGRAMS, SIXTEEN_BITS

import corten


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
        if label in known[name]:
            assert (name, got[name]) == (name, known[name][label])
            compared += 1
    assert compared >= len(PROGRAMS) - len(SIXTEEN_BITS)
