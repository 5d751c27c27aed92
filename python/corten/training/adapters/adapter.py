"""What every source of batches looks like to the training loop."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

#: Inputs, targets and sample weights of one batch; the last two may be None.
Batch = tuple[Any, Any, Any]


class DataAdapter(abc.ABC):
    """Gives batches of tensors, epoch by epoch.

    Attributes:
        num_batches: How many batches one pass gives, or None when that is not known.
        restartable: False for a generator, which can be walked once only.
        num_samples: How many samples there are, or None when that is not known.
        same_length: Whether the parts of a batch must have the same number of samples. Not so for
            a training step of the user's own, which may join labelled and unlabelled samples.
        source: The user's object that gives the batches, or None for arrays.
        draws_skipped: Whether batches that are skipped are made all the same, as they come in order only.
    """

    num_batches: int | None = None
    num_samples: int | None = None
    restartable: bool = True
    same_length: bool = True
    source: Any = None
    draws_skipped: bool = False

    @abc.abstractmethod
    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """Starts one pass over the data. What is random in its order is drawn at once.

        Args:
            skip: How many batches to leave out at the start.
        """

    def forget_first(self) -> None:  # noqa: B027 - optional
        """Drops a pass that `first_batch` began."""

    @abc.abstractmethod
    def first_batch(self) -> Batch | None:
        """Gives the first batch to look at without using it up; None when there is no data."""

    def on_epoch_begin(self) -> None:  # noqa: B027 - optional
        """Called when an epoch starts."""

    def on_epoch_end(self) -> None:  # noqa: B027 - optional
        """Called when an epoch is over."""


def unpack(batch: Any) -> Batch:
    """Splits `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` into three.

    Example:
        >>> unpack(("x", "y"))
        ('x', 'y', None)

    Raises:
        ValueError: The tuple has more than three parts.
    """
    if isinstance(batch, list):
        batch = tuple(batch)
    if not isinstance(batch, tuple):
        return batch, None, None
    if len(batch) == 1:
        return batch[0], None, None
    if len(batch) == 2:
        return batch[0], batch[1], None
    if len(batch) == 3:
        return batch
    raise ValueError(
        f"A batch must be x, (x, y) or (x, y, sample_weight); got a tuple of {len(batch)} parts. "
        "Several inputs go into one list: ([input_1, input_2], y)."
    )
