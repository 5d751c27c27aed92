"""Schedules at chosen steps, and their configs."""

import math

import pytest

from corten import ops
from corten.optimizers import schedules

VALUES = [
    (schedules.ExponentialDecay(0.1, 10, 0.5), {0: 0.1, 5: 0.1 * 0.5**0.5, 20: 0.025}),
    (schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True), {9: 0.1, 10: 0.05, 29: 0.025}),
    (schedules.InverseTimeDecay(0.1, 10, 0.5), {0: 0.1, 20: 0.05}),
    (schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True), {9: 0.1, 10: 0.1 / 1.5}),
    (schedules.PiecewiseConstantDecay([2, 5], [1.0, 0.5, 0.1]), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.1}),
    (schedules.PolynomialDecay(0.1, 10, 0.0), {0: 0.1, 5: 0.05, 10: 0.0, 99: 0.0}),
    (schedules.PolynomialDecay(0.1, 10, 0.02, power=2.0), {5: 0.08 * 0.25 + 0.02}),
    (schedules.PolynomialDecay(0.1, 10, 0.0, cycle=True), {0: 0.1, 10: 0.0, 15: 0.025}),
    (schedules.CosineDecay(0.1, 10, alpha=0.1), {0: 0.1, 5: 0.1 * 0.55, 10: 0.01, 50: 0.01}),
    (
        schedules.CosineDecay(0.0, 10, warmup_target=0.2, warmup_steps=4),
        {0: 0.0, 1: 0.05, 4: 0.2, 9: 0.1, 14: 0.0},
    ),
    (schedules.CosineDecayRestarts(1.0, 10), {0: 1.0, 5: 0.5, 10: 1.0, 20: 0.5, 30: 1.0}),
    (schedules.CosineDecayRestarts(1.0, 10, t_mul=1.0, m_mul=0.5), {10: 0.5, 15: 0.25, 20: 0.25}),
    (schedules.CosineDecayRestarts(1.0, 10, alpha=0.5), {5: 0.75, 9.9999: 0.5}),
]


@pytest.mark.parametrize(("schedule", "values"), VALUES)
def test_values(schedule, values):
    for step, value in values.items():
        assert float(schedule(step)) == pytest.approx(value, rel=1e-5, abs=1e-7)
        if step == int(step):
            assert float(schedule(ops.convert_to_tensor(int(step)))) == pytest.approx(
                value, rel=1e-5, abs=1e-7
            )


@pytest.mark.parametrize(("schedule", "values"), VALUES)
def test_round_trip(schedule, values):
    again = schedules.deserialize(schedules.serialize(schedule))
    assert again.get_config() == schedule.get_config()
    assert float(again(3)) == float(schedule(3))


def test_restarts_land_exactly_on_their_steps():
    """The logarithm that counts restarts must not fall just short at a boundary."""
    schedule = schedules.CosineDecayRestarts(1.0, 7, t_mul=2.0)
    for restarts in range(1, 12):
        assert schedule.rate(7 * (2**restarts - 1)) == pytest.approx(1.0, abs=1e-6)
    assert not math.isnan(schedule.rate(10**9))


def test_errors():
    with pytest.raises(ValueError, match="decay_steps"):
        schedules.CosineDecay(0.1, 0)
    with pytest.raises(ValueError, match="one value more"):
        schedules.PiecewiseConstantDecay([1], [0.1])
    with pytest.raises(NotImplementedError, match="__call__"):
        schedules.LearningRateSchedule()(0)
