"""One update of the weights: forward, loss and gradients of its batches, then the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from corten import _core, ops
from corten._state import state as call_state
from corten.training.adapters.conversion import flatten, to_tensors
from corten.training.capture import StepCapture
from corten.training.interrupts import StepState
from corten.variable import Variable

#: The label of what takes no part in the loss.
IGNORED = -100


class StepMeasures:
    """What a step leaves behind besides its loss. It stands where a compiled model has its metrics.

    Attributes:
        gradient_norm: The norm of all gradients of the last update together, before it was clipped.
        finite_losses: How many updates had a loss that was finite, since it was last reset.
    """

    #: `fit`'s machinery asks for these of the metrics of a model.
    name = "step_measures"
    built = True

    def __init__(self) -> None:
        self.gradient_norm = Variable(0.0, dtype="float32", trainable=False, name="gradient_norm")
        self.finite_losses = Variable(0.0, dtype="float32", trainable=False, name="finite_losses")

    @property
    def variables(self) -> list[Variable]:
        """The variables, which a checkpoint holds."""
        return [self.gradient_norm, self.finite_losses]

    def reset_state(self) -> None:
        """Starts to count anew."""
        self.finite_losses.assign(0.0)


def call_model(model: Any, inputs: Mapping[str, Any], training: bool, by_name: bool) -> Any:
    """Calls a model with a batch.

    Args:
        model: The model.
        inputs: Tensors by name.
        training: Whether dropout and the like are on.
        by_name: Whether they are arguments of `call`; else the dict is its first argument.
    """
    before = call_state.training
    call_state.training = training
    try:
        return model(**inputs) if by_name else model(dict(inputs))
    finally:
        call_state.training = before


def loss_in(outputs: Any, inputs: Mapping[str, Any], model: Any) -> Any:
    """Gives the loss among the outputs of a model.

    Raises:
        ValueError: There is none.
    """
    loss = None
    if isinstance(outputs, Mapping):
        loss = outputs.get("loss")
    elif isinstance(outputs, tuple | list) and outputs:
        loss = outputs[0]
        loss = loss if getattr(loss, "shape", None) == () else None
    if loss is None:
        given = list(outputs) if isinstance(outputs, Mapping) else type(outputs).__name__
        raise ValueError(
            f"Trainer: {type(model).__name__} gave no loss: its outputs are {given}, its inputs were "
            f"{sorted(inputs)}. Does the data set have labels (a column 'labels' or 'label')? A model "
            "without a loss of its own needs compute_loss_func, or a Trainer that overrides compute_loss."
        )
    return loss


class LabelSmoother:
    """Cross-entropy with targets that give a share to all classes.

    `(1 - epsilon) * nll + epsilon * mean over the classes of -log p`, as the mean over the labels that are
    not -100 (Szegedy et al., 2016, "Rethinking the Inception Architecture", arXiv:1512.00567).

    Args:
        epsilon: The share.
        shifted: Whether the label of a token is the next one, as for language models.

    Example:
        >>> import numpy as np
        >>> smoother = LabelSmoother(0.1)
        >>> round(float(smoother({"logits": np.zeros((1, 4), "float32")}, np.array([2]))), 4)
        1.3863
    """

    def __init__(self, epsilon: float, shifted: bool = False) -> None:
        self.epsilon = epsilon
        self.shifted = shifted

    def __call__(self, outputs: Any, labels: Any) -> Any:
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[0]
        logits, labels = ops.convert_to_tensor(logits), ops.convert_to_tensor(labels)
        if self.shifted:
            logits, labels = logits[..., :-1, :], labels[..., 1:]
        if labels.ndim != logits.ndim - 1:
            raise ValueError(
                "Trainer: label_smoothing_factor needs labels that are class numbers, one for each row of "
                f"logits; got labels {tuple(labels.shape)} for logits {tuple(logits.shape)}"
            )
        log_probabilities = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        counted = ops.not_equal(labels, IGNORED)
        classes = ops.expand_dims(ops.where(counted, labels, ops.zeros_like(labels)), -1)
        likelihood = -ops.squeeze(ops.take_along_axis(log_probabilities, classes, axis=-1), -1)
        spread = -ops.mean(log_probabilities, axis=-1)
        each = (1.0 - self.epsilon) * likelihood + self.epsilon * spread
        weights = ops.cast(counted, "float32")
        return ops.sum(each * weights) / ops.maximum(ops.sum(weights), 1.0)


def count_of_items(inputs: Mapping[str, Any], label_names: Sequence[str], shifted: bool = False) -> Any:
    """Gives how many labels of a batch are not -100, as a tensor; without labels the number of rows.

    Args:
        inputs: Tensors by name.
        label_names: Names of labels; the first that is there counts.
        shifted: Whether the first token's label is not used, as in language models.
    """
    for name in label_names:
        labels = inputs.get(name)
        if labels is not None:
            if labels.dtype.startswith(("int", "uint")):
                labels = labels[..., 1:] if shifted else labels
                return ops.sum(ops.cast(ops.not_equal(labels, IGNORED), "float32"))
            return _core.full((), float(labels.shape[0]), "float32")
    first = next(iter(inputs.values()))
    return _core.full((), float(first.shape[0]), "float32")


class TrainingStep:
    """Makes updates of a compiled model, by the engine alone where the step repeats.

    Args:
        model: The compiled model.
        loss_of: Gives the loss of a batch of tensors: `loss_of(inputs, num_items_in_batch)`.
        label_names: Names of the labels among the inputs.
        max_grad_norm: Largest norm of all gradients together; 0 for no limit.
        filter_losses: Leave losses that are not finite out of the mean.
        shifted: Whether the label of a token is the next one, as for language models.
        is_own: Whether all code of the step is Corten's, so that it may be captured.
        after_batch: Called after each batch of an update but the last, or None.
        before_update: Called between gradients and update, or None.
    """

    def __init__(
        self,
        model: Any,
        loss_of: Callable[[Mapping[str, Any], Any], Any],
        label_names: Sequence[str],
        max_grad_norm: float,
        filter_losses: bool,
        shifted: bool,
        is_own: bool,
        after_batch: Callable[[], None] | None = None,
        before_update: Callable[[], None] | None = None,
    ) -> None:
        self._model = model
        self._loss_of = loss_of
        self._label_names = tuple(label_names)
        self._limit = max_grad_norm
        self._filter = filter_losses
        self._shifted = shifted
        self._after_batch = after_batch
        self._before_update = before_update
        self.measures = StepMeasures()
        self._state = model._state()
        self._compiled = self._state.loss, self._state.metrics
        # The loss is what `loss_of` gives.
        self._state.loss, self._state.metrics = None, self.measures
        self._state.variables = list(model.trainable_variables)
        self._state.step_state = StepState(model)
        self.capture: StepCapture | None = None
        if is_own and after_batch is None and before_update is None and not model.run_eagerly:
            self.capture = self._state.capture = StepCapture(model)
            # Callbacks run between the steps, and may change settings.
            self.capture.begin(watchful=True)

    def __call__(self, batches: Sequence[Mapping[str, Any]]) -> None:
        """Makes one update with the batches of a group."""
        tensors = [to_tensors(dict(batch), "x") for batch in batches]
        before = _core.set_grad_enabled(True)
        try:
            sizes = {leaf.shape[:1] for batch in tensors for _, leaf in flatten(batch, "x")}
            if self.capture is None or len(sizes) != 1:
                self._whole(tensors)
            else:
                self.capture.step((tensors, None, None), lambda batch: self._whole(batch[0]))
        finally:
            _core.set_grad_enabled(before)

    def _whole(self, batches: Sequence[Mapping[str, Any]]) -> None:
        """An update as a whole or not at all."""
        step_state = self._state.step_state
        before = step_state.take()
        try:
            self._update(batches)
        except BaseException:
            step_state.give_back(before)
            raise

    def _update(self, batches: Sequence[Mapping[str, Any]]) -> None:
        optimizer, variables = self._model.optimizer, self._state.variables
        total: Any = None
        sums: list[Any] | None = None
        shares: Sequence[Any] = [None]
        items: Any = None
        if len(batches) > 1:
            counts = [count_of_items(inputs, self._label_names, self._shifted) for inputs in batches]
            items = counts[0]
            for count in counts[1:]:
                items = items + count
            items = ops.maximum(items, 1.0)
            shares = [count / items for count in counts]
        for number, (inputs, share) in enumerate(zip(batches, shares, strict=True)):
            loss = self._loss_of(inputs, items)
            if getattr(loss, "shape", None) != ():
                raise ValueError(
                    f"Trainer: the loss must be one number; got shape {tuple(getattr(loss, 'shape', ()))}. "
                    "Take its mean in compute_loss."
                )
            loss = ops.cast(loss, "float32")
            if share is not None:
                loss = loss * share
            gradients = _core.gradients(optimizer.scale_loss(loss), [one.value for one in variables])
            loss = loss.detach()
            total = loss if total is None else total + loss
            sums = (
                gradients
                if sums is None
                else [_added(one, more) for one, more in zip(sums, gradients, strict=True)]
            )
            if self._after_batch is not None and number < len(batches) - 1:
                self._after_batch()
        assert sums is not None
        recording = _core.set_grad_enabled(False)
        try:
            sums = self._clipped(sums)
            self._note(total)
        finally:
            _core.set_grad_enabled(recording)
        if self._before_update is not None:
            self._before_update()
        optimizer.apply(sums, variables)

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        """Gradients with a limited norm, which is noted."""
        squares: Any = None
        for gradient in gradients:
            if gradient is not None:
                square = ops.sum(ops.square(ops.cast(gradient, "float32")))
                squares = square if squares is None else squares + square
        if squares is None:
            return gradients  # The optimizer says what is wrong.
        norm = ops.sqrt(squares)
        self.measures.gradient_norm.assign(norm)
        if not self._limit:
            return gradients
        # A norm that is not finite gives NaN on purpose: training on as if nothing were hides the fault.
        factor = self._limit / ops.maximum(norm, self._limit) + (norm - norm)
        return [None if one is None else one * ops.cast(factor, one.dtype) for one in gradients]

    def _note(self, loss: Any) -> None:
        """Adds the loss to the sum since the last log."""
        finite = ops.isfinite(loss)
        if self._filter:
            loss = ops.where(finite, loss, ops.zeros_like(loss))
        count = self.measures.finite_losses
        count.assign(count.value + ops.cast(finite, "float32"))
        self._state.tracker.update_state(loss)

    # -- what is read between steps -------------------------------------------------------------------

    def take_loss(self) -> tuple[float, int, int]:
        """Gives the sum of the losses since the last call, how many there were, and how many were finite."""
        tracker = self._state.tracker
        total, steps = float(tracker._total), int(tracker._count)
        finite = int(float(self.measures.finite_losses.value))
        tracker.reset_state()
        self.measures.reset_state()
        return total, steps, finite if self._filter else steps

    @property
    def gradient_norm(self) -> float:
        """The norm of the last update's gradients."""
        return float(self.measures.gradient_norm.value)

    def close(self) -> None:
        """Gives the model back as it was."""
        self._state.variables = self._state.step_state = None
        self._state.loss, self._state.metrics = self._compiled
        self._state.forget_steps()


def _added(one: Any, more: Any) -> Any:
    if one is None or more is None:
        return more if one is None else one
    return one + more
