"""What must hold before the first batch: the model built, the data fitting it, the losses matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten import _core
from corten.text_arrays import is_text_array
from corten.training.adapters import ArrayAdapter, Batch, DataAdapter, LazyRowsAdapter
from corten.training.adapters.conversion import map_leaves
from corten.training.input_checks import check_inputs
from corten.training.target_checks import (
    LabelLimits,
    check_targets,
    label_limits,
    warn_about_last_activation,
)

Tensor = _core.Tensor


class _Spec:
    """A shape without values: enough to match losses and metrics."""

    def __init__(self, shape: tuple[Any, ...], dtype: str) -> None:
        self.shape = shape
        self.dtype = dtype


class Prepared:
    """With what kind of data a model was prepared: more of it needs no second look at shapes.

    Args:
        arrays: Inputs, targets and sample weights, all in memory.
        outputs: The symbolic outputs of the model.
        activation: The activation of its last layer.
        loss: The compiled loss, where its targets are to be checked.
    """

    def __init__(self, arrays: Batch, outputs: Any, activation: Any, loss: Any) -> None:
        self._kinds = tuple(map(_kind, arrays))
        self._outputs = outputs
        self._activation = activation
        self._loss = loss
        self._limits: list[tuple[int, LabelLimits]] = []
        if loss is not None:
            pairs = zip(loss.output_losses, loss.layout.predictions(outputs), strict=True)
            for index, (function, output) in enumerate(pairs):
                limits = label_limits(function, output.shape)
                if limits is not None:
                    self._limits.append((index, limits))

    def covers(self, model: Any, arrays: Batch) -> bool:
        """Whether `prepare` would find nothing new. The values of labels are looked at every time."""
        if self._outputs is not _symbolic_outputs(model) or self._activation is not _last_activation(model):
            return False
        if self._kinds != tuple(map(_kind, arrays)):
            return False
        if not self._limits:
            return True
        targets = self._loss.align_targets(arrays[1])
        return all(limits.hold(targets[index]) for index, limits in self._limits)


def _kind(value: Any) -> Any:
    """Shape (without the batch axis) and dtype of every array, in their structure."""
    if type(value) is Tensor:
        return value.shape[1:], value.dtype
    if is_text_array(value):
        return value.shape[1:], "string"
    if isinstance(value, Mapping):
        return dict, tuple((key, _kind(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return list, tuple(map(_kind, value))
    return value


def _symbolic_outputs(model: Any) -> Any:
    """The model's outputs as it declares them, None where it does not."""
    try:
        return getattr(model, "output", None)
    except (AttributeError, ValueError):
        return None


def _last_activation(model: Any) -> Any:
    layers = getattr(model, "layers", None)
    return getattr(layers[-1], "activation", None) if layers else None


def prepare_for(model: Any, adapter: DataAdapter, source: Any, caller: str, validation: Any = None) -> None:
    """`prepare` with what an adapter gives; data like the last call's is only checked for its labels.

    Raises:
        ValueError: There is no data, or it does not go with the model or the loss.
    """
    state = model._state()
    arrays = adapter.arrays if isinstance(adapter, ArrayAdapter) and validation is None else None
    if arrays is not None and state.prepared is not None and state.prepared.covers(model, arrays):
        return
    state.prepared = None
    first = adapter.first_batch()
    if first is None:
        raise ValueError(f"{caller}: x ({type(source).__name__}) gives no batches")
    whole = adapter.arrays if isinstance(adapter, ArrayAdapter) else first
    model._check_labels(whole[0], whole[1], caller)
    targets, _ = model._compared(whole[0], targets_of(adapter, first), None)
    spotless = prepare(model, first, targets, caller, validation)
    outputs = _symbolic_outputs(model)
    if arrays is not None and spotless and outputs is not None:
        own_loss = model._overrides("train_step") or model._overrides("compute_loss")
        loss = None if own_loss else state.loss
        state.prepared = Prepared(arrays, outputs, _last_activation(model), loss)


