"""The names of `keras.backend` that tutorials still use."""

from __future__ import annotations

from corten import config
from corten.utils.session import clear_session as clear_session

epsilon = config.epsilon
floatx = config.floatx
image_data_format = config.image_data_format
set_epsilon = config.set_epsilon
set_floatx = config.set_floatx
set_image_data_format = config.set_image_data_format


def backend() -> str:
    """Gives the name of the backend.

    Example:
        >>> backend()
        'corten'
    """
    return "corten"
