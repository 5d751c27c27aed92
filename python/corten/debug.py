"""Finding where NaN and infinity come from.

While checks are on, every result of the engine is looked at. The first op that gives NaN, or infinity from
finite numbers, raises a `NonFiniteError` that names the layer, the op, forward or backward, step and epoch,
what the operands were like, and what most likely helps. Off, checks cost nothing.

Example:
    >>> import corten
    >>> with corten.debug.check_numerics(message="my block"):
    ...     corten.ops.log(corten.ops.zeros((2,)))  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    NonFiniteError: log: 2 inf of 2 results are not finite (forward)
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corten import _core, tree
from corten._state import Checks

__all__ = [
    "NonFiniteError",
    "check_numerics",
    "disable_nan_checks",
    "enable_nan_checks",
    "nan_checks_enabled",
]

NonFiniteError = _core.NonFiniteError


class _Settings:
    """What `enable_nan_checks` was called with."""

    folder: Path | None = None


def enable_nan_checks(save_batch_to: Any = None) -> None:
    """Looks at every result from now on, in all threads, and raises at the first that is not finite.

    Training steps are not run by the engine on its own meanwhile, and each op takes a little longer. Weights
    and the optimizer's state stay as they were before the step that failed. Metrics are not checked: they may
    be undefined. Under a `LossScaleOptimizer` gradients are not checked: it skips infinite ones itself.

    Args:
        save_batch_to: A folder. The batch of a step of `fit`, `evaluate` or `predict` that fails is written
            there as an `.npz` file with the arrays `x`, `y`, `sample_weight` and the text `report`; None
            writes nothing.

    Raises:
        OSError: The folder cannot be made.

    Example:
        >>> import corten, numpy as np
        >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        >>> model.compile(corten.optimizers.SGD(1e30), "mse")
        >>> corten.debug.enable_nan_checks()
        >>> try:
        ...     _ = model.fit(np.ones((8, 1)), np.ones((8, 1)), epochs=9, verbose=0)
        ... except corten.debug.NonFiniteError as error:
        ...     print(error.phase in ("forward", "backward", "update"), error.epoch <= 3)
        True True
        >>> corten.debug.disable_nan_checks()
    """
    folder = None if save_batch_to is None else Path(save_batch_to)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    _Settings.folder = folder
    if not Checks.on:
        _places.acquire()
        Checks.on = True
        _core.watch_switch("everywhere", True)


def disable_nan_checks() -> None:
    """Ends what `enable_nan_checks` began.

    Example:
        >>> import corten
        >>> corten.debug.enable_nan_checks()
        >>> corten.debug.disable_nan_checks()
        >>> corten.debug.nan_checks_enabled()
        False
    """
    _Settings.folder = None
    if Checks.on:
        _core.watch_switch("everywhere", False)
        Checks.on = False
        _places.release()


def nan_checks_enabled() -> bool:
    """Gives whether `enable_nan_checks` is in force.

    Example:
        >>> import corten
        >>> corten.debug.nan_checks_enabled()
        False
    """
    return Checks.on


def check_numerics(x: Any = None, message: str = "") -> Any:
    """Raises if a tensor holds NaN or infinity; without a tensor, checks all that runs inside a `with` block.

    Args:
        x: A tensor, an array, or a structure of them; None for the `with` block (of this thread).
        message: What the error begins with, or is noted with.

    Returns:
        `x`, or the context manager.

    Raises:
        NonFiniteError: There is NaN or infinity.
        TypeError: `x` is symbolic: it has no values yet.

    Example:
        >>> import corten
        >>> corten.debug.check_numerics(corten.ops.ones((2,)), "ones").tolist()
        [1.0, 1.0]
        >>> with corten.debug.check_numerics(message="encoder"):
        ...     y = corten.ops.sqrt(corten.ops.ones((2,)))
    """
    if x is None:
        return _Checked(message)
    from corten.symbolic import KerasTensor

    for leaf in tree.flatten(x):
        if isinstance(leaf, KerasTensor):
            raise TypeError(
                "check_numerics: this is a symbolic tensor, which has no values. Call it in the `call` of a "
                "layer."
            )
        found = None if leaf is None else _core.statistics(leaf)
        if found is not None and (found["nan"] or found["inf"]):
            counts = f"{found['nan']} NaN and {found['inf']} inf among {found['count']} elements"
            error = NonFiniteError(
                f"{message or 'check_numerics'}: {counts} of shape {found['shape']} ({found['dtype']}); the "
                f"finite ones are from {found['min']:.4e} to {found['max']:.4e}"
            )
            error.result = found
            raise error
    return x


class _Checked(contextlib.ContextDecorator):
    """Checks the results of this thread inside a block, or a function that it decorates."""

    def __init__(self, message: str) -> None:
        self._message = message

    def __enter__(self) -> _Checked:
        _places.acquire()
        _core.watch_switch("here", True)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        _core.watch_switch("here", False)
        _places.release()
        if isinstance(error, NonFiniteError) and self._message:
            error.add_note(self._message)


# -- where an op runs ---------------------------------------------------------------------------------


def _within(function: Any, place_of: Callable[[Any], str], phase: str | None = None) -> Any:
    def within(self: Any, *args: Any, **kwargs: Any) -> Any:
        _core.watch_enter(place_of(self), phase)
        try:
            return function(self, *args, **kwargs)
        finally:
            _core.watch_leave()

    return within


def _unchecked(function: Any) -> Any:
    def unchecked(self: Any, *args: Any, **kwargs: Any) -> Any:
        _core.watch_switch("pause", True)
        try:
            return function(self, *args, **kwargs)
        finally:
            _core.watch_switch("pause", False)

    return unchecked


def _layer_place(layer: Any) -> str:
    return f"layer {layer.path or layer.name!r} ({type(layer).__name__})"


def _optimizer_step(function: Any) -> Any:
    """Names the variable that an engine's step broke."""

    def step(self: Any, grads: Any, variables: Any, rate: Any) -> None:
        try:
            function(self, grads, variables, rate)
        except NonFiniteError as error:
            if error.parameter is not None:
                variable = variables[error.parameter]
                error.place = variable.path
                error.add_note(
                    f"variable {variable.path!r} of shape {variable.shape}, learning rate {rate:.4g}"
                )
            raise

    return step


