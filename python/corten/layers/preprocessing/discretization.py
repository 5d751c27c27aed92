"""`Discretization`: numbers by the range they fall into."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from corten import ops
from corten._state import state
from corten.layers.layer import Layer
from corten.layers.preprocessing.adapting import batches
from corten.layers.preprocessing.encoding import check_output_mode, encode
from corten.text_arrays import is_text

MODES = ("int", "one_hot", "multi_hot", "count")
# So many values are kept for one part of `1 / epsilon` before they are summarized.
_KEPT = 100


class Discretization(Layer):
    """Gives each number the index of its bin.

    Args:
        bin_boundaries: The boundaries between bins, ascending: `[0., 1., 2.]` makes the bins
            `(-inf, 0.), [0., 1.), [1., 2.), [2., +inf)`. In place of `num_bins`.
        num_bins: How many bins `adapt` shall find, with about as many values each.
        epsilon: How far a boundary may be from its quantile, as a part of all values; smaller is more exact.
        output_mode: "int" for indices, "one_hot", "multi_hot" or "count" for vectors of `num_bins`.
        sparse: Must be false.
        dtype: The dtype of what comes out; for "int" one that is not an integer type means int64.
        name: The name.

    For "multi_hot" and "count" the last axis holds the values of one sample, and gives way to `num_bins`;
    for "one_hot" an axis of `num_bins` is added, in place of a last axis of length 1.

    Raises:
        ValueError: Both or none of `bin_boundaries` and `num_bins` are given, or boundaries do not ascend;
            the layer is called with values before it has boundaries.
        TypeError: An input is text.

    See https://keras.io/api/layers/preprocessing_layers/numerical/discretization/.

    Example:
        >>> import numpy as np
        >>> Discretization(bin_boundaries=[0.0, 1.0])(np.array([[-1.5, 0.5], [1.0, 3.0]])).tolist()
        [[0, 1], [2, 2]]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        if dtype is None:
            dtype = "int64" if output_mode == "int" else None
        super().__init__(name=name, dtype=dtype)
        self.output_mode = check_output_mode("Discretization", output_mode, MODES, sparse=sparse, dtype=None)
        if num_bins is not None and (not isinstance(num_bins, int) or num_bins < 0):
            raise ValueError(
                "Discretization: `num_bins` must be greater than or equal to 0. "
                f"Received: `num_bins={num_bins}`"
            )
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Discretization: Both `num_bins` and `bin_boundaries` are set; give one of them. "
                f"Received: num_bins={num_bins}, bin_boundaries={bin_boundaries}."
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError("Discretization: either `num_bins` or `bin_boundaries` must be set.")
        self.sparse = False
        self.epsilon = epsilon
        self.input_bin_boundaries = bin_boundaries
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            boundaries = [float(value) for value in bin_boundaries]
            if any(after < before for before, after in itertools.pairwise(boundaries)):
                raise ValueError(f"Discretization: `bin_boundaries` must ascend; got {boundaries}.")
            self.bin_boundaries = boundaries
            num_bins = len(boundaries) + 1
        self.num_bins: int = num_bins or 0
        self.summary = np.empty((2, 0))

    @property
    def input_dtype(self) -> str:
        """The dtype numbers are compared in."""
        return "float32"

    @property
    def output_dtype(self) -> str:
        """The dtype of what comes out: an integer type for "int", the compute dtype otherwise."""
        dtype = str(self.compute_dtype)
        return "int64" if self.output_mode == "int" and "int" not in dtype else dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Finds boundaries so that about as many values fall into each bin.

        Args:
            data: An array, or a `Dataset`, a list of arrays or another iterable of batches.
            steps: At most so many batches; None takes all.

        Raises:
            ValueError: The layer was given `bin_boundaries`, or there is no data.
            TypeError: The data is text.
        """
        if self.input_bin_boundaries is not None:
            raise ValueError(
                "Discretization: cannot adapt a layer that has been initialized with `bin_boundaries`, "
                "use `num_bins` instead."
            )
        self.reset_state()
        for batch in batches("Discretization", data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Takes more values into account."""
        if is_text(data):
            raise TypeError(f"Discretization.adapt: expected numbers; got text, {data!r:.60}.")
        values = np.asarray(data, dtype="float32").reshape(-1).astype("float64")
        summary = np.concatenate([self.summary, [values, np.ones_like(values)]], axis=1)
        self.summary = summary[:, np.argsort(summary[0], kind="stable")]
        if self.summary.shape[1] > _KEPT / self.epsilon:
            self.summary = _compressed(self.summary, int(10 / self.epsilon))

    def finalize_state(self) -> None:
        """Makes boundaries of the values seen."""
        if self.input_bin_boundaries is not None:
            return
        values, weights = self.summary
        if not values.size:
            raise ValueError("Discretization.adapt: the data holds no values.")
        if values.size < self.num_bins:
            self.bin_boundaries = values[:-1].tolist()
            return
        sums = np.cumsum(weights)
        parts = np.arange(1, self.num_bins) / self.num_bins * sums[-1]
        self.bin_boundaries = np.interp(parts, sums, values).astype("float32").tolist()

    def reset_state(self) -> None:
        """Forgets the values seen."""
        if self.input_bin_boundaries is None:
            self.summary = np.empty((2, 0))
            self.bin_boundaries = None

    def call(self, inputs: Any) -> Any:
        learned = self.bin_boundaries
        if learned is None:
            if not state.probing:
                raise ValueError(
                    "Discretization: You need to either call `.adapt(data)` or pass `bin_boundaries` before "
                    "the layer is called with values."
                )
            learned = [0.0] * max(self.num_bins - 1, 0)  # Shapes do not depend on where bins begin.
        if is_text(inputs):
            raise TypeError(f"Discretization: expected numbers; got text, {inputs!r:.60}.")
        boundaries = ops.convert_to_tensor(np.asarray(learned, "float32"))
        bins = ops.digitize(ops.cast(inputs, "float32"), boundaries)
        if self.output_mode == "int":
            return ops.cast(bins, self.output_dtype)
        return encode(bins, self.output_mode, self.num_bins, dtype=self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        # What was learned is part of the configuration, so it is saved with a model.
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        boundaries, bins = config.get("bin_boundaries"), config.get("num_bins")
        if boundaries is None or bins is None:
            return super().from_config(config)
        # Learned boundaries and known ones alike; `num_bins` may be more than they make.
        layer = super().from_config({**config, "num_bins": None})
        layer.num_bins = bins
        return layer


def _compressed(summary: np.ndarray, points: int) -> np.ndarray:
    """Fewer values, each with the weight of those it stands for."""
    sums = np.cumsum(summary[1])
    parts = np.linspace(sums[-1] / points, sums[-1], points)
    return np.stack([np.interp(parts, sums, summary[0]), np.full(points, sums[-1] / points)])
