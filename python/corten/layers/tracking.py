"""`Tracking`: how layers find their variables, sub-layers, losses and metrics.

Attributes that can hold state are noted by name when they are set. Lists, tuples and dicts are
stored as they are and searched when something asks, so appending to a list of layers later works
and nothing of the user's is wrapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from corten._state import Seen, Structure, state
from corten.layers.walks import Walk
from corten.variable import Variable

_STATELESS = frozenset({int, float, str, bool, type(None), complex, bytes, np.ndarray, type})
_CONTAINERS = (list, tuple, dict)


def _is_metric(value: Any) -> bool:
    return hasattr(value, "update_state") and hasattr(value, "result")


def is_seed_generator(value: Any) -> bool:
    """Whether a value is a random generator, whose state belongs to the layer that holds it."""
    return isinstance(getattr(value, "state", None), Variable) and hasattr(value, "next")


class Tracking:
    """Base of `Layer` that keeps account of what belongs to the layer."""

    _trainable: bool
    _locked: bool
    # Attributes that look like state but belong to training, not to the layer.
    _untracked: frozenset[str] = frozenset({"optimizer", "_optimizer", "loss", "_metrics"})

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # Not that of `Operation`, which keeps the arguments by name.
        self = object.__new__(cls)
        # Straight into the dict: `__setattr__` needs these to exist.
        self.__dict__.update(
            _tracked={},
            _weights=[],
            _call_losses=[],
            _inbound_nodes=[],
            _own_metrics=[],
            _locked=False,
            _trainable=True,
            _init_arguments=(args, kwargs),
        )
        return self

    # ---- attributes ----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        if name == "input_spec":
            attributes["_checked_shape"] = None
        if value.__class__ in _STATELESS:
            if name in attributes.get("_tracked", ()):
                self._forget(name)
            object.__setattr__(self, name, value)
            return
        if name in self._untracked or name.startswith(("_compile", "_init_arg", "__")):
            object.__setattr__(self, name, value)
            return
        tracked = attributes["_tracked"]
        if name in tracked and attributes.get(name) is not value:
            self._forget(name)
        if isinstance(value, Variable):
            self._refuse_if_locked(name, value)
            self._add_variable(value)
            tracked[name] = None
            Structure.change()
        elif isinstance(value, _CONTAINERS):
            if attributes["_locked"] and any(True for _ in stateful_leaves(value)):
                self._refuse_if_locked(name, value)
            tracked[name] = None
            Structure.change()
        elif isinstance(value, Tracking) or is_seed_generator(value) or _is_metric(value):
            self._refuse_if_locked(name, value)
            tracked[name] = None
            Structure.change()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__.get("_tracked", ()):
            self._forget(name)
        object.__delattr__(self, name)

    def _forget(self, name: str) -> None:
        old = self.__dict__.get(name)
        Structure.change()
        self.__dict__["_tracked"].pop(name, None)
        if isinstance(old, Variable):
            self.__dict__["_weights"] = [v for v in self.__dict__["_weights"] if v is not old]

    def _refuse_if_locked(self, name: str, value: Any) -> None:
        if not self.__dict__["_locked"]:
            return
        if value is not None and (
            self.__dict__.get(name) is value or any(v is value for v in self.variables)
        ):
            return
        raise ValueError(
            f"Cannot set {name!r} on layer {getattr(self, 'name', '?')!r}: you cannot add new "
            "elements of state (variables or sub-layers) to a layer that is already built. All "
            "state must be created in the `__init__()` method or in the `build()` method."
        )

    def _add_variable(self, variable: Variable) -> None:
        if not any(known is variable for known in self.__dict__["_weights"]):
            self.__dict__["_weights"].append(variable)
            Structure.change()

    def _track_variable(self, variable: Variable) -> None:
        """Make a variable part of this layer (`add_weight` does)."""
        self._add_variable(variable)

    def _untrack_variable(self, variable: Variable) -> None:
        """Take a variable off this layer."""
        Structure.change()
        self.__dict__["_weights"] = [v for v in self.__dict__["_weights"] if v is not variable]

    def _members(self) -> Iterator[Any]:
        """Yield the layers, variables, seed generators and metrics that attributes hold."""
        attributes = self.__dict__
        for name in attributes["_tracked"]:
            value = attributes.get(name)
            if isinstance(value, _CONTAINERS):
                yield from stateful_leaves(value)
            elif value is not None:
                yield value

    @property
    def _layers(self) -> list[Any]:
        """The direct sub-layers, each once."""
        return list(_unique(value for value in self._members() if isinstance(value, Tracking)))

    def _remembered(self, what: str, find: Callable[[], list[Any]]) -> list[Any]:
        """Return what `find` finds below this layer, without looking again where nothing changed."""
        walk: Walk | None = self.__dict__.get("_walk")
        if walk is None or not walk.holds():
            walk = self.__dict__["_walk"] = Walk(self._walked(True, True))
        return walk.result(what, find)

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        """Return this layer and those below it, parents first, each once."""
        if include_self and recursive:
            # What is kept does not hold this layer itself: it would never be freed without the collector.
            return [self, *self._remembered("layers", lambda: self._walked(True, True)[1:])]
        return self._walked(include_self, recursive)

    def _walked(self, include_self: bool, recursive: bool) -> list[Any]:
        found = [self] if include_self else []
        seen = {id(layer) for layer in found}
        # A stack: a function that calls itself would hold the layers until the collector comes.
        waiting = [*reversed(self._layers)]
        while waiting:
            layer = waiting.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                found.append(layer)
                if recursive:
                    waiting.extend(reversed(layer._layers))
        return found

    # ---- variables -----------------------------------------------------------------------------

    def _own_variables(self, seeds: bool) -> Iterator[Variable]:
        held = [v for v in self._members() if not isinstance(v, Tracking)]
        weights: list[Variable] = self.__dict__["_weights"]
        variables = list(_unique([*weights, *(v for v in held if isinstance(v, Variable))]))
        # As in Keras: trainable ones first, then the others, then states, which are no weights.
        yield from (v for v in variables if v._created_trainable)
        yield from (v for v in variables if not v._created_trainable and not v._is_state)
        if seeds:
            yield from (v for v in variables if v._is_state)
            yield from (v.state for v in held if is_seed_generator(v))

    @property
    def _trainable_variables(self) -> list[Variable]:
        """The layer's own variables that were made to be trained, frozen or not."""
        return [v for v in self._own_variables(seeds=True) if v._created_trainable]

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        """The layer's other own variables."""
        return [v for v in self._own_variables(seeds=True) if not v._created_trainable]

    def _all_variables(self, seeds: bool) -> list[Variable]:
        return list(_unique(v for layer in self._flatten_layers() for v in layer._own_variables(seeds)))

    @property
    def variables(self) -> list[Variable]:
        """All state: weights, statistics, random and kept states, own ones first."""
        return self._all_variables(seeds=True)

    @property
    def weights(self) -> list[Variable]:
        """All state except random states and what stateful layers keep between calls."""
        return self._all_variables(seeds=False)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers update."""

        def find() -> list[Variable]:
            found: list[Variable] = []
            self._collect_trainable(found, set())
            return list(_unique(found))

        return self._remembered("trainable_variables", find)

    def _collect_trainable(self, found: list[Variable], seen: set[int]) -> None:
        # A frozen layer freezes what is below it.
        if not self._trainable or id(self) in seen:
            return
        seen.add(id(self))
        found.extend(v for v in self._own_variables(seeds=False) if v.trainable)
        for layer in self._layers:
            layer._collect_trainable(found, seen)

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that optimizers leave alone, random states included."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The same as `trainable_variables`."""
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that optimizers leave alone, random states excluded."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics that this layer and those below it hold."""
        metrics = [m for layer in self._flatten_layers() for m in layer._direct_metrics()]
        return list(_unique(v for metric in _unique(metrics) for v in metric.variables))

    def _direct_metrics(self) -> list[Any]:
        held = (v for v in self._members() if not isinstance(v, (Tracking, Variable)))
        return list(_unique([*self.__dict__["_own_metrics"], *(v for v in held if _is_metric(v))]))

    @property
    def trainable(self) -> bool:
        """Whether optimizers update this layer. Setting it sets the layers below too."""
        return bool(self.__dict__["_trainable"])

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        Structure.change()
        self.__dict__["_trainable"] = value
        frozen = self._frozen_variables()
        for variable in self._own_variables(seeds=False):
            if variable._created_trainable and not any(variable is other for other in frozen):
                variable.trainable = value
        for layer in self._layers:
            layer.trainable = value

    def _frozen_variables(self) -> list[Variable]:
        """The variables that stay as they are whether the layer is trained or not."""
        return []

    # ---- losses --------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a penalty to the loss that training minimizes.

        Args:
            loss: A scalar tensor, or a list of them, computed in `call`.
        """
        Seen.losses = True
        # From now on every call takes the long way, which clears what the last one added.
        self.__dict__["_fast"] = self.__dict__["_steady"] = False
        self.__dict__["_general_only"] = True
        if state.probing:
            return
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            self.__dict__["_call_losses"].append(value)

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer.__dict__["_call_losses"].clear()

    @property
    def losses(self) -> list[Any]:
        """The penalties: those of the last call, then those of the weights' regularizers."""
        if not Seen.losses:
            return []
        found = [loss for layer in self._flatten_layers() for loss in layer._call_losses]
        for variable in self.trainable_variables:
            if variable.regularizer is not None:
                found.append(variable.regularizer(variable))
        return found

    # ---- arrays --------------------------------------------------------------------------------

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Return the values of `weights` as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Assign the values of `weights` from arrays in the order of `get_weights`.

        Raises:
            ValueError: The number of arrays or a shape differs; nothing is assigned then.
        """
        variables = self.weights
        name = getattr(self, "name", "?")
        if len(variables) != len(weights):
            built = getattr(self, "built", True) or not weights
            hint = "" if built else " It is not built yet: call it, or `build(input_shape)`, first."
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(variables)} weights.{hint}"
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(np.shape(value)) != variable.shape:
                raise ValueError(
                    f"Layer {name} weight shape {variable.shape} is not compatible with provided "
                    f"weight shape {tuple(np.shape(value))} (weight {variable.path!r})."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)


def stateful_leaves(container: Any, inside: tuple[int, ...] = ()) -> Iterator[Any]:
    """Gives the layers, variables, metrics and random generators in nested containers."""
    for value in container.values() if isinstance(container, dict) else container:
        if value.__class__ in _STATELESS:
            continue
        if isinstance(value, _CONTAINERS):
            if id(value) not in inside and value is not container:  # Containers may hold themselves.
                yield from stateful_leaves(value, (*inside, id(container)))
        elif isinstance(value, (Variable, Tracking)) or is_seed_generator(value) or _is_metric(value):
            yield value


def _unique(values: Iterable[Any]) -> Iterator[Any]:
    seen: set[int] = set()
    for value in values:
        if id(value) not in seen:
            seen.add(id(value))
            yield value
