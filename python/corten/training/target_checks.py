"""Comparing targets with the loss and the outputs of the model, before the first batch.

A wrong pairing of labels and loss is the most common mistake in tutorials, and the arithmetic
would often not fail: it would train towards nonsense. So the built-in losses are checked here,
with a message that says which call to change.
"""

from __future__ import annotations

import warnings
from types import FunctionType
from typing import Any

import numpy as np

from corten import _core, losses
from corten.naming import to_snake_case as snake_case

Tensor = _core.Tensor
Shape = tuple[Any, ...]

_ONE_HOT = frozenset({"categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence"})
_BINARY = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})
_ELEMENTWISE = frozenset(
    {
        "mean_squared_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_logarithmic_error",
        "huber",
        "log_cosh",
        "poisson",
        "cosine_similarity",
        "hinge",
        "squared_hinge",
        "categorical_hinge",
    }
)


def loss_kind(loss: Any) -> str:
    """The snake_case name of a built-in loss or its function, '' for one of the user's own.

    Example:
        >>> loss_kind(losses.MeanSquaredError()), loss_kind(losses.kl_divergence)
        ('mean_squared_error', 'kl_divergence')
    """
    function = loss if isinstance(loss, FunctionType) else getattr(loss, "fn", None)
    if function is not None and str(getattr(function, "__module__", "")).startswith("corten."):
        return str(function.__name__)
    if type(loss).__module__.startswith("corten."):
        name = snake_case(type(loss).__name__)
        return {"kldivergence": "kl_divergence"}.get(name, name)
    return ""


class LabelLimits:
    """Between which values labels must lie.

    Args:
        highest: The largest label.
        whole: Whether they must be whole numbers.
    """

    def __init__(self, highest: int, *, whole: bool) -> None:
        self._highest = highest
        self._whole = whole

    def hold(self, y: Any) -> bool:
        """Whether two quick looks, at the least and the largest label, show that all is well.

        If not, `check_targets` looks closer.
        """
        if type(y) is not Tensor or y.size == 0:
            return False
        if y.dtype == "bool":
            return True
        if self._whole and "int" not in y.dtype:
            return False
        low, high = (_core.reduce(name, y, None, False).item() for name in ("min", "max"))
        return bool(low >= 0 and high <= self._highest)


def label_limits(loss: Any, output_shape: Shape) -> LabelLimits | None:
    """The limits of the labels of a built-in loss for an output of that shape; None where all will do."""
    kind = loss_kind(loss)
    if kind == "sparse_categorical_crossentropy":
        classes = output_shape[-1] if output_shape else None
        return LabelLimits(classes - 1 if isinstance(classes, int) else -1, whole=True)
    return LabelLimits(1, whole=False) if kind in _BINARY else None


def check_targets(loss: Any, y: Any, output_shape: Shape, *, name: str = "y", caller: str = "fit") -> bool:
    """Checks the targets of one output.

    Args:
        loss: A `Loss`; losses of the user's own pass.
        y: All targets at hand (NumPy array or tensor).
        output_shape: Shape of the model's output, None for unknown sizes.
        name: How messages call the targets.
        caller: Method named by messages.

    Returns:
        Whether there was something to warn about.

    Raises:
        ValueError: The targets do not go with the loss and the output.
    """
    if loss is None:
        return False
    kind = loss_kind(loss)
    if kind and y is None:
        raise ValueError(f"{caller}: loss={kind!r} compares outputs with targets, but there is no {name}")
    if y is None or not kind:
        return False
    values = y.numpy() if hasattr(y, "numpy") else np.asarray(y)
    shape = tuple(values.shape)
    if kind in _ONE_HOT:
        _check_one_hot(kind, values, shape, output_shape, name, caller)
    elif kind == "sparse_categorical_crossentropy":
        _check_sparse(loss, values, shape, output_shape, name, caller)
    elif kind in _BINARY:
        _check_binary(kind, values, shape, output_shape, name, caller)
    elif kind in _ELEMENTWISE:
        return _check_elementwise(kind, shape, output_shape, name, caller)
    return False


def _is_whole(values: np.ndarray) -> bool:
    if values.dtype.kind in "iub":
        return True
    return bool(values.dtype.kind == "f" and values.size and np.all(values == np.floor(values)))


