"""Images in folders as a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import config
from corten.utils import directories
from corten.utils.image_utils import img_to_array, load_img, pillow

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


# So much may padding add to a picture: more than a hundredfold is for proportions that no picture has.
_MOST_PADDING = 100


def _check_padding(path: str, rows: int, columns: int, image_size: tuple[int, int]) -> None:
    """Raises an error for a picture so long that padding it to other proportions would take all memory."""
    height, width = image_size
    high, wide = max(rows, columns * height // width), max(columns, rows * width // height)
    if high * wide > max(_MOST_PADDING * rows * columns, 1 << 20):
        raise ValueError(
            f"image_dataset_from_directory: {path!r} has {rows} x {columns} pixels; pad_to_aspect_ratio "
            f"would make {high} x {wide} of them. Remove the picture, or use crop_to_aspect_ratio"
        )


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Images in folders, one folder for each class, as a dataset of `(images, labels)`.

    Files are read while others are trained on; an unreadable one is named in the error.

    Args:
        directory: The folder.
        labels: ``'inferred'`` from the folders' names, a list with a number for each file in sorted order, or
            None for images alone.
        label_mode: ``'int'`` (int32 `(batch,)`), ``'binary'`` (float32 `(batch, 1)`), ``'categorical'``
            (float32 `(batch, classes)`) or None.
        class_names: The folders, in the order of their numbers; None sorts them.
        color_mode: ``'grayscale'``, ``'rgb'`` or ``'rgba'``.
        batch_size: Images of a batch; None gives single images.
        image_size: Height and width that all images are resized to.
        shuffle: Whether each pass has another order.
        seed: Makes orders and parts repeatable.
        validation_split: The share of the files kept for validation.
        subset: ``'training'``, ``'validation'``, or ``'both'`` for a pair of datasets.
        interpolation: As for `corten.ops.image.resize`.
        follow_links: Whether links to folders are followed.
        crop_to_aspect_ratio: Whether to cut the middle out rather than stretch.
        pad_to_aspect_ratio: Whether to add black borders rather than stretch.
        data_format: ``'channels_last'`` or ``'channels_first'``; None is the configured one.
        format: Accepted as in Keras; a `corten.data.Dataset` comes in any case.
        verbose: Whether to say how many files were found.

    Returns:
        A `Dataset` of float32 images from 0 to 255, with the attributes `class_names` and `file_paths`.

    Raises:
        ImportError: Pillow is missing (`pip install corten[image]`).
        ValueError: Folder or arguments do not fit.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for name in ("cat", "dog"):
        ...     os.mkdir(os.path.join(folder, name))
        ...     corten.utils.save_img(os.path.join(folder, name, "1.png"), np.ones((8, 8, 3)))
        >>> data = image_dataset_from_directory(folder, image_size=(4, 4), verbose=False)
        >>> images, labels = next(iter(data))
        >>> images.shape, sorted(labels.tolist()), data.class_names
        ((2, 4, 4, 3), [0, 1], ['cat', 'dog'])
    """
    name = "image_dataset_from_directory"
    pillow()
    if color_mode not in {"grayscale", "rgb", "rgba"}:
        raise ValueError(
            f"{name}: `color_mode` must be one of 'grayscale', 'rgb' or 'rgba'; got {color_mode!r}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{name}: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other")
    if len(image_size) != 2 or not all(hasattr(size, "__index__") and size > 0 for size in image_size):
        raise ValueError(f"{name}: image_size is height and width, above zero; got {image_size!r}")
    directories.check_split(name, validation_split, subset, shuffle, seed)
    listing = directories.list_files(name, directory, labels, label_mode, class_names, ENDINGS, follow_links)
    data_format = data_format or config.image_data_format()

    def read(path: str) -> np.ndarray:
        from corten import ops

        image = img_to_array(load_img(path, color_mode), data_format="channels_last", dtype="float32")
        resized: Any = image
        if pad_to_aspect_ratio:
            _check_padding(path, image.shape[0], image.shape[1], image_size)
        if image.shape[:2] != tuple(image_size):
            resized = ops.image.resize(
                image,
                tuple(image_size),
                interpolation=interpolation,
                crop_to_aspect_ratio=crop_to_aspect_ratio,
                pad_to_aspect_ratio=pad_to_aspect_ratio,
                data_format="channels_last",
            ).numpy()
        return np.moveaxis(resized, -1, 0) if data_format == "channels_first" else resized

    return directories.datasets_of(
        listing, read, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose
    )
