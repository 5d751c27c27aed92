"""`GradientTape`: TensorFlow's way to ask for gradients, over the engine's own recording."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from corten import _core, tree
from corten._state import record_access, state
from corten.config import FLOAT_DTYPES
from corten.variable import Variable

Tensor = _core.Tensor


class GradientTape:
    """Context under which computations are recorded for `gradient`.

    Trainable variables are watched by themselves; other tensors must be passed to `watch`. A tape
    inside another tape gives higher derivatives.

    Args:
        persistent: Whether `gradient` may be called more than once.
        watch_accessed_variables: False watches only what `watch` names.

    Example:
        >>> import corten
        >>> v = corten.Variable(3.0)
        >>> with corten.GradientTape() as tape:
        ...     y = v * v
        >>> tape.gradient(y, v).item()
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._watched: dict[int, Any] = {}
        self._replaced: dict[int, list[Tensor]] = {}
        self._used = False
        self._open = False
        self._accessed: dict[Variable, Any] = {}

    def __enter__(self) -> GradientTape:
        if self._open:
            raise ValueError("GradientTape: the tape is recording already.")
        self._open = True
        self._previous = _core.set_grad_enabled(True)
        self._recorder = record_access()
        self._accessed = self._recorder.__enter__()
        state.tapes = (*state.tapes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        state.tapes = tuple(tape for tape in state.tapes if tape is not self)
        self._recorder.__exit__(None, None, None)
        _core.set_grad_enabled(self._previous)

    def _note_replaced(self, variable: Variable, value: Tensor) -> None:
        """Remember the tensor that a variable had before an assignment under this tape."""
        self._replaced.setdefault(id(variable), []).append(value)

    def watch(self, tensor: Any) -> None:
        """Make a tensor (or a structure of tensors) something to differentiate by.

        Args:
            tensor: Float tensors or variables.

        Example:
            >>> import corten
            >>> x = corten.tensor([1.0, 2.0])
            >>> with corten.GradientTape() as tape:
            ...     tape.watch(x)
            ...     y = (x * x).sum()
            >>> tape.gradient(y, x).tolist()
            [2.0, 4.0]
        """
        for leaf in tree.flatten(tensor):
            if isinstance(leaf, Variable):
                self._watched[id(leaf)] = leaf
                if leaf._float and not leaf._value.requires_grad:
                    leaf._value.requires_grad = True
                continue
            if not isinstance(leaf, Tensor):
                raise TypeError(
                    f"GradientTape.watch: expected tensors or variables; got {type(leaf).__name__}. "
                    "Make a tensor first: `x = corten.tensor(x)`."
                )
            if leaf.dtype not in FLOAT_DTYPES:
                raise TypeError(f"GradientTape.watch: only floats have gradients; got dtype {leaf.dtype}.")
            self._watched[id(leaf)] = leaf
            if not leaf.requires_grad:
                leaf.requires_grad = True

    def watched_variables(self) -> tuple[Variable, ...]:
        """Return the variables that the tape watches."""
        found = [leaf for leaf in self._watched.values() if isinstance(leaf, Variable)]
        if self._watch_accessed:
            found += [v for v in self._accessed if v.trainable and id(v) not in self._watched]
        return tuple(found)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Context under which nothing is recorded."""
        previous = _core.set_grad_enabled(False)
        try:
            yield
        finally:
            _core.set_grad_enabled(previous)

    def reset(self) -> None:
        """Forget what was watched."""
        self._watched.clear()
        self._replaced.clear()
        self._used = False

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Return the gradients of targets by sources.

        Args:
            target: A tensor or a structure of them; several are summed, and so are the elements
                of one that is no scalar.
            sources: A tensor or variable, or a structure of them.
            output_gradients: Weights for the elements of `target`, of its form.
            unconnected_gradients: `'none'` or `'zero'`: what stands for no dependence.

        Returns:
            A structure like `sources`.

        Raises:
            RuntimeError: A second call on a tape that is not persistent.
        """
        self._take()
        zero = self._wants_zeros(unconnected_gradients)
        outputs = self._targets(target)
        weights = None
        if output_gradients is not None:
            weights = [
                output if weight is None else _tensor(weight)
                for output, weight in zip(outputs, tree.flatten(output_gradients), strict=True)
            ]
        flat = tree.flatten(sources)
        found = self._gradients(outputs, flat, weights)
        if zero:
            found = [
                _zeros(source) if gradient is None else gradient
                for source, gradient in zip(flat, found, strict=True)
            ]
        return tree.pack_sequence_as(sources, found)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = "none",
        **_: Any,
    ) -> Any:
        """Return all partial derivatives: for each source, `target.shape + source.shape`.

        Args:
            target: A tensor.
            sources: A tensor or variable, or a structure of them.
            unconnected_gradients: `'none'` or `'zero'`.
            **_: Accepted for compatibility.

        Example:
            >>> import corten
            >>> v = corten.Variable([1.0, 2.0])
            >>> with corten.GradientTape() as tape:
            ...     y = v * v
            >>> tape.jacobian(y, v).tolist()
            [[2.0, 0.0], [0.0, 4.0]]
        """
        self._take()
        zero = self._wants_zeros(unconnected_gradients)
        (output,) = self._targets(target)
        flat = tree.flatten(sources)
        size = output.size
        rows: list[list[Any]] = [[] for _ in flat]
        for index in range(size):
            weight = _one_hot(size, index, output)
            for row, gradient in zip(rows, self._gradients([output], flat, [weight]), strict=True):
                row.append(gradient)
        result: list[Any] = []
        for source, row in zip(flat, rows, strict=True):
            if all(gradient is None for gradient in row) and not zero:
                result.append(None)
                continue
            filled = [_zeros(source) if gradient is None else gradient for gradient in row]
            shape = (*output.shape, *source.shape)
            result.append(_core.reshape(_core.stack(filled, 0), shape))
        return tree.pack_sequence_as(sources, result)

    def batch_jacobian(self, target: Any, source: Any, **_: Any) -> Any:
        """Return the derivatives per row: `(batch,) + target.shape[1:] + source.shape[1:]`.

        Args:
            target: A tensor whose rows depend on the same rows of `source` only.
            source: A tensor.
            **_: Accepted for compatibility.
        """
        self._take()
        (output,) = self._targets(target)
        batch = output.shape[0]
        if source.shape[0] != batch:
            raise ValueError(
                f"batch_jacobian: `target` and `source` must have as many rows; got shapes "
                f"{output.shape} and {source.shape}."
            )
        size = output.size // max(batch, 1)
        rows = []
        for index in range(size):
            one = _core.reshape(_one_hot(size, index, output, flat=True), (1, *output.shape[1:]))
            weight = _core.broadcast_to(one, output.shape)
            gradient = self._gradients([output], [source], [weight])[0]
            rows.append(_zeros(source) if gradient is None else gradient)
        return _core.reshape(_core.stack(rows, 1), (*output.shape, *source.shape[1:]))

    # ---- inside --------------------------------------------------------------------------------

    def _take(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients. "
                "Make it `GradientTape(persistent=True)` to call `gradient` again."
            )
        self._used = True

    @staticmethod
    def _wants_zeros(unconnected_gradients: Any) -> bool:
        name = str(getattr(unconnected_gradients, "value", unconnected_gradients)).lower()
        if name not in {"none", "zero"}:
            raise ValueError(
                "GradientTape: `unconnected_gradients` must be 'none' or 'zero'; got "
                f"{unconnected_gradients!r}."
            )
        return name == "zero"

    @staticmethod
    def _targets(target: Any) -> list[Tensor]:
        outputs = [_tensor(leaf) for leaf in tree.flatten(target)]
        if not outputs:
            raise ValueError("GradientTape: `target` is empty.")
        return outputs

    def _gradients(
        self, outputs: list[Tensor], sources: list[Any], weights: list[Tensor] | None
    ) -> list[Any]:
        if weights is None:
            weights = [_core.full(output.shape, 1, output.dtype, output.device) for output in outputs]
        for output, weight in zip(outputs, weights, strict=True):
            if output.shape != weight.shape:
                raise ValueError(
                    f"GradientTape: `output_gradients` must have the target's shape "
                    f"{output.shape}; got {weight.shape}."
                )
        pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
        # Another tape (or this one, still open) may want the derivative of what comes out.
        create_graph = bool(state.tapes) or _inside_transformation()
        tensors: list[Tensor] = []
        owners: list[int] = []
        for index, source in enumerate(sources):
            for tensor in self._tensors_of(source):
                if tensor.requires_grad:
                    tensors.append(tensor)
                    owners.append(index)
        found: list[Any] = [None] * len(sources)
        if not pairs or not tensors:
            return found
        previous = _core.set_grad_enabled(create_graph)
        try:
            gradients = _core.gradients([o for o, _ in pairs], tensors, [w for _, w in pairs], create_graph)
            for index, gradient in zip(owners, gradients, strict=True):
                if gradient is not None:
                    known = found[index]
                    found[index] = gradient if known is None else known + gradient
        finally:
            _core.set_grad_enabled(previous)
        return found

    def _tensors_of(self, source: Any) -> list[Tensor]:
        if isinstance(source, Variable):
            if not self._watch_accessed and id(source) not in self._watched:
                return []
            return [*self._replaced.get(id(source), ()), source._value]
        if isinstance(source, Tensor):
            return [source]
        raise TypeError(f"GradientTape: `sources` must be tensors or variables; got {type(source).__name__}.")


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Variable):
        return value._value
    return value if isinstance(value, Tensor) else _core.tensor(value)


def _zeros(source: Any) -> Tensor:
    tensor = _tensor(source)
    return _core.full(tensor.shape, 0, tensor.dtype, tensor.device)


def _one_hot(size: int, index: int, output: Tensor, flat: bool = False) -> Tensor:
    import numpy as np

    values = np.zeros(size, dtype=np.float32)
    values[index] = 1
    tensor = _core.tensor(values, output.dtype, None if output.device == "meta" else output.device)
    return tensor if flat else _core.reshape(tensor, output.shape)


def _inside_transformation() -> bool:
    import sys

    module = sys.modules.get("corten.autograd")
    return module is not None and module._depth.value > 0
