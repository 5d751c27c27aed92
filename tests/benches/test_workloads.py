"""Workloads are named once, and their arithmetic is what a count by hand gives."""

import pytest
from benches.comparison import workloads
from benches.comparison.workloads import networks


def test_names_are_unique():
    names = [workload.name for workload in workloads.WORKLOADS]
    assert len(names) == len(set(names))


def test_what_has_a_ceiling_has_an_amount():
    for workload in workloads.WORKLOADS:
        amount = workload.flops if workload.ceiling == "fma" else workload.bytes
        assert workload.ceiling is None or amount


def test_the_cold_step_is_the_first_of_its_process():
    assert [workload.cold for workload in workloads.WORKLOADS].index(True) == 0


def test_products_and_convolutions():
    assert workloads.find("gemm_f32_64x64x64").flops == 2 * 64**3
    conv = workloads.find("conv_fwd_4x224x224x3_64_k7s2")
    assert conv.flops == 2 * 4 * 112 * 112 * 64 * 3 * 49
    assert workloads.find("conv_fwdbwd_4x224x224x3_64_k7s2").flops == 3 * conv.flops


def test_networks():
    assert networks.dense_flops((3, 5, 2), training=False) == 2 * (15 + 10)
    assert networks.dense_flops((3, 5, 2), training=True) == 2 * (2 * 15 + 3 * 10)
    tiny = networks.Encoder(vocabulary=7, width=2, heads=1, hidden=3, layers=1, length=5, classes=2)
    # Four projections, two dense layers, scores and their use of the values, then the classes.
    by_hand = 5 * (4 * 4 + 2 * 6) + 2 * 5 * 5 * 2 + 4
    assert networks.encoder_flops(tiny) == 6 * by_hand


def test_select_by_name_and_family():
    assert [w.name for w in workloads.select(["add_16"])] == ["add_16"]
    assert {w.family for w in workloads.select(["matmul", "attention"])} == {"matmul", "attention"}
    assert workloads.select([]) == workloads.WORKLOADS
    with pytest.raises(ValueError, match="starts with 'gemv'; families: training, matmul"):
        workloads.select(["gemv"])