class Places:
    """Methods that say where they are, put in the place of the plain ones while anybody wants to know.

    Nobody pays for it at other times.

    Example:
        >>> places = Places()
        >>> places.acquire()
        >>> places.release()
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._plain: list[tuple[type, str, Any]] = []

    def acquire(self) -> None:
        """Notes places until `release`; may be nested."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._exchange()
                _core.watch_switch("places", True)

    def release(self) -> None:
        """Ends what one `acquire` began."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                _core.watch_switch("places", False)
                for owner, name, plain in self._plain:
                    setattr(owner, name, plain)
                self._plain.clear()

    def _exchange(self) -> None:
        from corten.layers.layer import Layer
        from corten.optimizers.loss_scale import LossScaleOptimizer
        from corten.optimizers.optimizer import Optimizer
        from corten.training.compilation import Compilation
        from corten.training.steps import Steps

        def optimizer_place(optimizer: Any) -> str:
            return f"the optimizer {type(optimizer).__name__}"

        exchanged: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
            (Layer, "__call__", lambda plain: _within(plain, _layer_place)),
            (Steps, "_loss_of", lambda plain: _within(plain, lambda _: "the loss")),
            (Optimizer, "apply", lambda plain: _within(plain, optimizer_place, "update")),
            (Optimizer, "_engine_step", _optimizer_step),
            (LossScaleOptimizer, "scale_loss", _unchecked),
            (Compilation, "_update_metrics", _unchecked),
            (Compilation, "get_metrics_result", _unchecked),
        )
        for owner, name, made in exchanged:
            plain = owner.__dict__[name]
            self._plain.append((owner, name, plain))
            setattr(owner, name, made(plain))


_places = Places()


@contextlib.contextmanager
def noting_places() -> Iterator[None]:
    """Lets errors inside the block name the layer that an op ran in, for gradients too.

    Example:
        >>> with noting_places():
        ...     pass
    """
    _places.acquire()
    try:
        yield
    finally:
        _places.release()


# -- which step it was --------------------------------------------------------------------------------


def watched(
    function: Callable[[Any], Any], model: Any, caller: str, epoch: int | None = None, first: int = 0
) -> Any:
    """Gives a step that tells, when it fails, which one it was.

    Args:
        function: The step, called with a batch `(x, y, sample_weight)`.
        model: The model.
        caller: 'fit', 'evaluate' or 'predict'.
        epoch: The epoch, from 0.
        first: The number of the first step.

    Example:
        >>> watched(lambda batch: batch, None, "fit", 0)("a batch")
        'a batch'
    """
    from corten.optimizers.loss_scale import LossScaleOptimizer

    numbers = itertools.count(first)
    lenient = isinstance(getattr(model, "optimizer", None), LossScaleOptimizer)

    def step(batch: Any) -> Any:
        number = next(numbers)
        _core.watch_switch("lenient", lenient)
        try:
            return function(batch)
        except NonFiniteError as error:
            _explain(error, batch, caller, epoch, number)
            raise
        finally:
            _core.watch_switch("lenient", False)

    return step


def _explain(error: Any, batch: Any, caller: str, epoch: int | None, step: int) -> None:
    error.epoch, error.step, error.batch_file = epoch, step, None
    where = f"step {step}" if epoch is None else f"epoch {epoch}, step {step}"
    error.add_note(f"{caller}: {where} (counted from 0)")
    if _Settings.folder is not None:
        path = _Settings.folder / f"{caller}-{'' if epoch is None else f'epoch{epoch}-'}step{step}.npz"
        try:
            _save(path, batch, error)
        except OSError as failure:
            error.add_note(f"the batch could not be saved to {str(path)!r}: {failure}")
        else:
            error.batch_file = path
            error.add_note(f"the batch is in {str(path)!r}")


def _save(path: Path, batch: Any, error: BaseException) -> None:
    from corten.saving.files import write_atomically
    from corten.training.adapters.conversion import flatten

    parts = zip(batch, ("x", "y", "sample_weight"), strict=True)
    arrays: dict[str, Any] = {
        label.replace("/", "_"): _plain_array(leaf)
        for part, name in parts
        for label, leaf in flatten(part, name)
    }
    report = "\n".join([str(error), *getattr(error, "__notes__", ())])
    write_atomically(path, lambda file: np.savez(file, **arrays, report=np.array(report)))


def _plain_array(leaf: Any) -> np.ndarray:
    """An array that NumPy writes without pickle: bfloat16 as float32, text as Unicode."""
    if getattr(leaf, "dtype", None) == "bfloat16":
        leaf = _core.cast(leaf, "float32")
    array = np.asarray(leaf)
    return array.astype(np.str_) if array.dtype == object else array
