"""`Masks`: how masks reach a layer's `call` and its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import _core, tree
from corten._state import Seen, get_mask, set_mask, state
from corten.layers.call_signature import CallSignature
from corten.layers.shape_inference import is_default
from corten.symbolic import KerasTensor, node_of


class Masks:
    """Base of `Layer` that completes the arguments of a call and passes masks on."""

    supports_masking = False
    _call_signature: CallSignature
    _layers: list[Any]
    _inherit_context: Callable[[dict[str, Any]], None]
    name: Any

    def _complete_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Fill in `training` and masks that the caller left out and `call` accepts."""
        signature = self._call_signature
        if kwargs.get("training") is None and not (
            "training" in signature.names and len(args) > signature.names.index("training")
        ):
            training = state.training
            kwargs.pop("training", None)
            if training is None and signature.has_training:
                training = signature.training_default
            if training is not None:
                kwargs["training"] = training
        if state.context:
            self._inherit_context(kwargs)
        if Seen.masks:
            if signature.has_mask and kwargs.get("mask") is None and args:
                mask = tree.map_structure(get_mask, args[0])
                given = "mask" in signature.names and len(args) > signature.names.index("mask")
                if not given and any(leaf is not None for leaf in tree.flatten(mask)):
                    kwargs["mask"] = mask
            for name, mask_name in signature.mask_names:
                named = signature.named(args, kwargs)
                if named.get(name) is not None and named.get(mask_name) is None:
                    mask = tree.map_structure(get_mask, named[name])
                    if any(leaf is not None for leaf in tree.flatten(mask)):
                        kwargs[mask_name] = mask
        return kwargs

    def _attach_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        if not args and self._call_signature.first not in kwargs:
            return
        inputs = args[0] if args else kwargs[self._call_signature.first]
        previous = kwargs.get("mask")
        if previous is None:
            previous = tree.map_structure(get_mask, inputs)
            if all(leaf is None for leaf in tree.flatten(previous)):
                previous = None
        if previous is None and (is_default(self.compute_mask) or not self.supports_masking):
            return
        if not self.supports_masking:
            if not self._layers:
                import warnings

                warnings.warn(
                    f"Layer '{self.name}' (of type {self.__class__.__name__}) was passed an input "
                    "with a mask attached to it. However, this layer does not support masking and "
                    "will therefore destroy the mask information. Downstream layers will not see "
                    "the mask.",
                    stacklevel=4,
                )
            return
        masks = self.compute_mask(inputs, previous)
        if masks is None:
            return
        flat_outputs, flat_masks = tree.flatten(outputs), tree.flatten(masks)
        for output, mask in zip(flat_outputs, flat_masks, strict=False):
            if mask is not None and get_mask(output) is None:
                set_mask(output, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output; the base passes the input's mask on."""
        return previous_mask


# As on symbolic tensors, and as Keras has it on all.
_core.Tensor._keras_mask = property(get_mask, set_mask)  # type: ignore[attr-defined]


def symbolic_mask(tensor: KerasTensor) -> Any:
    """Return the mask of a symbolic tensor as a symbolic tensor, or None.

    It is made when it is asked for, from the calls that the tensor comes from, and kept: graphs whose masks
    nobody asks for have no nodes for them.

    Args:
        tensor: A symbolic tensor.

    Example:
        >>> import corten
        >>> steps = corten.layers.Masking()(corten.Input((4, 2)))
        >>> symbolic_mask(steps).shape, symbolic_mask(steps).dtype
        ((None, 4), 'bool')
    """
    given = get_mask(tensor)
    if given is not None or tensor._keras_history is None:
        return given
    if "_keras_mask" not in tensor.__dict__:
        for output, mask in _symbolic_masks(tensor):
            output.__dict__["_keras_mask"] = mask
    return tensor.__dict__["_keras_mask"]


def _symbolic_masks(tensor: KerasTensor) -> list[tuple[Any, Any]]:
    """All outputs of the call that made a symbolic tensor, each with its mask."""
    node = node_of(tensor)
    layer = node.operation
    outputs = node.outputs
    none = [(output, None) for output in outputs]
    if not isinstance(layer, Masks) or not layer.supports_masking or node.is_input:
        return none
    inputs = node.args[0] if node.args else node.kwargs.get(layer._call_signature.first)
    previous = node.kwargs.get("mask")
    if previous is None:
        previous = tree.map_structure(_mask_of_leaf, inputs)
        if all(leaf is None for leaf in tree.flatten(previous)):
            previous = None
    if previous is None and is_default(layer.compute_mask):
        return none
    masks = tree.flatten(layer.compute_mask(inputs, previous))
    masks += [None] * (len(outputs) - len(masks))
    return list(zip(outputs, masks, strict=False))


def _mask_of_leaf(leaf: Any) -> Any:
    return symbolic_mask(leaf) if isinstance(leaf, KerasTensor) else get_mask(leaf)
