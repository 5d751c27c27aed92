"""Windows of a time series as a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.data import Dataset


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Windows that slide over a series.

    Args:
        data: The series, `(steps, ...)`.
        targets: What belongs to the window that begins at each step, or None for windows alone.
        sequence_length: Steps of a window.
        sequence_stride: Steps from one window to the next.
        sampling_rate: Every so many-th step is taken within a window.
        batch_size: Windows of a batch; None gives single windows.
        shuffle: Whether each pass has another order.
        seed: Makes the orders repeatable.
        start_index: The first step that is used.
        end_index: The step before which to stop.
        format: 'tf' or 'grain', as in Keras; a `corten.data.Dataset` comes in both cases.

    Returns:
        A `Dataset` of windows `(batch, sequence_length, ...)`, with their targets if there are some.

    Raises:
        ValueError: The numbers do not fit the series.

    Example:
        >>> data = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, sequence_length=3)
        >>> windows, targets = next(iter(data))
        >>> windows.tolist(), targets.tolist()
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]], [0, 10, 20, 30])
    """
    name = "timeseries_dataset_from_array"
    series = np.asarray(data)
    _check(name, len(series), sequence_length, sequence_stride, sampling_rate, start_index, end_index)
    if format not in {"tf", "grain"}:
        raise ValueError(
            f"timeseries_dataset_from_array: `format` should be 'tf' or 'grain', as in Keras; got {format!r}"
        )
    first, last = start_index or 0, len(series) if end_index is None else end_index
    span = (sequence_length - 1) * sampling_rate + 1
    count = last - first - span + 1
    if targets is not None:
        targets = np.asarray(targets)
        count = min(count, len(targets[first:last]))
    starts = np.arange(first, first + max(count, 0), sequence_stride)
    steps = np.arange(0, span, sampling_rate)

    def window(number: Any) -> Any:
        start = starts[int(number)]
        values = series[start + steps]
        return values if targets is None else (values, targets[start])

    dataset = Dataset.from_tensor_slices(np.arange(len(starts)))
    if shuffle:
        dataset = dataset.shuffle(max(1, len(starts)), seed=seed)
    dataset = dataset.map(window)
    return dataset if batch_size is None else dataset.batch(batch_size).prefetch(2)


def _check(
    name: str, steps: int, length: int, stride: int, rate: int, start: int | None, end: int | None
) -> None:
    for what, value in (
        ("sequence_length", length), ("sequence_stride", stride), ("sampling_rate", rate),
    ):  # fmt: skip
        if value <= 0 or value >= max(steps, 2):
            raise ValueError(
                f"{name}: `{what}` must be between 1 and the {steps} steps of the series; got {value}"
            )
    for what, place in (("start_index", start), ("end_index", end)):
        if place is not None and not 0 <= place <= steps:
            raise ValueError(f"{name}: `{what}` must be between 0 and {steps}; got {place}")
    if start is not None and end is not None and start >= end:
        raise ValueError(f"{name}: start_index must be below end_index; got {start} and {end}")
