"""Pictures as the published networks expect them, and the names of ImageNet's classes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from corten import config, ops
from corten.symbolic import is_symbolic

CLASS_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"

# Means and deviations of ImageNet's pictures. Caffe's networks want channels in the order blue, green, red,
# values from 0 to 255; PyTorch's red, green, blue, from 0 to 1.
_CAFFE_MEANS = (103.939, 116.779, 123.68)
_TORCH_MEANS = (0.485, 0.456, 0.406)
_TORCH_DEVIATIONS = (0.229, 0.224, 0.225)

_class_index: dict[str, list[str]] | None = None


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Scales pictures as a family of networks expects them.

    Args:
        x: Pictures with values from 0 to 255 and three channels, red, green, blue: shape
            (height, width, 3) or (batch, height, width, 3); mode 'tf' takes any number of channels. A
            floating-point NumPy array is changed in place, as in Keras.
        data_format: 'channels_last' or 'channels_first'; None takes the default
            (`corten.config.image_data_format`).
        mode: 'caffe' (blue, green, red, minus ImageNet's means), 'tf' (from -1 to 1) or 'torch'
            (from 0 to 1, then minus means, divided by deviations).

    Returns:
        Pictures of the same shape and kind; integers become the default float type.

    Raises:
        ValueError: The mode or the data format is unknown, or the shape is another.

    Example:
        >>> import numpy as np
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
        array([[[1., 1., 1.]]])

    Source: https://keras.io/api/applications/
    """
    if mode not in {"caffe", "tf", "torch"}:
        raise ValueError(f"preprocess_input: mode must be 'caffe', 'tf' or 'torch'; got {mode!r}.")
    data_format = _data_format(data_format, "preprocess_input")
    shape = tuple(x.shape)
    if len(shape) not in (3, 4):
        raise ValueError(
            "preprocess_input: expected pictures of shape (height, width, channels), with or without a batch "
            f"axis; got shape {shape}."
        )
    axis = len(shape) - 3 if data_format == "channels_first" else len(shape) - 1
    if mode != "tf" and shape[axis] not in (3, None):
        raise ValueError(
            f"preprocess_input: mode {mode!r} needs 3 channels; got shape {shape} with data_format="
            f"{data_format!r}."
        )
    if isinstance(x, np.ndarray):
        return _scale_array(x, axis, mode)
    return _scale_tensor(x, axis, mode)


def _data_format(data_format: str | None, function: str) -> str:
    if data_format is None:
        return config.image_data_format()
    if data_format not in {"channels_first", "channels_last"}:
        raise ValueError(
            f"{function}: data_format must be 'channels_first' or 'channels_last'; got {data_format!r}."
        )
    return data_format


def _along(values: tuple[float, ...], axis: int, rank: int, dtype: Any) -> Any:
    return np.asarray(values, dtype).reshape([3 if place == axis else 1 for place in range(rank)])


def _scale_array(x: np.ndarray, axis: int, mode: str) -> np.ndarray:
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
        return x
    if mode == "torch":
        x /= 255.0
        x -= _along(_TORCH_MEANS, axis, x.ndim, x.dtype)
        x /= _along(_TORCH_DEVIATIONS, axis, x.ndim, x.dtype)
        return x
    x = np.flip(x, axis)
    x -= _along(_CAFFE_MEANS, axis, x.ndim, x.dtype)
    return x


