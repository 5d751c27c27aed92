"""Initializers: what a new weight starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from corten.identifiers import Table, names_of, serialize_object
from corten.initializers.constant_initializers import STFT, Constant, Identity, Ones, Zeros
from corten.initializers.initializer import Initializer
from corten.initializers.random_initializers import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomInitializer,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    compute_fans,
)

# Keras's other names for the same things.
IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = one = Ones
random_normal = normal = RandomNormal
random_uniform = uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = zero = Zeros

_TABLE = Table(
    "initializer",
    "corten.initializers",
    {
        **names_of(
            (
                Constant, GlorotNormal, GlorotUniform, HeNormal, HeUniform, Identity, LecunNormal,
                LecunUniform, Ones,
                Orthogonal, RandomNormal, RandomUniform, STFT, TruncatedNormal, VarianceScaling, Zeros,
                Initializer,
            )
        ),
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "one": Ones,
        "zero": Zeros,
    },
)  # fmt: skip


def serialize(initializer: Any) -> Any:
    """Gives the config of an initializer.

    Example:
        >>> serialize(Zeros())["class_name"]
        'Zeros'
    """
    return serialize_object(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Rebuilds an initializer from its config.

    Example:
        >>> deserialize({"class_name": "Constant", "config": {"value": 2.0}})((1,)).tolist()
        [2.0]
    """
    return _TABLE.deserialize(config, custom_objects)


class _Given:
    """Initializes with an array the user made, after checking its shape."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        from corten import ops

        if tuple(shape) != tuple(self.value.shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(self.value.shape)}, the shape of the array given as"
                f" initializer; got shape={tuple(shape)}."
            )
        value = ops.convert_to_tensor(self.value)
        return ops.copy(value) if dtype is None else ops.copy(ops.cast(value, dtype))


def get(identifier: Any) -> Callable[..., Any] | None:
    """Resolves a name, config, class, object, callable or array; `None` stays `None`.

    Example:
        >>> type(get("he_normal")).__name__
        'HeNormal'
        >>> get([[1.0, 2.0]])((1, 2)).tolist()
        [[1.0, 2.0]]
    """
    if isinstance(identifier, (list, tuple)):
        return _Given(np.asarray(identifier, dtype="float32"))
    if hasattr(identifier, "__array__") and not isinstance(identifier, type):
        return _Given(identifier)
    found: Callable[..., Any] | None = _TABLE.get(identifier)
    return found


__all__ = [
    "STFT", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
    "OrthogonalInitializer", "RandomInitializer", "RandomNormal", "RandomUniform", "STFTInitializer",
    "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get",
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "normal", "one", "ones", "orthogonal", "random_normal", "random_uniform",
    "serialize", "stft", "truncated_normal", "uniform", "variance_scaling", "zero", "zeros",
]  # fmt: skip
