"""`Masks`: how masks reach a layer's `call` and its outputs."""

from __future__ import annotations

from typing import Any

from corten import tree
from corten._state import Seen, get_mask, set_mask, state
from corten.layers.call_signature import CallSignature
from corten.layers.shape_inference import is_default


class Masks:
    """Base of `Layer` that completes the arguments of a call and passes masks on."""

    supports_masking = False
    _call_signature: CallSignature
    _layers: list[Any]
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