def _scale_tensor(x: Any, axis: int, mode: str) -> Any:
    if not is_symbolic(x):
        x = ops.convert_to_tensor(x)
    if "float" not in str(x.dtype):
        x = ops.cast(x, config.floatx())
    dtype = "float32" if str(x.dtype) == "bfloat16" else str(x.dtype)

    def along(values: tuple[float, ...]) -> Any:
        return ops.cast(ops.convert_to_tensor(_along(values, axis, len(x.shape), dtype)), x.dtype)

    if mode == "tf":
        return ops.subtract(ops.divide(x, 127.5), 1.0)
    if mode == "torch":
        scaled = ops.subtract(ops.divide(x, 255.0), along(_TORCH_MEANS))
        return ops.divide(scaled, along(_TORCH_DEVIATIONS))
    return ops.subtract(ops.flip(x, axis), along(_CAFFE_MEANS))


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Gives the names of the classes a network finds most likely.

    The names are downloaded once, into the folder `models` of Corten's files (`CORTEN_HOME`, or `~/.corten`).

    Args:
        preds: Probabilities, shape (batch, 1000).
        top: How many classes to give.

    Returns:
        For each picture a list of (WordNet number, name, probability), the most likely first.

    Raises:
        ValueError: The shape is another.
        OSError: The names are not there yet and cannot be downloaded.

    Source: https://keras.io/api/applications/
    """
    preds = np.asarray(ops.convert_to_numpy(preds))
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "decode_predictions: expected the predictions for ImageNet's 1000 classes, shape (batch, 1000); "
            f"got shape {preds.shape}."
        )
    names = _names_of_classes()
    result = []
    for row in preds:
        best = np.argsort(row)[::-1][:top]
        result.append([(*names[str(index)], row[index]) for index in best])
    return result


def _names_of_classes() -> dict[str, list[str]]:
    global _class_index
    if _class_index is None:
        from corten.utils import get_file

        path = get_file(
            "imagenet_class_index.json", CLASS_INDEX_URL, cache_subdir="models", file_hash=CLASS_INDEX_MD5
        )
        _class_index = json.loads(Path(path).read_text(encoding="utf-8"))
    return _class_index


def obtain_input_shape(
    input_shape: Any,
    default_size: int | None,
    min_size: int,
    data_format: str | None,
    require_flatten: bool,
    weights: Any = None,
) -> tuple[int | None, ...]:
    """Checks the shape asked for a network's pictures, or gives its own.

    Args:
        input_shape: The shape asked for, without the batch axis, or None.
        default_size: Height and width the network was published with.
        min_size: The least height and width.
        data_format: 'channels_last' or 'channels_first'; None takes the default.
        require_flatten: Whether the sizes must be known.
        weights: 'imagenet', a path, or None. ImageNet's weights need three channels.

    Returns:
        The shape, without the batch axis.

    Raises:
        ValueError: The shape does not fit the network or its weights.

    Example:
        >>> obtain_input_shape(None, 224, 32, "channels_last", require_flatten=False)
        (None, None, 3)
    """
    first = _data_format(data_format, "obtain_input_shape") == "channels_first"
    channels = 3
    if weights != "imagenet" and input_shape and len(input_shape) == 3:
        channels = input_shape[0] if first else input_shape[-1]
        if channels not in (1, 3):
            warnings.warn(
                f"This network usually takes 1 or 3 channels; input_shape={tuple(input_shape)} has "
                f"{channels}.",
                stacklevel=5,  # the network, its builder and `Options.image` lie between
            )
    size = (default_size, default_size)
    default_shape = (channels, *size) if first else (*size, channels)
    if weights == "imagenet" and require_flatten:
        if input_shape is not None and tuple(input_shape) != default_shape:
            raise ValueError(
                "With include_top=True and weights='imagenet', input_shape must be "
                f"{default_shape}; got {tuple(input_shape)}. Leave the top out for pictures of another size."
            )
        return default_shape
    if input_shape is not None:
        _check_shape(tuple(input_shape), min_size, first, weights)
        shape = tuple(input_shape)
    elif require_flatten:
        shape = default_shape
    else:
        shape = (3, None, None) if first else (None, None, 3)
    if require_flatten and None in shape:
        raise ValueError(f"With include_top=True the input's size must be known; got input_shape={shape}.")
    return shape


def _check_shape(shape: tuple[int | None, ...], min_size: int, first: bool, weights: Any) -> None:
    if len(shape) != 3:
        raise ValueError(f"input_shape must be a tuple of three integers; got {shape}.")
    channels = shape[0] if first else shape[-1]
    if weights == "imagenet" and channels != 3:
        raise ValueError(f"ImageNet's weights need pictures of 3 channels; got input_shape={shape}.")
    for size in shape[1:] if first else shape[:-1]:
        if size is not None and size < min_size:
            raise ValueError(f"Input size must be at least {min_size}x{min_size}; got input_shape={shape}.")