def _same(shape: Shape, output_shape: Shape) -> bool:
    """Whether the shapes agree after the batch axis, unknown sizes matching everything."""
    if len(shape) != len(output_shape):
        return False
    return all(b is None or a == b for a, b in zip(shape[1:], output_shape[1:], strict=True))


def _range(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return f"{int(low)} to {int(high)}" if _is_whole(values) else f"{float(low):.4g} to {float(high):.4g}"


def _check_one_hot(
    kind: str, values: np.ndarray, shape: Shape, output: Shape, name: str, caller: str
) -> None:
    if _same(shape, output):
        return
    classes = output[-1] if output else None
    wanted = (shape[0], *output[1:])
    bare = shape[:-1] if len(shape) == len(output) and shape[-1] == 1 else shape
    start = f"{caller}: loss={kind!r} needs one-hot targets of shape {wanted}, but {name} has shape {shape}"
    if len(bare) == len(output) - 1 and _is_whole(values) and kind == "categorical_crossentropy":
        raise ValueError(
            f"{start} and holds class indices ({_range(values)}). Either compile with "
            f"loss='sparse_categorical_crossentropy', which takes class indices, or convert the targets: "
            f"`{name} = corten.utils.to_categorical({name}, {classes})`. "
            "(loss='crossentropy' chooses the right one by itself.)"
        )
    if len(shape) == len(output) and isinstance(classes, int) and shape[-1] != classes:
        raise ValueError(
            f"{start}. The targets have {shape[-1]} classes and the model's last layer has {classes} units: "
            f"make it `Dense({shape[-1]}, activation='softmax')`, or check the targets."
        )
    raise ValueError(f"{start}.{_image_hint(shape, output)}")


def _check_sparse(loss: Any, values: np.ndarray, shape: Shape, output: Shape, name: str, caller: str) -> None:
    kind = "sparse_categorical_crossentropy"
    classes = output[-1] if output else None
    if shape[1:] == () and output[1:] == () and len(output) == 1:
        raise ValueError(
            f"{caller}: loss={kind!r} needs an output with one unit per class; the model gives {output}"
        )
    without_one = shape[:-1] if len(shape) == len(output) and shape[-1] == 1 else shape
    expected = output[:-1]
    if not _same(without_one, expected):
        if _same(shape, output) and len(shape) > 1:
            raise ValueError(
                f"{caller}: loss={kind!r} needs class indices of shape {(shape[0], *output[1:-1])}, but "
                f"{name} has shape "
                f"{shape}, which looks one-hot. Either compile with loss='categorical_crossentropy', or "
                "convert: "
                f"`{name} = {name}.argmax(axis=-1)`."
            )
        raise ValueError(
            f"{caller}: loss={kind!r} needs class indices of shape {(shape[0], *output[1:-1])}, but {name} "
            "has shape "
            f"{shape} and the model's output has shape {output}.{_image_hint(shape, output)}"
        )
    if not _is_whole(values):
        found = values.ravel()[np.argmax((values != np.floor(values)).ravel())]
        raise ValueError(
            f"{caller}: loss={kind!r} needs whole class indices, but {name} holds {found!s}. "
            "For a number to be predicted use a regression loss such as 'mean_squared_error'."
        )
    if not isinstance(classes, int) or values.size == 0:
        return
    ignored = getattr(loss, "ignore_class", None)
    wrong = (values < 0) | (values >= classes)
    if ignored is not None:
        wrong &= values != ignored
    if not wrong.any():
        return
    count, first = int(wrong.sum()), int(np.argmax(wrong.ravel()))
    start = (
        f"{caller}: {name} holds labels {_range(values)}, but the model's output has {classes} "
        f"unit{'s' if classes > 1 else ''}, so labels must be 0 to {classes - 1} ({count} are not; the first "
        "is "
        f"{int(values.ravel()[first])} in row "
        f"{first if values.ndim == 1 else int(np.argwhere(wrong)[0][0])})."
    )
    low, high = int(values.min()), int(values.max())
    if classes == 1:
        raise ValueError(
            f"{start} For two classes use `Dense(1, activation='sigmoid')` with loss='binary_crossentropy', "
            f"else `Dense({high + 1}, activation='softmax')`."
        )
    if low >= 1 and high == classes:
        raise ValueError(f"{start} The labels count from 1: subtract 1, `{name} = {name} - 1`.")
    if low < 0:
        raise ValueError(
            f"{start} Number the classes from 0: `{name} = np.unique({name}, return_inverse=True)[1]`."
        )
    raise ValueError(f"{start} Give the last layer {high + 1} units, or check the labels.")


def _check_binary(kind: str, values: np.ndarray, shape: Shape, output: Shape, name: str, caller: str) -> None:
    if not _fits_elementwise(shape, output):
        hint = _image_hint(shape, output)
        classes = output[-1] if output else None
        if (
            len(shape) <= 2
            and len(output) == 2
            and (len(shape) == 1 or shape[-1] == 1)
            and classes not in (None, 1)
        ):
            hint = (
                f" With {classes} units for one label per sample use loss='sparse_categorical_crossentropy' "
                "and softmax, "
                "or end the model in `Dense(1, activation='sigmoid')`."
            )
        raise ValueError(
            f"{caller}: loss={kind!r} needs targets of the output's shape {(shape[0], *output[1:])}, but "
            f"{name} has shape "
            f"{shape}.{hint}"
        )
    if values.size == 0 or values.dtype.kind == "b":
        return
    low, high = values.min(), values.max()
    if low < 0 or high > 1:
        fix = (
            f"For labels -1 and 1 use `{name} = ({name} + 1) / 2` or loss='hinge'."
            if low >= -1 and high <= 1
            else "For several classes use loss='sparse_categorical_crossentropy' and one softmax unit each."
        )
        raise ValueError(
            f"{caller}: loss={kind!r} needs targets between 0 and 1, but {name} ranges from "
            f"{_range(values)}. {fix}"
        )


def _fits_elementwise(shape: Shape, output: Shape) -> bool:
    """Equal shapes, or a last axis of 1 more or less, which the losses adapt."""
    if _same(shape, output):
        return True
    if len(shape) == len(output) + 1 and shape[-1] == 1:
        return _same(shape[:-1], output)
    return len(shape) == len(output) - 1 and output[-1] in (1, None) and _same((*shape, 1), (*output[:-1], 1))


def _check_elementwise(kind: str, shape: Shape, output: Shape, name: str, caller: str) -> bool:
    """Gives whether it warned."""
    if _fits_elementwise(shape, output):
        return False
    message = (
        f"{caller}: the model's output has shape {output}, but {name} has shape {shape}; "
        f"loss={kind!r} compares them element by element."
    )
    if len(shape) == len(output) == 2 and 1 in (shape[1], output[1]):
        # NumPy would broadcast. It may be meant, and Keras lets it pass, but mostly it is not.
        warnings.warn(
            f"{message} The single column is repeated; if that is not meant, end the model in "
            f"`Dense({shape[1]})`.",
            UserWarning,
            stacklevel=2,
        )
        return True
    hint = _image_hint(shape, output)
    if not hint and len(shape) <= 2 and len(output) == 2:
        hint = f" End the model in `Dense({shape[1] if len(shape) == 2 else 1})`, or check the targets."
    raise ValueError(message + hint)


def _image_hint(shape: Shape, output: Shape) -> str:
    if len(output) > 2 and len(shape) <= 2:
        return (
            f" The output still has {len(output) - 1} axes per sample: "
            "put a `Flatten()` or pooling layer before the last `Dense`."
        )
    return ""


def warn_about_last_activation(model: Any, loss: Any, caller: str = "fit") -> bool:
    """Warns when the last layer's activation and the loss's `from_logits` contradict each other.

    Returns:
        Whether it warned.
    """
    kind = loss_kind(loss)
    if not kind.endswith("crossentropy") or not isinstance(loss, losses.Loss):
        return False
    layers = getattr(model, "layers", None)
    if not layers:
        return False
    activation = getattr(layers[-1], "activation", None)
    name = getattr(activation, "__name__", "")
    from_logits = bool(getattr(loss, "from_logits", False))
    if from_logits and name in ("softmax", "sigmoid"):
        warnings.warn(
            f"{caller}: the loss has from_logits=True, but the last layer already applies {name}. "
            f"Remove activation={name!r} or from_logits=True.",
            UserWarning,
            stacklevel=3,
        )
        return True
    if not from_logits and name == "linear":
        wanted = "sigmoid" if kind.startswith("binary") else "softmax"
        warnings.warn(
            f"{caller}: loss={kind!r} expects probabilities, but the last layer ({layers[-1].name!r}) gives "
            "raw scores. "
            f"Give it activation={wanted!r}, or use the loss with from_logits=True.",
            UserWarning,
            stacklevel=3,
        )
        return True
    return False
