"""`CallContext`: call arguments that reach the layers below without being handed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten._state import state
from corten.layers.call_signature import CallSignature

_ONLY_TRAINING = ("training",)


class CallContext:
    """Base of `Layer` that lets a layer have further call arguments like `training`."""

    #: The arguments that reach the layers below by themselves.
    _call_context_args: tuple[str, ...] = _ONLY_TRAINING
    _call_signature: CallSignature
    _general_call: Callable[[tuple[Any, ...], dict[str, Any]], Any]
    name: Any

    def _register_call_context_args(self, *names: str) -> None:
        """Declare call arguments that pass through the layers below, as `training` does.

        The layer's `call` need not have them. A layer below sees a value if it has declared the name too and
        its own `call` has the parameter; what it is given by the caller comes first.

        Args:
            *names: Names of call arguments.

        Raises:
            RuntimeError: If the layer has been called.

        Example:
            >>> import corten
            >>> class Noisy(corten.layers.Layer):
            ...     def __init__(self):
            ...         super().__init__()
            ...         self._register_call_context_args("loud")
            ...
            ...     def call(self, inputs, loud=False):
            ...         return inputs + 1 if loud else inputs
            >>> model = corten.Sequential([Noisy()])
            >>> model._register_call_context_args("loud")
            >>> model(corten.ops.zeros((1,)), loud=True).tolist()
            [1.0]
        """
        attributes = self.__dict__
        if "_seen_output_shape" in attributes or attributes["_inbound_nodes"]:
            raise RuntimeError(
                f"Cannot add call-context args after the layer has been called. Declare {', '.join(names)} "
                f"of layer {self.name!r} before its first call."
            )
        # The short ways of later calls do not look for such arguments.
        attributes.update(
            _call_context_args=tuple(dict.fromkeys((*self._call_context_args, *names))),
            _general_only=True,
            _steady=False,
        )

    def _call_in_context(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call below which the declared arguments are known."""
        accepted = self._call_signature.accepted
        names = [name for name in self._call_context_args if name != "training"]
        given = {name: kwargs[name] for name in names if kwargs.get(name) is not None}
        kept = {name: kwargs[name] for name in kwargs if name not in names or name in accepted}
        previous = state.context
        state.context = {**previous, **given}
        try:
            return self._general_call(args, kept)
        finally:
            state.context = previous

    def _inherit_context(self, kwargs: dict[str, Any]) -> None:
        """Fill in declared arguments that a call further out was given."""
        for name in self._call_context_args:
            inherited = name in state.context and name in self._call_signature.accepted
            if inherited and kwargs.get(name) is None:
                kwargs[name] = state.context[name]


def declares_more_than_training(layer: CallContext) -> bool:
    """Whether a layer has call arguments that pass through the layers below, besides `training`."""
    return layer._call_context_args is not _ONLY_TRAINING
