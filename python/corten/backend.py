"""The names of `keras.backend` that user code reaches for."""

from __future__ import annotations

from corten.config import (
    backend as backend,
    epsilon as epsilon,
    floatx as floatx,
    image_data_format as image_data_format,
    is_float_dtype as is_float_dtype,
    set_epsilon as set_epsilon,
    set_floatx as set_floatx,
    set_image_data_format as set_image_data_format,
    standardize_dtype as standardize_dtype,
)
from corten.naming import get_uid as get_uid, name_scope as name_scope
from corten.stateless import StatelessScope as StatelessScope
from corten.symbolic import KerasTensor as KerasTensor, is_keras_tensor as is_keras_tensor
from corten.utils.session import clear_session as clear_session
from corten.variable import Variable as Variable
