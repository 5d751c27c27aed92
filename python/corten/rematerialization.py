"""`RematScope`: layers made inside it keep less for the gradient and compute it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from corten import tree
from corten._state import state
from corten.autograd import remat
from corten.symbolic import KerasTensor, any_symbolic, output_spec

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematScope:
    """Context in which new layers are set to trade time for memory (gradient checkpointing).

    A layer made in the scope keeps its inputs only, and its gradient computes the call once more
    (Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174). Values and
    gradients have the same bits with and without it. The scope counts when the layer is made; where the
    layer is called later does not matter. Of nested scopes the innermost counts.

    Args:
        mode: Which layers. `'full'`: all that hold no layers of their own (one that holds layers is
            computed again piece by piece). `'activations'`: the activation of layers that have one, not the
            product before it. `'larger_than'`: layers without layers of their own whose output has more
            than `output_size_threshold` elements, the batch axis included. `'list_of_layers'`: those named
            in `layer_names`, with what they hold. None: no layer.
        output_size_threshold: The number of elements for `'larger_than'`.
        layer_names: Names of layers for `'list_of_layers'`; None means none.

    Raises:
        ValueError: The mode is not known.

    Example:
        >>> import corten
        >>> with corten.RematScope(mode="larger_than", output_size_threshold=100):
        ...     layer = corten.layers.Dense(64, activation="gelu")
        >>> layer(corten.ops.ones((4, 8))).shape
        (4, 64)
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: list[str] | None = None,
    ) -> None:
        if mode not in _MODES:
            raise ValueError(
                f"RematScope: expected `mode` to be one of {', '.join(map(repr, _MODES))}; got {mode!r}."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])

    def __enter__(self) -> RematScope:
        state.remat_scopes = (*state.remat_scopes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        state.remat_scopes = state.remat_scopes[:-1]


def get_current_remat_mode() -> RematScope | None:
    """Return the innermost open `RematScope`, or None.

    Example:
        >>> import corten
        >>> with corten.RematScope(mode="activations"):
        ...     get_current_remat_mode().mode
        'activations'
    """
    return state.remat_scopes[-1] if state.remat_scopes else None


def rematerialized(
    scope: RematScope | None, owner: Any, call: Callable[..., Any], args: Any, kwargs: Any
) -> Callable[..., Any]:
    """Return `call`, or what computes it again in the gradient where `scope` says so of its owner.

    Args:
        scope: What counted when the owner was made; None leaves `call` as it is.
        owner: The layer or operation.
        call: What it computes.
        args: The positional arguments of the call to come; sizes of outputs depend on them.
        kwargs: The keyword arguments.
    """
    if scope is None or scope.mode is None:
        return call
    if scope.mode == "list_of_layers":
        return _remembering_losses(owner, call) if owner.name in scope.layer_names else call
    if scope.mode == "activations":
        return _with_rematerialized_activation(owner, call)
    if getattr(owner, "_layers", None):
        return call
    if scope.mode == "larger_than" and _output_size(call, args, kwargs) <= scope.output_size_threshold:
        return call
    return _remembering_losses(owner, call)


def _remembering_losses(owner: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """`remat(call)`, with the penalties that the call adds among its results: they have gradients too."""
    if not hasattr(owner, "_flatten_layers"):
        return remat(call)

    def outputs_and_losses(*args: Any, **kwargs: Any) -> tuple[Any, list[list[Any]]]:
        kept = [layer.__dict__["_call_losses"] for layer in owner._flatten_layers()]
        counts = [len(losses) for losses in kept]
        outputs = call(*args, **kwargs)
        # The call may have made layers.
        kept = [layer.__dict__["_call_losses"] for layer in owner._flatten_layers()]
        counts += [0] * (len(kept) - len(counts))
        added = [losses[count:] for losses, count in zip(kept, counts, strict=True)]
        for losses, count in zip(kept, counts, strict=True):
            del losses[count:]
        return outputs, added

    repeated = remat(outputs_and_losses)

    def with_losses(*args: Any, **kwargs: Any) -> Any:
        outputs, added = repeated(*args, **kwargs)
        for layer, losses in zip(owner._flatten_layers(), added, strict=True):
            layer.__dict__["_call_losses"].extend(losses)
        return outputs

    return with_losses


def _with_rematerialized_activation(owner: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    attributes = vars(owner)
    kept = attributes.get("activation")
    if not callable(kept):
        return call

    def with_activation(*args: Any, **kwargs: Any) -> Any:
        attributes["activation"] = remat(kept)
        try:
            return call(*args, **kwargs)
        finally:
            attributes["activation"] = kept

    return with_activation


def _output_size(call: Callable[..., Any], args: Any, kwargs: Any) -> int:
    """The number of elements of all outputs, found without computing them; unknown sizes count as 1."""

    def symbol(leaf: Any) -> Any:
        known = hasattr(leaf, "shape") and hasattr(leaf, "dtype")
        return KerasTensor(leaf.shape, leaf.dtype) if known else leaf

    if any_symbolic(args, kwargs):
        return 0
    given_args, given_kwargs = tree.map_structure(symbol, (tuple(args), dict(kwargs)))
    spec = output_spec(call, given_args, given_kwargs)
    shapes = [leaf.shape for leaf in tree.flatten(spec) if isinstance(leaf, KerasTensor)]
    return sum(math.prod(size or 1 for size in shape) for shape in shapes)
