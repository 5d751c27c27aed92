"""`Operation`: the base of operations of one's own in functional models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core, tree
from corten._state import state
from corten.naming import auto_name
from corten.symbolic import Node, any_symbolic, output_spec

_PLAIN = (bool, int, float, str, type(None))


class Operation:
    """A function of tensors without weights, written by the user, that functional models can hold.

    Subclasses write `call`. Called with symbolic tensors, the operation becomes a node of the graph; shapes
    come from running `call` without values, or from `compute_output_spec` where a subclass writes it.

    A subclass whose constructor takes plain values (numbers, strings, None, lists, tuples and dicts of them)
    needs no `get_config`; for files it is registered like a layer of one's own.

    Args:
        name: The name; None makes one from the class name.

    Raises:
        ValueError: The name is no string, or contains a slash.

    Example:
        >>> import corten
        >>> class Shift(corten.Operation):
        ...     def __init__(self, by, name=None):
        ...         super().__init__(name=name)
        ...         self.by = by
        ...
        ...     def call(self, x):
        ...         return x + self.by
        >>> x = corten.Input((2,))
        >>> model = corten.Model(x, Shift(0.5, name="shift")(x))
        >>> model(corten.ops.zeros((1, 2))).tolist(), model.operations[-1].get_config()
        ([[0.5, 0.5]], {'by': 0.5, 'name': 'shift'})
    """

    _given: dict[str, Any] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        operation = super().__new__(cls)
        operation._given = _named_arguments(cls, args, kwargs)
        return operation

    def __init__(self, name: str | None = None) -> None:
        name = auto_name(type(self).__name__) if name is None else name
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"{type(self).__name__}: `name` must be a string and cannot contain character `/`. "
                f"Received: name={name!r}."
            )
        self.name = name
        self._inbound_nodes: list[Node] = []
        self._remat_scope = state.remat_scopes[-1] if state.remat_scopes else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_inbound_nodes" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}: call `super().__init__()` in `__init__`, before anything else."
            )
        args, kwargs = tree.map_structure(_tensor_of_array, (args, kwargs))
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.rematerialized_call(self._chosen_call(), *args, **kwargs)(*args, **kwargs)

    def _chosen_call(self) -> Callable[..., Any]:
        quantized = getattr(self, "quantization_mode", None) is not None
        return self.quantized_call if quantized else self.call

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result. Written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define `call`.")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result where the attribute `quantization_mode` is set. Written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define `quantized_call`.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors for symbolic tensors, and record the call as a node of the graph.

        Args:
            *args: The arguments of `call`.
            **kwargs: The keyword arguments of `call`.
        """
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, tuple(args), kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return what `call` would return, as symbolic tensors. May be written by the subclass.

        Args:
            *args: The arguments of `call`.
            **kwargs: The keyword arguments of `call`.
        """
        return output_spec(self._chosen_call(), args, kwargs)

    def rematerialized_call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """Return `fn` as the `RematScope` that the operation was made in wants it.

        Args:
            fn: `call`, or what stands for it.
            *args: The arguments of the call to come, whose output's size may count.
            **kwargs: The keyword arguments of it.
        """
        from corten.rematerialization import rematerialized

        return rematerialized(self._remat_scope, self, fn, args, kwargs)

    @property
    def input(self) -> Any:
        """The symbolic tensors of the first symbolic call: one, or a list."""
        return _one_or_list(self._first_node("input").inputs)

    @property
    def output(self) -> Any:
        """The symbolic results of the first symbolic call: one, or a list."""
        return _one_or_list(self._first_node("output").outputs)

    def _first_node(self, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The operation {self.name} has never been called on symbolic tensors and thus has no "
                f"defined {what}."
            )
        return self._inbound_nodes[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal operation.

        Raises:
            NotImplementedError: The constructor takes `*args` or got something that is no plain value; then
                the class needs a `get_config` of its own.
        """
        if type(self).__init__ is Operation.__init__:
            return {"name": self.name}
        overridden = type(self).get_config is not Operation.get_config
        if overridden:  # By way of `super().get_config()`, from a class that adds its own arguments.
            return {"name": self.name}
        given = self._given
        if given is None or not all(isinstance(leaf, _PLAIN) for leaf in tree.flatten(list(given.values()))):
            raise NotImplementedError(
                f"{type(self).__name__}: what its constructor got cannot be written down; give the class a "
                "`get_config` that returns the arguments as plain values, and a `from_config`."
            )
        parameters = inspect.signature(type(self).__init__).parameters
        if "name" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return {**given, "name": self.name}
        return dict(given)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make an equal operation from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<Operation name={self.__dict__.get('name')}>"


def _named_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """What a constructor got, by name, with its defaults; None where that has no names."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:
        return None  # `__init__` will say what is wrong.
    bound.apply_defaults()
    named: dict[str, Any] = {}
    for parameter in list(signature.parameters.values())[1:]:
        value = bound.arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            return None
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(value)
        else:
            named[parameter.name] = value
    return named


def _tensor_of_array(leaf: Any) -> Any:
    return _core.tensor(leaf) if isinstance(leaf, np.ndarray) and leaf.dtype != object else leaf


def _one_or_list(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)
