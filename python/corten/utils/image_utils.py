"""Images as files, as Pillow images and as arrays."""

from __future__ import annotations

import importlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from corten import config

#: How resized pixels may be computed, by Keras's names.
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
# Pillow runs Ghostscript on what is PostScript, whatever the name of the file says.
_RUN_PROGRAMS = frozenset({"EPS", "WMF", "FPX", "MIC"})
# Deflate packs at most 1032 bytes into one, and eight pixels of two colors are one: an empty page scanned to
# PNG stays below. What declares more is made to cost memory and time.
_PIXELS_PER_BYTE = 10_000
# So many are decoded and resized in about half a second and 200 MB, however small their file is.
_FEW_PIXELS = 8_000_000
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def pillow() -> Any:
    """Pillow's module `Image`.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        return importlib.import_module("PIL.Image")
    except ImportError as error:
        raise ImportError("images need Pillow: pip install corten[image]") from error


def _formats(image_module: Any) -> list[str]:
    """The formats that Pillow decodes itself; not those that it gives to other programs."""
    image_module.init()
    return [name for name in image_module.ID if name not in _RUN_PROGRAMS]


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Reads an image file as a Pillow image.

    A small file may declare a huge picture. More than 8 million pixels are decoded only where they are at
    most 10,000 for each byte of the file, which PNG, JPEG and GIF never exceed, and at most
    ``PIL.Image.MAX_IMAGE_PIXELS``; None in its place lifts both limits.

    Args:
        path: Path, open file, or the bytes in an `io.BytesIO`.
        color_mode: ``'grayscale'``, ``'rgb'`` or ``'rgba'``.
        target_size: Height and width to resize to; None keeps the size.
        interpolation: How, one of ``'nearest'``, ``'bilinear'``, ``'bicubic'``, ``'hamming'``, ``'box'``,
            ``'lanczos'``.
        keep_aspect_ratio: Whether to cut the middle out so that nothing is stretched.

    Raises:
        ImportError: Pillow is missing (`pip install corten[image]`).
        ValueError: The file is no image, declares far more pixels than it has bytes for, or an argument is
            unknown.
    """
    image_module = pillow()
    if color_mode not in _MODES:
        raise ValueError(f"load_img: color_mode must be one of {', '.join(_MODES)}; got {color_mode!r}")
    source = path.expanduser() if isinstance(path, Path) else path
    source = os.path.expanduser(source) if isinstance(source, str) else source
    if hasattr(source, "read") and not (hasattr(source, "seekable") and source.seekable()):
        source = io.BytesIO(source.read())  # Such as a connection: its size is known when all of it has come.
    try:
        with warnings.catch_warnings():
            # Pillow only warns of pictures up to twice the pixels that it takes to be safe.
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            _check_webp(source, image_module)
            with image_module.open(source, formats=_formats(image_module)) as opened:
                size = _size_of(source)
                _check_pixels(opened.width, opened.height, size, image_module)
                opened.load()
                # A picture within the file, as in icons, may be larger than the file says at first.
                _check_pixels(opened.width, opened.height, size, image_module)
                image = opened.convert(_MODES[color_mode])
    except (image_module.DecompressionBombWarning, image_module.DecompressionBombError) as error:
        raise ValueError(
            f"load_img: {str(path)!r} is refused ({error}); if the picture is yours, set "
            "PIL.Image.MAX_IMAGE_PIXELS to None"
        ) from None
    except (image_module.UnidentifiedImageError, SyntaxError, EOFError) as error:
        raise ValueError(f"load_img: {str(path)!r} is no image that Pillow can read ({error})") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"load_img: {str(path)!r} is damaged ({error})") from None
    except Exception as error:
        # Decoders stumble over damaged files in many ways.
        raise ValueError(f"load_img: {str(path)!r} is damaged ({repr(error)[:200]})") from None
    if target_size is None:
        return image
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"load_img: interpolation must be one of {', '.join(INTERPOLATIONS)}; got {interpolation!r}"
        )
    height, width = target_size
    method = getattr(image_module.Resampling, interpolation.upper())
    box = _middle(image.height, image.width, height, width) if keep_aspect_ratio else None
    return image.resize((width, height), method, box=box)


def _size_of(source: Any) -> int:
    """The bytes of a file by path or open file; Pillow has opened it, so it can be wound."""
    if not hasattr(source, "read"):
        return os.stat(source).st_size
    place = source.tell()
    size = source.seek(0, os.SEEK_END)
    source.seek(place)
    return int(size)


def _check_webp(source: Any, image_module: Any) -> None:
    """Looks at the size that a WebP file declares: its decoder takes memory for it when it is opened.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    if hasattr(source, "read"):
        place = source.tell()
        head = source.read(30)
        source.seek(place)
    else:
        with open(source, "rb") as file:
            head = file.read(30)
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return
    kind, most = head[12:16], (1 << 14) - 1
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        sizes = int.from_bytes(head[21:25], "little")
        width, height = 1 + (sizes & most), 1 + (sizes >> 14 & most)
    else:
        width, height = (int.from_bytes(head[at : at + 2], "little") & most for at in (26, 28))
    _check_pixels(width, height, _size_of(source), image_module)


def _check_pixels(width: int, height: int, size: int, image_module: Any) -> None:
    """Raises Pillow's own error for a picture whose file is too small for its pixels."""
    pixels = width * height
    if image_module.MAX_IMAGE_PIXELS is not None and pixels > max(_FEW_PIXELS, _PIXELS_PER_BYTE * size):
        raise image_module.DecompressionBombError(
            f"{width} x {height} pixels are declared by a file of {size} bytes"
        )


