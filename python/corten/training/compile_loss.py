"""The loss of a compiled model: one loss per output, weighted and summed."""

from __future__ import annotations

from typing import Any

from corten import _core, losses
from corten.training.loss_tracker import LossTracker
from corten.training.outputs import OutputLayout, is_binary_or_sparse, only_entry, shapes_in

Tensor = _core.Tensor
_AUTOMATIC = frozenset({"crossentropy", "ce"})


def resolve_loss(identifier: Any) -> Any:
    """Gives a `Loss` object for a name, config, class, function or object; automatic ones stay text.

    Raises:
        ValueError: Unknown name.
    """
    if identifier is None or isinstance(identifier, losses.Loss):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _AUTOMATIC:
        return identifier.lower()
    found: Any = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    name = getattr(found, "__name__", None) or type(found).__name__
    return losses.LossFunctionWrapper(found, name=name)


def check_losses(loss: Any) -> None:
    """Raises the error of an unknown loss name now, not at the first batch."""
    if isinstance(loss, dict) and "class_name" not in loss:
        for item in loss.values():
            check_losses(item)
    elif isinstance(loss, list | tuple):
        for item in loss:
            check_losses(item)
    else:
        resolve_loss(loss)


def _resolve_configs(loss: Any) -> Any:
    """Turns configs into objects, so that every dict that is left is one of outputs."""
    if isinstance(loss, dict):
        if "class_name" in loss:
            return resolve_loss(loss)
        return {key: _resolve_configs(item) for key, item in loss.items()}
    if isinstance(loss, list | tuple):
        return [_resolve_configs(item) for item in loss]
    return loss


def _loss_weight(weight: Any) -> Any:
    """A factor of a loss as a number, unless it is none or a variable."""
    if weight is None or hasattr(weight, "shape"):
        return weight
    if isinstance(weight, (int, float)):
        return float(weight)
    raise ValueError(
        f"compile: loss_weights must be numbers, one per output; got {weight!r}. Metrics are given by "
        "keyword: compile(optimizer, loss, metrics=[...])"
    )


class CompileLoss:
    """Computes the loss that `compile` described.

    Args:
        loss: A loss, or a list or dict of them by output.
        loss_weights: Numbers in the same arrangement.
        output_names: Names of the outputs, where the model knows them.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: list[str] | None = None) -> None:
        check_losses(loss)
        self._loss = _resolve_configs(loss)
        self._loss_weights = loss_weights
        self._output_names = output_names
        self._layout: OutputLayout | None = None
        #: The shapes of targets and outputs that `build` went by.
        self._matched: Any = None
        self._single: Any = None
        self._losses: list[Any] = []
        self._weights: list[Any] = []
        self._used: list[bool] = []
        #: Running mean of each part, when there are several.
        self.trackers: list[LossTracker] = []

    @property
    def built(self) -> bool:
        """Whether the losses were matched to outputs."""
        return self._layout is not None

    @property
    def layout(self) -> OutputLayout | None:
        """How the outputs are arranged, once known."""
        return self._layout

    @property
    def output_losses(self) -> list[Any]:
        """One loss (or None) per output, once built."""
        return self._losses

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Matches losses to outputs; shapes decide what 'crossentropy' means.

        Args:
            y_true: Targets; tensors or anything with a `shape`.
            y_pred: Outputs of the model, likewise.
        """
        matched = (shapes_in(y_true), shapes_in(y_pred))
        if matched == self._matched:
            return
        self._matched = None
        layout = OutputLayout(y_pred, self._output_names)
        outputs = layout.predictions(y_pred)
        choices = layout.align_choices(self._loss, "loss")
        self._used = [choice is not None for choice in choices]
        targets = layout.align(y_true, "y", self._used)
        self._losses = []
        for choice, target, output in zip(choices, targets, outputs, strict=True):
            resolved = resolve_loss(choice)
            if resolved in _AUTOMATIC:
                resolved = _automatic_crossentropy(target, output)
            self._losses.append(resolved)
        if not any(self._used):
            raise ValueError("compile: loss names no output of the model; give at least one loss")
        self._weights = [
            _loss_weight(weight) for weight in layout.align_choices(self._loss_weights, "loss_weights")
        ]
        self._layout = layout
        used = [index for index, taken in enumerate(self._used) if taken]
        self.trackers = []
        self._single = None
        if len(used) > 1:
            self.trackers = [LossTracker(f"{layout.names[index]}_loss") for index in used]
        elif layout.is_single and self._weights[0] is None:
            self._single = self._losses[0]
        self._matched = matched

    def align_targets(self, y_true: Any) -> list[Any]:
        """Lists the targets, one entry per output."""
        assert self._layout is not None
        return self._layout.align(y_true, "y", self._used)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """Gives the loss of one batch."""
        single = self._single
        if single is not None:
            y_true, sample_weight = only_entry(y_true), only_entry(sample_weight)
            return single(y_true, y_pred, sample_weight)
        if self._layout is None:
            self.build(y_true, y_pred)
            return self(y_true, y_pred, sample_weight)
        return self._several(y_true, y_pred, sample_weight, self._layout)

    def _several(self, y_true: Any, y_pred: Any, sample_weight: Any, layout: OutputLayout) -> Tensor:
        targets = self.align_targets(y_true)
        outputs = layout.predictions(y_pred)
        sample_weights = layout.align_weights(sample_weight, "sample_weight")
        total: Any = None
        trackers = iter(self.trackers)
        for index, loss in enumerate(self._losses):
            if loss is None:
                continue
            target, output = targets[index], outputs[index]
            value = loss(target, output, sample_weights[index])
            tracker = next(trackers, None)
            if tracker is not None:
                tracker.update_state(value, output.shape[0] if output.shape else 1)
            weight = self._weights[index]
            if weight is not None:
                value = value * weight
            total = value if total is None else total + value
        return total


def _automatic_crossentropy(target: Any, output: Any) -> Any:
    if target is None:
        raise ValueError("loss='crossentropy' chooses by the shape of the targets, but there is no y")
    binary, sparse = is_binary_or_sparse(tuple(target.shape), tuple(output.shape))
    if binary:
        return losses.BinaryCrossentropy()
    return losses.SparseCategoricalCrossentropy() if sparse else losses.CategoricalCrossentropy()
