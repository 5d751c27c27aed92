"""Runs a parity case with either library; what comes out is a list of arrays in a fixed order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tests.parity.cases import Case, draw, drawn, extra_of, inputs_of, weights_of


class Side:
    """A library, and what the runner needs of it beyond the public names both have."""

    library: Any

    def tensor(self, array: np.ndarray) -> Any:
        """An array as a tensor."""
        raise NotImplementedError

    def gradients(
        self, function: Callable[..., Any], tensors: list[Any], layer: Any = None
    ) -> tuple[Any, list[np.ndarray]]:
        """Outputs, and gradients of `weighted_sum` and penalties for tensors and trainable weights."""
        raise NotImplementedError


def flat(value: Any) -> list[Any]:
    """The tensors of a structure in order."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in flat(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flat(item)]
    return [] if value is None else [value]


def weighted_sum(outputs: Any, library: Any) -> Any:
    """One number that depends on every output: a sum with fixed factors."""
    total: Any = 0.0
    for index, output in enumerate(flat(outputs)):
        if "float" in str(output.dtype):
            factors = draw(f"factors {index}", tuple(output.shape))
            total = total + library.sum(output * factors)
    return total


def run_layer(side: Side, case: Case) -> list[Any]:
    """Outputs, gradients for inputs and weights, weights that changed by the call."""
    layer = case.make(side.library)
    arrays = [side.tensor(array) for array in inputs_of(case)]
    extra = {
        name: [side.tensor(item) for item in value] if isinstance(value, list) else side.tensor(value)
        for name, value in extra_of(case).items()
    }

    def call(*tensors: Any) -> Any:
        if case.listed:
            return layer(list(tensors), **extra, **case.arguments)
        return layer(*tensors, **extra, **case.arguments)

    call(*arrays)
    weights = layer.weights
    values = weights_of(case, [tuple(w.shape) for w in weights], [w.path for w in weights])
    layer.set_weights(values)
    floats = [array for array in arrays if "float" in str(array.dtype)]
    if not case.gradient or len(floats) != len(arrays):
        outputs, gradients = side.gradients(lambda: call(*arrays), [], layer)
    else:
        outputs, gradients = side.gradients(call, arrays, layer)
    layer.set_weights(values)
    call(*arrays)
    after = [np.asarray(w) for w in layer.non_trainable_weights if "float" in str(w.dtype)]
    return [*map(np.asarray, flat(outputs)), *gradients, *after]


def run_loss(side: Side, case: Case) -> list[Any]:
    """The loss and its gradient for the predictions."""
    loss = case.make(side.library)
    y_true, y_pred = (side.tensor(array) for array in inputs_of(case))
    extra = {name: side.tensor(value) for name, value in extra_of(case).items()}
    outputs, gradients = side.gradients(lambda pred: loss(y_true, pred, **extra), [y_pred])
    return [*map(np.asarray, flat(outputs)), *gradients]


def run_metric(side: Side, case: Case) -> list[Any]:
    """The result after one batch and after two."""
    metric = case.make(side.library)
    results = []
    for batch in range(2):
        arguments = [
            side.tensor(drawn(case, spec, f"batch {batch} {i}")) for i, spec in enumerate(case.inputs)
        ]
        extra = {
            name: side.tensor(drawn(case, spec, f"batch {batch} {name}")) for name, spec in case.extra.items()
        }
        metric.update_state(*arguments, **extra)
        results += map(np.asarray, flat(metric.result()))
    return results


def run_optimizer(side: Side, case: Case) -> list[Any]:
    """Two variables after 1, 2, 5 and 20 steps."""
    optimizer = case.make(side.library)
    shapes = ((4, 3), (3,))
    variables = [
        side.library.Variable(draw(f"{case.name} variable {i}", shape), name=f"v{i}")
        for i, shape in enumerate(shapes)
    ]
    optimizer.build(variables)
    results = []
    for step in range(1, 21):
        gradients = [
            side.tensor(draw(f"{case.name} step {step} {i}", shape)) for i, shape in enumerate(shapes)
        ]
        optimizer.apply(gradients, variables)
        if step in (1, 2, 5, 20):
            results += [np.array(variable) for variable in variables]
    if case.arguments.get("finalize"):
        optimizer.finalize_variable_values(variables)
        results += [np.array(variable) for variable in variables]
    return results


def run_schedule(side: Side, case: Case) -> list[Any]:
    """The rate at some steps."""
    schedule = case.make(side.library)
    steps = (0, 1, 2, 3, 5, 9, 10, 11, 25, 50, 99, 100, 101, 1000)
    return [np.array([float(np.asarray(schedule(step))) for step in steps])]


def run_function(side: Side, case: Case) -> list[Any]:
    """A function's values, and gradients for its inputs."""
    function = case.make(side.library)
    tensors = [side.tensor(array) for array in inputs_of(case)]
    if not case.gradient:
        return [*map(np.asarray, flat(function(*tensors)))]
    outputs, gradients = side.gradients(function, tensors)
    return [*map(np.asarray, flat(outputs)), *gradients]


def run_initializer(side: Side, case: Case) -> list[Any]:
    """Statistics of many draws; the values themselves where nothing is drawn."""
    shape = case.arguments["shape"]
    values = np.asarray(case.make(side.library)(shape, dtype="float32"))
    if case.arguments.get("exact"):
        return [values]
    absolute = np.abs(values)
    return [np.array([values.std(), absolute.mean(), absolute.max()])]


def run_training(side: Side, case: Case) -> list[Any]:
    """The loss of each of 20 steps of `fit`, and the weights after them."""
    library = side.library
    model = case.make(library)
    x, y = (
        [drawn(case, spec, f"{what} {i}") for i, spec in enumerate(case.arguments[what])]
        for what in ("x", "y")
    )
    model(library.ops.convert_to_tensor(x[0][:1])) if len(x) == 1 else model(
        [library.ops.convert_to_tensor(part[:1]) for part in x]
    )
    shapes = [tuple(w.shape) for w in model.weights]
    values = weights_of(case, shapes, [w.path for w in model.weights])
    model.set_weights(
        [value / math.sqrt(max(value.shape[0], 1)) if value.ndim > 1 else value for value in values]
    )
    model.compile(**case.arguments["compile"](library))
    losses: list[float] = []

    class Recorder(library.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            losses.append(float(logs["loss"]))

    fit = case.arguments.get("fit", {})
    size = len(x[0])
    model.fit(
        x if len(x) > 1 else x[0], y if len(y) > 1 else y[0],
        batch_size=size, epochs=20, shuffle=False, verbose=0, callbacks=[Recorder()], **fit,
    )  # fmt: skip
    return [np.array(losses), *map(np.asarray, model.get_weights())]


RUNNERS: dict[str, Callable[[Side, Case], list[Any]]] = {
    "layers": run_layer,
    "losses": run_loss,
    "metrics": run_metric,
    "optimizers": run_optimizer,
    "schedules": run_schedule,
    "functions": run_function,
    "initializers": run_initializer,
    "trainings": run_training,
}
