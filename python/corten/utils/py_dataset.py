"""`PyDataset`: a data set that gives batch number i."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Base class for data sets that can give any batch by its number.

    Define `__len__` (number of batches) and `__getitem__(index)` (batch as `(x, y)` or
    `(x, y, sample_weight)`), and `on_epoch_end` if something changes between epochs.

    Args:
        workers: Threads that fetch batches in advance; `__getitem__` must then be safe to call
            from several threads. 1 fetches in the training thread.
        use_multiprocessing: Accepted for Keras's sake; threads are used (NumPy and the engine
            release the interpreter lock while they work).
        max_queue_size: Batches held in advance.

    Example:
        >>> import numpy as np
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         x = np.full((4, 1), float(index))
        ...         return x, x * x
        >>> Squares().num_batches
        2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    # Subclasses that forget `super().__init__()` still work.
    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __getitem__(self, index: int) -> Any:
        """Gives batch number `index`."""
        raise NotImplementedError(
            f"{type(self).__name__} must define `__getitem__(self, index)`, which gives one batch"
        )

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define `__len__(self)`, the number of batches")

    @property
    def num_batches(self) -> int | None:
        """The number of batches; a subclass may override it with None for data without an end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before every epoch."""

    def on_epoch_end(self) -> None:
        """Called after every epoch."""


Sequence = PyDataset
