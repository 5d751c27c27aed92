"""Evaluating with averaged weights."""

from __future__ import annotations

from typing import Any

from corten.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Puts the averaged weights of the optimizer (`use_ema=True`) into the model for evaluation.

    Args:
        swap_on_epoch: Swap around the end of every epoch, so that checkpoints hold the averages.
            Otherwise around every evaluation and prediction.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None and not _averaging(optimizer):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set; make the optimizer "
                "with use_ema=True, for example `corten.optimizers.Adam(use_ema=True)`"
            )

    def _swap(self, to_averages: bool) -> None:
        if self._swapped == to_averages:
            return
        for optimizer in _averaging(self.model.optimizer):
            averages = getattr(optimizer, "_model_variables_moving_average", None) or []
            for variable, average in zip(optimizer._trainable_variables, averages, strict=False):
                if average is not None:
                    value = variable.numpy().copy()
                    variable.assign(average)
                    average.assign(value)
        self._swapped = to_averages

    def get_state(self) -> dict[str, Any]:
        return {"swapped": self._swapped}

    def set_state(self, state: dict[str, Any]) -> None:
        self._swapped = state["swapped"]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)

    def on_train_end(self, logs: Logs = None) -> None:
        # Training ends with the weights that were trained, unless the last epoch was swapped on purpose.
        if not self.swap_on_epoch:
            self._swap(False)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            self._swap(True)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            self._swap(False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            self._swap(True)

    def on_predict_end(self, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            self._swap(False)


def _averaging(optimizer: Any) -> list[Any]:
    """The optimizers that keep averages: this one, the one inside it, or those of a `MultiOptimizer`."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return [one for one in getattr(optimizer, "optimizers", [optimizer]) if getattr(one, "use_ema", False)]
