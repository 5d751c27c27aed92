"""A small tuner: tries settings of a model and keeps the best."""

from corten.tuner.searches import RandomSearch as RandomSearch, SuccessiveHalving as SuccessiveHalving
from corten.tuner.space import (
    Boolean as Boolean,
    Choice as Choice,
    Float as Float,
    Int as Int,
    Parameter as Parameter,
)
from corten.tuner.trials import Trial as Trial

__all__ = ["Boolean", "Choice", "Float", "Int", "Parameter", "RandomSearch", "SuccessiveHalving", "Trial"]
