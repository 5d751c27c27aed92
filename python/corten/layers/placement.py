"""`Placement`: on which device a layer's variables are."""

from __future__ import annotations

from typing import Any

from corten import _core
from corten.ops.dispatch import place_of
from corten.scopes import device as device_scope


class Placement:
    """Base of `Layer` with its move from device to device."""

    def to(self: Any, device: str) -> Any:
        """Move all variables to a device, in place.

        A model takes its optimizer's state and its metrics along; `fit`, `evaluate` and `predict` run where
        the weights are. Step counts, learning rates and random states stay on the CPU, where every step
        reads them.

        Args:
            device: A name as for `corten.device`, such as `'gpu'` or `'cpu'`.

        Returns:
            This layer.

        Raises:
            ValueError: There is no such device in this build of Corten.
            RuntimeError: The GPU cannot be used; the message says why.
            MemoryError: It has no memory for the variables. Those that were moved before stay there.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(3)])
            >>> model.to("cpu").layers[0].kernel.device
            'cpu'
        """
        place = device_scope(device)
        for variable in self._placed_variables():
            variable.to(place)
        self._was_moved()
        return self

    def _placed_variables(self: Any) -> list[Any]:
        """What moves with the layer."""
        return [*self.variables, *self.metrics_variables]

    def _was_moved(self) -> None:
        """Is called after a move."""


def elsewhere(layer: Any, arguments: tuple[Any, ...] = ()) -> device_scope | None:
    """The scope of the device that a layer computes on, if new tensors are made on another one.

    That is where its arguments are or, where these are no tensors, its weights.

    Args:
        layer: The layer.
        arguments: What it is called with.

    Example:
        >>> import corten
        >>> elsewhere(corten.layers.Dense(1)) is None
        True
    """
    place = place_of(arguments) or place_of([v for v in layer.weights if not v._stays])
    return None if place is None or place == _core.current_device() else device_scope(place)
