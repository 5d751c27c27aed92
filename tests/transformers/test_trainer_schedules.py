"""Schedules against what transformers' get_scheduler gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from corten.optimizers import AdamW, schedules

VALUES = np.load(Path(__file__).parent / "reference_values" / "training.npz")
SCHEDULES = json.loads(str(VALUES["described"]))["schedules"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_have_the_values_of_transformers(name):
    schedule = schedules.WarmupSchedule(name.split("/")[0], 0.002, 10, 60, **SCHEDULES[name])
    found = [schedule.rate(step) for step in range(70)]
    np.testing.assert_allclose(found, VALUES[f"schedule/{name}"], rtol=1e-12, atol=1e-18)


def test_a_schedule_goes_through_its_config():
    schedule = schedules.WarmupSchedule("polynomial", 0.1, 2, 9, power=2.0)
    again = AdamW.from_config(AdamW(schedule).get_config())._learning_rate
    assert [again.rate(step) for step in range(12)] == [schedule.rate(step) for step in range(12)]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (("lineal", 0.1, 1, 2), {}, "there is no schedule 'lineal'; there are constant, "),
        (("linear", 0.1, 1), {}, "needs num_training_steps"),
        (("cosine", 0.1, None, 3), {}, "needs num_warmup_steps"),
        (("linear", 0.1, -1, 3), {}, "num_warmup_steps must be a whole number of at least 0; got -1"),
        (("linear", 0.1, 1, 3), {"power": 2}, "'linear' does not know power .*takes no settings"),
        (("polynomial", 0.1, 1, 3), {"lr_end": 0.2}, "lr_end .* must be below the learning rate"),
        (("cosine_with_min_lr", 0.1, 1, 3), {}, "needs one of min_lr and min_lr_rate"),
        (("warmup_stable_decay", 0.1, 1, 3), {}, "needs num_decay_steps"),
        (("warmup_stable_decay", 0.1, 1, 3), {"num_decay_steps": 1, "decay_type": "x"}, "decay_type must be"),
    ],
)
def test_wrong_schedules_are_refused(arguments, settings, message):
    with pytest.raises(ValueError, match=message):
        schedules.WarmupSchedule(*arguments, **settings)
