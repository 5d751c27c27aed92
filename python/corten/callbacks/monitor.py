"""What callbacks share that watch one value."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from corten.callbacks.callback import Callback, Logs

_HIGHER_IS_BETTER = (
    "acc",
    "accuracy",
    "auc",
    "precision",
    "recall",
    "f1",
    "fbeta",
    "iou",
    "r2",
    "sensitivity",
    "specificity",
    "true_positives",
    "true_negatives",
    "correlation",
    "cosine_similarity",
)
_LOWER_IS_BETTER = (
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "hinge",
    "perplexity",
    "false_positives",
    "false_negatives",
    "crossentropy",
    "divergence",
)


def direction_of(monitor: str, model: Any) -> str | None:
    """Whether higher or lower is better for a value of the history: by the metric, else by its name.

    Args:
        monitor: Name of the value.
        model: The model whose metrics are asked.

    Returns:
        'max' or 'min'; None if neither tells.

    Example:
        >>> direction_of("val_accuracy", None), direction_of("loss", None), direction_of("score", None)
        ('max', 'min', None)
    """
    name = monitor.removeprefix("val_")
    for metric in getattr(model, "metrics", None) or []:
        for single in getattr(metric, "metrics", None) or [metric]:
            direction = getattr(single, "_direction", None)
            if getattr(single, "name", None) == name and direction in ("up", "down"):
                return "max" if direction == "up" else "min"
    lowered = name.lower()
    if lowered.endswith(_LOWER_IS_BETTER):
        return "min"
    words = lowered.replace("-", "_").split("_")
    if any(key in lowered if "_" in key else key in words for key in _HIGHER_IS_BETTER):
        return "max"
    if any(word.startswith(("accuracy", "auc", "precision", "recall", "f1", "fbeta")) for word in words):
        return "max"
    return None


class MonitorCallback(Callback):
    """Base of callbacks that ask whether a value got better.

    Args:
        monitor: Name of the value, as in the history.
        mode: 'min', 'max' or 'auto', which goes by the metric and its name.
        baseline: Value to beat.
        min_delta: Smallest change that counts.
    """

    # The attributes that make up the state.
    _remembered: tuple[str, ...] = ("best", "_warned")

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max'; got {mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        #: `ops.less` or `ops.greater`; None until it is needed.
        self.monitor_op: Callable[[Any, Any], Any] | None = None
        self._warned = False

    def _set_monitor_op(self) -> None:
        """Settles whether higher or lower is better, once the model and its metrics are known."""
        from corten import ops

        mode = self.mode if self.mode != "auto" else direction_of(self.monitor, self.model)
        if mode is None:
            raise ValueError(
                f"{type(self).__name__}: neither a metric nor the name of monitor={self.monitor!r} tells "
                "whether higher or lower is better; pass mode='max' or mode='min'"
            )
        self.monitor_op = ops.greater if mode == "max" else ops.less
        # Subtracted from the current value, so that small changes do not count.
        self._margin = self.min_delta if mode == "max" else -self.min_delta

    def _is_improvement(self, current: Any, reference: Any) -> bool:
        if reference is None:
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        assert self.monitor_op is not None
        return bool(self.monitor_op(current - self._margin, reference))

    def get_monitor_value(self, logs: Logs) -> Any:
        """Gives the watched value; warns once when it is not there.

        Raises:
            ValueError: It is not there, no metric has its name, and `mode` is 'auto'.
        """
        value = (logs or {}).get(self.monitor)
        if value is None and not self._warned:
            self._warned = True
            available = ", ".join(logs or {}) or "none"
            hint = ""
            if self.monitor.startswith("val_") and self.monitor.removeprefix("val_") in (logs or {}):
                hint = " There is no validation data: pass validation_data or validation_split to fit, or "
                hint += f"monitor={self.monitor.removeprefix('val_')!r}."
            message = f"{type(self).__name__}: there is no value {self.monitor!r} to watch; available are "
            message += f"{available}.{hint}"
            if self.mode == "auto" and not self._is_known(logs):
                raise ValueError(
                    f"{message} If it comes later, say by mode='min' or mode='max' which values are better."
                )
            warnings.warn(message, UserWarning, stacklevel=3)
        return value

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._remembered}

    def set_state(self, state: dict[str, Any]) -> None:
        for name in self._remembered:
            setattr(self, name, state[name])

    def _is_known(self, logs: Logs) -> bool:
        """Whether a value of this name may come: of the training, the validation or a metric."""
        name = self.monitor.removeprefix("val_")
        names = {"loss"} | {metric.name for metric in getattr(self.model, "metrics", None) or []}
        names.update(key.removeprefix("val_") for key in logs or {})
        return not logs or name in names