def prepare(model: Any, batch: Batch, targets: Any, caller: str, validation: Any = None) -> bool:
    """Builds the model and its losses and metrics from the first batch, and checks the data.

    Args:
        model: The compiled model.
        batch: The first batch.
        targets: All targets at hand, to check label ranges; those of the batch if there are no more.
        caller: Method named by messages.
        validation: The adapter of the validation data, whose targets must do as well.

    Returns:
        Whether all was checked and there was nothing to warn about.

    Raises:
        ValueError: The data does not go with the model or the loss. No weight was changed.
    """
    x, y, sample_weight = batch
    check_inputs(model, x, caller)
    own_step = model._overrides("train_step")
    try:
        outputs = output_specs(model, x)
    except Exception:
        if not own_step:
            raise
        # The user's step may feed the model something else, or never call it as a whole.
        return False
    spotless = True
    state = model._state()
    y, outputs = model._compared(x, y, outputs)
    target_specs = map_leaves(lambda leaf, _: _Spec((None, *leaf.shape[1:]), leaf.dtype), y, "y")
    own_loss = own_step or model._overrides("compute_loss")
    if state.loss is not None and not own_loss:
        state.loss.build(target_specs, outputs)
        spotless = _check_all_targets(state.loss, targets, outputs, caller)
        _check_weights(state.loss, sample_weight, outputs, caller)
        first = None if validation is None else validation.first_batch()
        if first is not None and not model._overrides("test_step"):
            targets, _ = model._compared(first[0], targets_of(validation, first), None)
            _check_all_targets(state.loss, targets, outputs, f"{caller} (validation_data)")
        if state.loss.layout.is_single:
            spotless &= not warn_about_last_activation(model, state.loss.output_losses[0], caller)
    if state.metrics is not None and not state.metrics.built and not own_step:
        state.metrics.build(target_specs, outputs)
    return spotless


def _check_all_targets(loss: Any, targets: Any, outputs: Any, caller: str) -> bool:
    layout = loss.layout
    names = layout.names
    of_output = loss.align_targets(targets)
    pairs = zip(loss.output_losses, layout.predictions(outputs), strict=True)
    spotless = True
    for index, (function, output) in enumerate(pairs):
        place = repr(names[index]) if isinstance(targets, dict) else str(index)
        name = "y" if len(names) == 1 else f"y[{place}]"
        spotless &= not check_targets(function, of_output[index], output.shape, name=name, caller=caller)
    return spotless


def _check_weights(loss: Any, sample_weight: Any, outputs: Any, caller: str) -> None:
    """One weight per value of the loss, which has the output's shape without its last axis."""
    if not loss.layout.is_single or not hasattr(sample_weight, "shape"):
        return
    given, wanted = tuple(sample_weight.shape), tuple(outputs.shape[:-1])
    trimmed = given[:-1] if len(given) > 1 and given[-1] == 1 else given
    if len(trimmed) > max(len(wanted), 1):
        unit, shape = ("sample", "(None,)") if len(wanted) < 2 else ("position", str(wanted))
        raise ValueError(
            f"{caller}: sample_weight has shape {(None, *given[1:])}, but the loss has one value per {unit}: "
            f"pass weights of shape {shape}"
        )


def output_specs(model: Any, x: Any) -> Any:
    """Gives shape and dtype of the model's outputs for inputs like `x`; builds the model if needed.

    Models that know their outputs are asked. Others are called on symbolic inputs, and where their
    code cannot run on those (it looks at values), on the first rows of the real batch.
    """
    known = _declared_outputs(model)
    if known is not None and getattr(model, "built", False):
        return known
    from corten.symbolic import KerasTensor

    symbolic = map_leaves(lambda leaf, _: KerasTensor((None, *leaf.shape[1:]), dtype=leaf.dtype), x, "x")
    try:
        outputs = model.compute_output_spec(symbolic, training=False)
    except Exception:
        return _as_specs(_tried(model, map_leaves(lambda leaf, _: leaf[:2], x, "x")))
    if not getattr(model, "built", True):
        _tried(model, map_leaves(lambda leaf, _: leaf[:1], x, "x"))
    return _as_specs(outputs)


def _tried(model: Any, rows: Any) -> Any:
    """The outputs for a few rows; what `call` assigns to the model's variables does not stay."""
    saved = [(variable, variable._value) for variable in model.variables]
    before = _core.set_grad_enabled(False)
    try:
        return model(rows, training=False)
    finally:
        _core.set_grad_enabled(before)
        for variable, value in saved:
            variable._value = value


def _declared_outputs(model: Any) -> Any:
    outputs = _symbolic_outputs(model)
    return None if outputs is None else _as_specs(outputs)


def _as_specs(outputs: Any) -> Any:
    def spec(leaf: Any, _: str) -> _Spec:
        shape = tuple(leaf.shape)
        return _Spec((None, *shape[1:]) if shape else (), str(leaf.dtype))

    return map_leaves(spec, outputs, "output")


def targets_of(adapter: DataAdapter, batch: Batch) -> Any:
    """Gives all targets when they are in memory, else those of the first batch."""
    if isinstance(adapter, ArrayAdapter):
        return adapter.arrays[1]
    whole = adapter.whole_targets if isinstance(adapter, LazyRowsAdapter) else None
    return batch[1] if whole is None else whole
