"""TensorFlow's door: tutorial code runs with the import line changed to `import corten.tf as tf`.

It has what tutorials use of `tf` beside `tf.keras`: tensors, variables, the gradient tape, `tf.data`,
`tf.random.set_seed`. Everything runs eagerly; `tf.function` gives the function back. `tf.keras` is
Corten itself, so `from corten.tf.keras import layers, models` works as well.

Example:
    >>> import corten.tf as tf
    >>> tf.random.set_seed(42)
    >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> tf.reduce_mean(x, axis=0).numpy()
    array([2., 3.], dtype=float32)
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any

import corten
from corten import Tensor as Tensor, keras as keras
from corten.autograd import (
    GradientTape as GradientTape,
    custom_gradient as custom_gradient,
    stop_gradient as stop_gradient,
)
from corten.tf.dtypes import DTYPE_NAMES
from corten.tf.functions import *  # noqa: F403 - the door opens on all of them
from corten.tf.variables import (
    TensorSpec as TensorSpec,
    Variable as Variable,
    constant as constant,
    convert_to_tensor as convert_to_tensor,
    function as function,
    is_tensor as is_tensor,
)

if TYPE_CHECKING:
    from corten.tf import (
        config as config,
        data as data,
        image as image,
        linalg as linalg,
        math as math,
        nn as nn,
        random as random,
        strings as strings,
    )

# `corten.tf.keras` is the module `corten.keras`; without this entry Python would look for a file.
sys.modules[f"{__name__}.keras"] = keras

#: Programs look at the first digit to know which API to use; this is the one they get.
__version__ = f"2.16.0+corten.{corten.__version__}"

newaxis = None

_MODULES = frozenset({"config", "data", "image", "linalg", "math", "nn", "random", "strings"})
# `tf.losses` is `tf.keras.losses`, and so on.
_OF_KERAS = frozenset({"initializers", "losses", "metrics", "optimizers"})


def executing_eagerly() -> bool:
    """Gives True: everything runs eagerly."""
    return True


def device(device_name: Any) -> Any:
    """Does nothing: `with tf.device("/CPU:0"):` is where everything runs.

    Raises:
        ValueError: A device Corten does not have.
    """
    text = str(getattr(device_name, "name", device_name) or "CPU").upper()
    if "CPU" not in text:
        raise ValueError(f"tf.device: there is no device {device_name!r}; Corten computes on the CPU")
    return contextlib.nullcontext()


def name_scope(name: str) -> Any:
    """Puts `name` in front of the names of variables made inside."""
    return corten.name_scope(name)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OF_KERAS:
        return getattr(keras, name)
    if name in DTYPE_NAMES:
        return DTYPE_NAMES[name]
    from corten.identifiers import suggestion

    hint = suggestion(name, [key for key in globals() if not key.startswith("_")])
    raise AttributeError(
        f"corten.tf has no {name!r}; it holds the part of TensorFlow that tutorials use.{hint}"
    )