def _middle(height: int, width: int, new_height: int, new_width: int) -> tuple[int, int, int, int]:
    """The largest part in the middle with the new proportions: left, top, right, bottom."""
    kept_height = min(height, max(1, int(width * new_height / new_width)))
    kept_width = min(width, max(1, int(height * new_width / new_height)))
    top, left = (height - kept_height) // 2, (width - kept_width) // 2
    return left, top, left + kept_width, top + kept_height


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """A Pillow image as an array.

    Args:
        img: The image, or a 2-D or 3-D array.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        dtype: None is the configured float.

    Returns:
        An array of three axes.

    Example:
        >>> img_to_array([[0, 255]]).shape
        (1, 2, 1)
    """
    data_format = data_format or config.image_data_format()
    _check_format("img_to_array", data_format)
    array = np.asarray(img, dtype=dtype or config.floatx())
    if array.ndim == 2:
        array = array[..., None]
    elif array.ndim != 3:
        raise ValueError(f"img_to_array: an image has 2 or 3 axes; got shape {array.shape}")
    return array.transpose(2, 0, 1) if data_format == "channels_first" else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """An array as a Pillow image.

    Args:
        x: Three axes, one of them 1, 3 or 4 channels.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        scale: Whether to bring the values to 0 to 255; otherwise they must be there already.
        dtype: In which the array is read; None is the configured float.

    Raises:
        ImportError: Pillow is missing (`pip install corten[image]`).
        ValueError: The shape is not that of an image.
    """
    data_format = data_format or config.image_data_format()
    _check_format("array_to_img", data_format)
    array = np.asarray(x, dtype=dtype or config.floatx())
    if array.ndim != 3:
        raise ValueError(f"array_to_img: an image has 3 axes; got shape {array.shape}")
    if data_format == "channels_first":
        array = array.transpose(1, 2, 0)
    if scale:
        array = array - array.min()
        largest = array.max()
        array = array / largest * 255 if largest else array
    channels = array.shape[2]
    pixels = array.astype("int32" if channels == 1 and array.max() > 255 else "uint8")
    if channels == 1:
        return pillow().fromarray(pixels[:, :, 0])
    if channels in {3, 4}:
        return pillow().fromarray(pixels)
    raise ValueError(f"array_to_img: an image has 1, 3 or 4 channels; got {channels} in shape {array.shape}")


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array as an image file.

    Args:
        path: Where it goes; its ending says the format unless `file_format` does.
        x: As for `array_to_img`.
        data_format: As for `array_to_img`.
        file_format: Such as ``'png'`` or ``'jpeg'``.
        scale: As for `array_to_img`.
        **kwargs: For Pillow's `save`, such as ``quality=90``.

    Raises:
        ValueError: The ending is that of no image format.
        OSError: The file cannot be written; what was there is unchanged.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    is_jpeg = str(file_format or path).lower().endswith(("jpg", "jpeg"))
    image = image.convert("RGB") if is_jpeg and image.mode == "RGBA" else image
    file_format = "jpeg" if file_format == "jpg" else file_format
    if not isinstance(path, (str, os.PathLike)):
        image.save(path, format=file_format, **kwargs)
        return
    from corten.saving.files import write_atomically

    target = Path(path)
    if file_format is None:
        # Pillow looks at the names of files, and the temporary one has another ending.
        known = pillow().registered_extensions()
        file_format = known.get(target.suffix.lower())
        if file_format is None:
            raise ValueError(f"save_img: no image format has the ending {target.suffix!r} of {target.name!r}")
    write_atomically(target, lambda file: image.save(file, format=file_format, **kwargs))


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str | None = "channels_last",
    **_: Any,
) -> Any:
    """Resizes images without stretching: the largest part in the middle that has the new proportions.

    Args:
        x: One image or a batch of them.
        size: The new height and width.
        interpolation: As for `corten.ops.image.resize`.
        data_format: ``'channels_last'`` or ``'channels_first'``.

    Returns:
        An array if `x` is one, else a tensor.

    Example:
        >>> smart_resize(np.ones((10, 20, 3), "float32"), (4, 4)).shape
        (4, 4, 3)
    """
    from corten import ops

    if len(size) != 2:
        raise ValueError(f"smart_resize: size is height and width; got {size!r}")
    if len(np.shape(x)) not in {3, 4}:
        raise ValueError(f"smart_resize: an image has 3 axes, a batch 4; got shape {tuple(np.shape(x))}")
    resized = ops.image.resize(
        x, size, interpolation=interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
    return resized.numpy() if isinstance(x, np.ndarray) else resized


def _check_format(name: str, data_format: str) -> None:
    if data_format not in {"channels_first", "channels_last"}:
        raise ValueError(
            f"{name}: data_format must be 'channels_first' or 'channels_last'; got {data_format!r}"
        )
