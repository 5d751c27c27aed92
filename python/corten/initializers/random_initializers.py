"""Initializers that draw random values."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

from corten import config, ops, random
from corten.identifiers import deserialize_object, serialize_object
from corten.initializers.initializer import Initializer

# Standard deviation of a standard normal that is redrawn outside two deviations.
_TRUNCATED_DEVIATION = 0.87962566103423978


class RandomInitializer(Initializer):
    """Base of the random initializers: keeps the seed.

    Args:
        seed: An int gives the same values on every call; a `SeedGenerator` gives new values that
            repeat with the generator; `None` draws from the global generator that
            `corten.set_random_seed` sets.
    """

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, dict):
            seed = deserialize_object(seed)
        if seed is not None and not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(
                f"{type(self).__name__}: `seed` is an int, a corten.random.SeedGenerator or None;"
                f" got {seed!r} of type {type(seed).__name__}."
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_object(self.seed)}


class RandomNormal(RandomInitializer):
    """Normal values.

    Example:
        >>> init = RandomNormal(stddev=0.1, seed=1)
        >>> bool((init((3,)).numpy() == init((3,)).numpy()).all())
        True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        return random.normal(
            shape, mean=self.mean, stddev=self.stddev, dtype=dtype or config.floatx(), seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomInitializer):
    """Normal values; those outside two deviations are drawn again.

    Example:
        >>> float(abs(TruncatedNormal(stddev=1.0, seed=1)((1000,)).numpy()).max()) <= 2.0
        True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        return random.truncated_normal(
            shape, mean=self.mean, stddev=self.stddev, dtype=dtype or config.floatx(), seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class RandomUniform(RandomInitializer):
    """Uniform values in [minval, maxval).

    Example:
        >>> values = RandomUniform(0.0, 1.0, seed=1)((100,)).numpy()
        >>> bool(values.min() >= 0.0 and values.max() < 1.0)
        True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        return random.uniform(
            shape, minval=self.minval, maxval=self.maxval, dtype=dtype or config.floatx(), seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


class VarianceScaling(RandomInitializer):
    """Values whose variance is `scale / n`, where `n` counts the kernel's inputs, outputs or their mean.

    Args:
        scale: Positive factor.
        mode: 'fan_in', 'fan_out' or 'fan_avg'.
        distribution: 'truncated_normal', 'untruncated_normal' or 'uniform'.
        seed: See `RandomInitializer`.
        input_axes: Axes of the shape that count as inputs; `None` reads the shape as a dense or
            convolution kernel.
        output_axes: Axes that count as outputs.

    Example:
        >>> values = VarianceScaling(scale=2.0, distribution="uniform", seed=1)((100, 50)).numpy()
        >>> bool(abs(values).max() <= (3 * 2.0 / 100) ** 0.5)
        True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Got scale={scale}.")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode!r}. Use one of {', '.join(modes)}.")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        distributions = ("uniform", "truncated_normal", "untruncated_normal")
        if distribution not in distributions:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution!r}. Use one of {', '.join(distributions)}."
            )
        super().__init__(seed)
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        dtype = dtype or config.floatx()
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed)
        if self.distribution == "truncated_normal":
            deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
            return random.truncated_normal(shape, mean=0.0, stddev=deviation, dtype=dtype, seed=self.seed)
        return random.normal(shape, mean=0.0, stddev=math.sqrt(variance), dtype=dtype, seed=self.seed)

    def with_axes(self, input_axes: Sequence[int], output_axes: Sequence[int]) -> VarianceScaling:
        """The same initializer for a kernel whose axes have these parts; axes set before stay.

        Example:
            >>> HeNormal().with_axes([0], [1, 2]).input_axes
            [0]
        """
        if self.input_axes is not None or self.output_axes is not None:
            return self
        clone = copy.copy(self)
        clone.input_axes, clone.output_axes = list(input_axes), list(output_axes)
        return clone

    def get_config(self) -> dict[str, Any]:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **super().get_config(),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with scale, mode and distribution of its own."""

    _arguments: tuple[float, str, str] = (1.0, "fan_in", "truncated_normal")

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._arguments, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**RandomInitializer.get_config(self), **axes}


class GlorotUniform(_Scaled):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)); the default of most layers, also called Xavier.

    Example:
        >>> bool(abs(GlorotUniform(seed=1)((4, 2)).numpy()).max() <= 1.0)
        True
    """

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with variance 2 / (fan_in + fan_out).

    Example:
        >>> GlorotNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    _arguments = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_Scaled):
    """Truncated normal with variance 1 / fan_in; the one for selu.

    Example:
        >>> LecunNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    _arguments = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in +-sqrt(3 / fan_in).

    Example:
        >>> bool(abs(LecunUniform(seed=1)((3, 2)).numpy()).max() <= 1.0)
        True
    """

    _arguments = (1.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with variance 2 / fan_in; the one for relu.

    Example:
        >>> HeNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    _arguments = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in +-sqrt(6 / fan_in).

    Example:
        >>> bool(abs(HeUniform(seed=1)((6, 2)).numpy()).max() <= 1.0)
        True
    """

    _arguments = (2.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """`gain` times a matrix with orthonormal rows or columns; all axes but the last are rows.

    Example:
        >>> q = Orthogonal(seed=1)((3, 3)).numpy()
        >>> bool(abs(q @ q.T - [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).max() < 1e-5)
        True
    """

    #: Takes time by the third power of the size: not run for variables whose values a file has.
    costly = True

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: expected a shape of at least two axes, got {shape} of rank {len(shape)}."
            )
        dtype = dtype or config.floatx()
        working = dtype if dtype in ("float32", "float64") else "float32"
        rows, columns = math.prod(shape[:-1]), shape[-1]
        noise = random.normal((max(rows, columns), min(rows, columns)), dtype=working, seed=self.seed)
        q, r = ops.qr(noise)
        # The sign of R's diagonal is the factorization's choice; fixing it makes Q uniform.
        diagonal = ops.diagonal(r)
        q = q * ops.where(ops.less(diagonal, 0.0), -1.0, 1.0)
        if rows < columns:
            q = ops.transpose(q)
        return ops.cast(self.gain * ops.reshape(q, tuple(shape)), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain, **super().get_config()}


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Counts the inputs and outputs of one unit of a kernel.

    Args:
        shape: Shape of the kernel: `(inputs, outputs)` or `(window..., inputs, outputs)`.
        input_axes: Axes to count as inputs instead.
        output_axes: Axes to count as outputs instead.

    Example:
        >>> compute_fans((3, 3, 16, 32))
        (144, 288)
        >>> compute_fans((512, 8, 64), input_axes=[0], output_axes=[1, 2])
        (512, 512)
    """
    shape = tuple(shape)
    if input_axes is not None or output_axes is not None:
        rank = len(shape)
        inputs = None if input_axes is None else {axis % rank for axis in input_axes}
        outputs = None if output_axes is None else {axis % rank for axis in output_axes}
        everything = set(range(rank))
        inputs = everything - (outputs or set()) if inputs is None else inputs
        outputs = everything - inputs if outputs is None else outputs
        return math.prod(shape[axis] for axis in inputs), math.prod(shape[axis] for axis in outputs)
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]
