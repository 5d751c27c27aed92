"""Products whose operands and gradients are rounded to 8-bit floats, with scales that follow them.

The scale of a tensor comes from the largest values of earlier calls. New scales and histories are handed out
as the gradients of the variables that hold them, and the optimizer takes those for the variables' new values
(`overwrite_with_gradient`). Source: Micikevicius et al., FP8 formats (arXiv 2209.05433).
"""

from __future__ import annotations

from typing import Any

from corten import autograd, ops
from corten.quantizers.float8 import (
    FORMATS,
    compute_float8_amax_history,
    compute_float8_scale,
    quantize_and_dequantize,
)

#: The tensors of a product, by the names of their variables, and their formats.
OPERANDS = {"inputs": "float8_e4m3fn", "kernel": "float8_e4m3fn", "outputs_grad": "float8_e5m2"}


def add_float8_variables(layer: Any) -> None:
    """Give a layer the scale and the history of each tensor of its product."""
    length = getattr(layer.dtype_policy, "amax_history_length", 1024)
    for name in OPERANDS:
        for part, shape, start in (("scale", (), "ones"), ("amax_history", (length,), "zeros")):
            variable = layer.add_weight(
                name=f"{name}_{part}",
                shape=shape,
                initializer=start,
                trainable=True,
                autocast=False,
                overwrite_with_gradient=True,
            )
            setattr(layer, f"{name}_{part}", variable)


def round_operand(layer: Any, name: str, value: Any, training: bool | None) -> Any:
    """Round an operand; the gradient passes as it is."""
    dtype = OPERANDS[name]

    @autograd.custom_gradient
    def rounded(x: Any, scale: Any, history: Any) -> Any:
        found = _updated(x, scale, history, dtype) if training else (None, None)
        result = quantize_and_dequantize(x, scale, dtype, layer.compute_dtype)
        return result, lambda upstream: (upstream, *found)

    return rounded(value, *_variables(layer, name))


def round_gradient(layer: Any, outputs: Any, training: bool | None) -> Any:
    """Give back the outputs; round the gradient that comes back."""
    dtype = OPERANDS["outputs_grad"]

    @autograd.custom_gradient
    def passed(y: Any, scale: Any, history: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            found = _updated(upstream, scale, history, dtype) if training else (None, None)
            return quantize_and_dequantize(upstream, scale, dtype, layer.compute_dtype), *found

        return y, gradient

    return passed(outputs, *_variables(layer, "outputs_grad"))


def _variables(layer: Any, name: str) -> tuple[Any, Any]:
    return getattr(layer, f"{name}_scale"), getattr(layer, f"{name}_amax_history")


def _updated(x: Any, scale: Any, history: Any, dtype: str) -> tuple[Any, Any]:
    """The scale that the history asks for, and the history with `x` in it."""
    new_scale = compute_float8_scale(ops.max(history), scale, FORMATS[dtype][2])
    return new_scale, compute_float8_amax_history(x, history)
