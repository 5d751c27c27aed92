"""Event files of TensorBoard, through the package tensorboard."""

from __future__ import annotations

import importlib
import os
import struct
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

_STRING = 7  # The number of strings among the dtypes of TensorBoard's tensors.


def _module(name: str) -> Any:
    """A module of the package tensorboard.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module(f"tensorboard.{name}")
    except ImportError as error:
        raise ImportError("TensorBoard needs its package: pip install corten[tensorboard]") from error


def require_tensorboard() -> None:
    """Checks that event files can be written.

    Raises:
        ImportError: The package tensorboard is not installed.
    """
    _module("summary.writer.event_file_writer")


class EventFile:
    """One file of events; the folder and the file are made here.

    Args:
        folder: Where the file goes.

    Raises:
        ImportError: The package tensorboard is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._writer = _module("summary.writer.event_file_writer").EventFileWriter(os.fspath(folder))
        self._event = _module("compat.proto.event_pb2").Event

    def _add(self, summary: Any, step: int) -> None:
        self._writer.add_event(self._event(step=step, summary=summary, wall_time=time.time()))

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Writes a number; the mean of an array."""
        number = float(np.mean(np.asarray(value)))
        self._add(_module("plugins.scalar.summary_v2").scalar_pb(tag, number), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """Writes how values are distributed, in 30 buckets of the same width."""
        flat = values.astype("float64").ravel()
        self._add(_module("plugins.histogram.summary_v2").histogram_pb(tag, flat, 30), step)

    def images(self, tag: str, pictures: np.ndarray, step: int) -> None:
        """Writes gray images, an array `(count, height, width)` of uint8."""
        count, height, width = pictures.shape
        texts = [str(width).encode(), str(height).encode(), *(_png(picture) for picture in pictures)]
        summary = _module("compat.proto.summary_pb2").Summary()
        metadata = _module("plugins.image.metadata").create_summary_metadata(None, None)
        value = summary.value.add(tag=tag, metadata=metadata)
        value.tensor.dtype = _STRING
        value.tensor.tensor_shape.dim.add(size=count + 2)
        value.tensor.string_val.extend(texts)
        self._add(summary, step)

    def flush(self) -> None:
        """Brings everything to the disk."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()


def image_of(values: np.ndarray) -> np.ndarray | None:
    """Gives weights as gray images `(count, height, width)`; None for more than three axes or none.

    A vector is one row, a matrix one image with its longer side across, three axes are an image for each
    entry of the last one. Black is the smallest value, white the largest.

    Example:
        >>> image_of(np.array([[0.0], [0.5], [1.0]])).tolist()
        [[[0, 127, 255]]]
    """
    if values.ndim not in (1, 2, 3):
        return None
    if values.ndim == 3:
        pictures = np.moveaxis(values, -1, 0)
    else:
        picture = np.atleast_2d(values)
        pictures = (picture.T if picture.shape[0] > picture.shape[1] else picture)[None]
    pictures = pictures.astype("float64")
    low, high = pictures.min(), pictures.max()
    return ((pictures - low) / (high - low if high > low else 1.0) * 255).astype("uint8")


def _png(picture: np.ndarray) -> bytes:
    """A gray image as a PNG file (https://www.w3.org/TR/png)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = picture.shape
    rows = np.zeros((height, width + 1), "uint8")  # Each row begins with its filter, 0 for none.
    rows[:, 1:] = picture
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def projector_config(entries: Iterable[tuple[str, str, str | Path | None]]) -> str:
    """The text of a projector's list of embeddings.

    Args:
        entries: Name, file of the vectors and file of the rows' names (or None) of each.

    Raises:
        ImportError: The package tensorboard is not installed.
    """
    config = _module("plugins.projector.projector_config_pb2").ProjectorConfig()
    for name, vectors, metadata in entries:
        embedding = config.embeddings.add(tensor_name=name, tensor_path=vectors)
        if metadata is not None:
            embedding.metadata_path = os.fspath(metadata)
    return str(config)
