"""The loss of a compiled model: one loss per output, weighted and summed."""

from __future__ import annotations

from typing import Any

from corten import _core, losses
from corten.training.loss_tracker import LossTracker
from corten.training.outputs import OutputLayout, is_binary_or_sparse, only_entry, shapes_in
from corten.training.structured_losses import SeveralLosses, WholeLoss, numbers_in

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
        items = [_resolve_configs(item) for item in loss]
        return type(loss)(*items) if hasattr(loss, "_fields") else type(loss)(items)
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
        self._whole: list[WholeLoss] = []
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
        single, whole = layout.align_losses(self._loss, "loss")
        choices, factors, whole_factors = self._with_weights(layout, single, whole)
        self._used = [
            any(choice is not None for choice in chosen)
            or any(number in numbers_in(numbers) for _, numbers, _ in whole)
            for number, chosen in enumerate(choices)
        ]
        targets = layout.align(y_true, "y", self._used)
        self._losses, self._weights = [], []
        for chosen, weights, target, output in zip(choices, factors, targets, outputs, strict=True):
            loss, weight = _one_loss(chosen, weights, target, output)
            self._losses.append(loss)
            self._weights.append(weight)
        if not any(self._used):
            raise ValueError("compile: loss names no output of the model; give at least one loss")
        self._whole = [
            WholeLoss(place, numbers, _whole_loss(choice), weight)
            for (place, numbers, choice), weight in zip(whole, whole_factors, strict=True)
        ]
        self._layout = layout
        names = [layout.loss_name(index) for index, loss in enumerate(self._losses) if loss is not None]
        names += [layout.loss_name(part.numbers, part.place) for part in self._whole]
        self.trackers = []
        self._single = None
        if len(names) > 1:
            self.trackers = [LossTracker(f"{name}_loss") for name in names]
        elif layout.is_single and self._weights[0] is None:
            self._single = self._losses[0]
        self._matched = matched

    def _with_weights(
        self, layout: OutputLayout, single: list[list[Any]], whole: list[tuple[Any, ...]]
    ) -> tuple[list[list[Any]], list[list[Any]], list[Any]]:
        """The losses of each output, their factors, and the factors of structures' losses."""
        factors, whole_factors = layout.align_losses(self._loss_weights, "loss_weights")
        weights = [[_loss_weight(factor) for factor in given] for given in factors]
        if self._loss_weights is None:
            return single, [[None] * len(chosen) for chosen in single], [None] * len(whole)
        for number, (chosen, given) in enumerate(zip(single, weights, strict=True)):
            if len(given) == 1:
                weights[number] = given * len(chosen)
            elif len(given) != len(chosen):
                raise ValueError(
                    f"compile: loss_weights has {len(given)} entries for the {len(chosen)} losses of "
                    f"{layout.names[number]!r}"
                )
        if len(whole) != len(whole_factors):
            raise ValueError("compile: loss_weights must be arranged as the losses are")
        return single, weights, [_loss_weight(factor) for _, _, factor in whole_factors]

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
        for part in self._whole:
            value = part.value(targets, y_pred, sample_weights)
            tracker = next(trackers, None)
            if tracker is not None:
                tracker.update_state(value, len(outputs[0]))
            if part.weight is not None:
                value = value * part.weight
            total = value if total is None else total + value
        return total


def _one_loss(choices: list[Any], weights: list[Any], target: Any, output: Any) -> tuple[Any, Any]:
    """The loss of one output and its factor."""
    resolved = []
    for choice in choices:
        loss = resolve_loss(choice)
        resolved.append(_automatic_crossentropy(target, output) if loss in _AUTOMATIC else loss)
    there = [index for index, loss in enumerate(resolved) if loss is not None]
    if len(there) > 1:
        return SeveralLosses(resolved, weights), None
    return (resolved[there[0]], weights[there[0]]) if there else (None, None)


def _whole_loss(choice: Any) -> Any:
    """A function of structures stays as it is: it is not for one output."""
    return choice if callable(choice) else resolve_loss(choice)


def _automatic_crossentropy(target: Any, output: Any) -> Any:
    if target is None:
        raise ValueError("loss='crossentropy' chooses by the shape of the targets, but there is no y")
    binary, sparse = is_binary_or_sparse(tuple(target.shape), tuple(output.shape))
    if binary:
        return losses.BinaryCrossentropy()
    return losses.SparseCategoricalCrossentropy() if sparse else losses.CategoricalCrossentropy()
