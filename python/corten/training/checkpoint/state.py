"""The state of training that is in the model, the optimizers, the metrics and the callbacks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from corten import _core
from corten.optimizers.optimizer import Optimizer
from corten.saving.model_state import to_array
from corten.training.checkpoint.encoding import decode, encode

Tensor = _core.Tensor


def optimizers_of(model: Any) -> list[Any]:
    """Gives the optimizer of `compile`, and those that the model keeps as attributes of its own."""
    found = [model.optimizer] if model.optimizer is not None else []
    held = [value for value in vars(model).values() if isinstance(value, Optimizer)]
    return [*found, *(one for one in held if all(one is not known for known in found))]


def variables_of(model: Any) -> list[Any]:
    """Gives all variables of a model and of its metrics, each once."""
    state = model._state()
    metrics = [] if state.metrics is None else state.metrics.variables
    return list({id(v): v for v in (*model.variables, *model.metrics_variables, *metrics)}.values())


class ModelState:
    """Weights, statistics, random states, optimizers, metrics and sums of losses.

    Args:
        model: The compiled, built model.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def _groups(self) -> dict[str, list[Any]]:
        model = self._model
        held = {id(variable) for variable in model.variables}
        groups = {
            "model": list(model.variables),
            "metrics": [variable for variable in variables_of(model) if id(variable) not in held],
        }
        groups.update((f"optimizer_{index}", one.variables) for index, one in enumerate(optimizers_of(model)))
        return groups

    def get(self, arrays: dict[str, Any], left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Gives the state as JSON and adds the arrays of variables to `arrays`.

        Args:
            arrays: Gets the arrays.
            left_out: Groups of variables that are kept elsewhere.
        """
        model = self._model
        places = {id(variable): index for index, variable in enumerate(variables_of(model))}
        for group, variables in self._groups().items():
            if group not in left_out:
                _put(arrays, group, variables)
        optimizers = []
        for optimizer in optimizers_of(model):
            optimizers.append(
                {
                    "trained": [places.get(id(v), -1) for v in optimizer._trainable_variables],
                    "built": bool(optimizer.built),
                    "plain": {name: getattr(optimizer, name) for name in optimizer._plain_state},
                }
            )
        trackers = [
            encode([tracker._total, tracker._count], arrays, f"loss_{index}")
            for index, tracker in enumerate(model._state().trackers)
        ]
        logs = encode(_plain(model._state().step_logs), arrays, "step_logs")
        return {
            "left_out": sorted(left_out),
            "optimizers": optimizers,
            "trackers": trackers,
            "step_logs": logs,
            "stop_training": bool(model.stop_training),
        }

    def build(self, state: dict[str, Any]) -> None:
        """Builds the optimizers that had been built.

        Raises:
            ValueError: One trains variables that are not the model's.
        """
        variables = variables_of(self._model)
        for optimizer, saved in zip(optimizers_of(self._model), state["optimizers"], strict=True):
            if saved["built"] and not optimizer.built:
                if -1 in saved["trained"]:
                    raise ValueError(
                        f"fit: {optimizer.name!r} trains variables that are not the model's; build it before "
                        "training goes on: `optimizer.build(variables)`"
                    )
                optimizer.build([variables[place] for place in saved["trained"]])

    def set(self, state: dict[str, Any], arrays: dict[str, Any]) -> None:
        """Sets the state of a model whose optimizers are built.

        Raises:
            ValueError: An optimizer holds other state.
        """
        model = self._model
        optimizers = optimizers_of(model)
        pairs = [
            pair
            for group, own in self._groups().items()
            if group not in state["left_out"]
            for pair in _pairs(arrays, group, own)
        ]
        for variable, array in pairs:
            variable.assign(array)
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            for name in optimizer._plain_state:
                setattr(optimizer, name, saved["plain"][name])
        for tracker, saved in zip(model._state().trackers, state["trackers"], strict=True):
            total, tracker._count = decode(saved, arrays)
            tracker._total = total if isinstance(total, float) else _tensor(total)
        model._state().step_logs = decode(state["step_logs"], arrays)
        model.stop_training = state["stop_training"]


def _plain(logs: Any) -> Any:
    from corten.training.history import plain_logs

    return None if logs is None else plain_logs(logs)


def _tensor(total: Any) -> Tensor:
    return _core.tensor(total)


def _put(arrays: dict[str, Any], group: str, variables: Iterable[Any]) -> None:
    for index, variable in enumerate(variables):
        arrays[f"{group}/{index}"] = to_array(variable)


def _pairs(arrays: dict[str, Any], group: str, variables: list[Any]) -> list[tuple[Any, Any]]:
    begin = f"{group}/"
    count = sum(name.startswith(begin) for name in arrays)
    if count != len(variables):
        raise ValueError(
            f"fit: the checkpoint has {count} variables of {group.replace('_', ' ')}, there are "
            f"{len(variables)} now; it is of another training"
        )
    found = []
    for index, variable in enumerate(variables):
        array = arrays[f"{begin}{index}"]
        if tuple(array.shape) != tuple(variable.shape):
            raise ValueError(
                f"fit: the checkpoint is of another training: variable {variable.path!r} has shape "
                f"{tuple(array.shape)} there and {tuple(variable.shape)} now"
            )
        found.append((variable, array))
    return found


def callback_states(callbacks: list[Any], arrays: dict[str, Any]) -> list[Any]:
    """Gives kind and state of each callback that has one.

    Raises:
        TypeError: A state holds what a file cannot.
    """
    found = []
    for index, callback in enumerate(callbacks):
        state = callback.get_state() if hasattr(callback, "get_state") else {}
        if state:
            kind = type(callback).__name__
            found.append([kind, encode(state, arrays, f"callback_{index}_{kind}")])
    return found


def set_callback_states(callbacks: list[Any], states: list[Any], arrays: dict[str, Any]) -> None:
    """Hands each callback the state that one of its kind had, in order."""
    waiting: dict[str, list[Any]] = {}
    for kind, state in states:
        waiting.setdefault(kind, []).append(state)
    for callback in callbacks:
        kind = type(callback).__name__
        if waiting.get(kind):
            callback.set_state(decode(waiting[kind].pop(0), arrays))
        elif hasattr(callback, "get_state") and not callback.only_writes and callback.get_state():
            warnings.warn(
                f"fit: the checkpoint has no state of a {kind}, which starts anew in the middle of training.",
                UserWarning,
                stacklevel=4,
            )
