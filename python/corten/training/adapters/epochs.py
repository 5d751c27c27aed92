"""Cutting the stream of batches into epochs."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from corten import config
from corten.training.adapters.adapter import Batch, DataAdapter


def check_steps(steps: Any, name: str, caller: str) -> int | None:
    """Gives a number of steps as int or None.

    Raises:
        ValueError: It is not a whole number of at least 1.
    """
    if steps is None:
        return None
    whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    if not whole or steps < 1:
        raise ValueError(f"{caller}: {name} must be None or a whole number of at least 1; got {steps!r}")
    return int(steps)


class EpochIterator:
    """Walks an adapter epoch by epoch.

    Without `steps` an epoch is one pass over the data. With `steps` an epoch takes that many
    batches from where the last one stopped. An epoch in which the data runs out is shorter, and
    the next one starts the data anew, if that is possible. `config.set_max_steps_per_epoch` limits both.

    Args:
        adapter: The source of batches.
        steps: Batches per epoch or None.
        caller: Method named by warnings.
    """

    def __init__(self, adapter: DataAdapter, steps: int | None = None, caller: str = "fit") -> None:
        self.adapter = adapter
        #: The most batches an epoch may have, or None.
        self.limit = config.max_steps_per_epoch()
        if steps is not None and self.limit is not None:
            steps = min(steps, self.limit)
        self.steps = steps
        #: True when no further epoch is possible.
        self.ran_out = False
        #: Called before each pass over the data, where checkpoints are written.
        self.before_pass: Callable[[], Any] | None = None
        #: What that gave for the pass that is under way or was the last.
        self.pass_began: Any = None
        #: How many passes were begun, and how many batches the last one gave.
        self.passes = 0
        self.drawn = 0
        self._warned = False
        self._caller = caller
        self._stream: Iterator[Batch] | None = None
        self._walk: Iterator[Batch] | None = None
        self._resumed_at = 0

    @property
    def num_batches(self) -> int | None:
        """How many batches an epoch has, or None until one was walked."""
        if self.steps is not None:
            return self.steps
        count = self.adapter.num_batches
        return count if self.limit is None or count is None else min(count, self.limit)

    @property
    def is_resumed(self) -> bool:
        """Whether the next epoch goes on in its middle."""
        return self._resumed_at > 0

    @property
    def is_within(self) -> bool:
        """Whether a pass was begun that the next batch comes from."""
        return self._stream is not None

    @property
    def begins_anew(self) -> bool:
        """Whether also the first pass is begun again to be resumed: where batches can be left out."""
        return hasattr(self.adapter.source, "iterate_after")

    def note_pass(self) -> None:
        """Counts a pass, which the caller begins."""
        if self.before_pass is not None:
            self.pass_began = self.before_pass()
        self.passes += 1
        self.drawn = 0

    def _begin_pass(self) -> Iterator[Batch]:
        self.note_pass()
        return self.adapter.batches()

    def resume(self, taken: int, passes: int, drawn: int, began: Any) -> None:
        """Goes to where an earlier iterator of the same data was, without making its batches where possible.

        Args:
            taken: Batches of the epoch that are done.
            passes: Passes it had begun.
            drawn: Batches that its last pass had given, or 0 where that pass was over.
            began: Its `pass_began`.
        """
        if passes > 1 or (passes and (not drawn or self.begins_anew)):
            self.adapter.forget_first()
        if drawn:
            self._stream = self.adapter.batches(drawn)
        self.passes, self.drawn, self.pass_began = passes, drawn, began
        self._resumed_at = taken

    def close(self) -> None:
        """Ends a pass that was left early, with its threads and files, but not the user's own iterator."""
        for started in (self._walk, self._stream):
            if isinstance(started, Generator):
                started.close()
        self._walk = self._stream = None
        self.adapter.forget_first()

    def epoch(self) -> Iterator[Batch]:
        """Starts the next epoch, or goes on with the one that was resumed."""
        self._walk = self._walked()
        return self._walk

    def _walked(self) -> Iterator[Batch]:
        taken, self._resumed_at = self._resumed_at, 0
        if self.steps is None:
            yield from self._one_pass(taken)
            return
        while taken < self.steps:
            started = self._stream is None
            if self._stream is None:
                self._stream = self._begin_pass()
            batch = next(self._stream, None)
            if batch is not None:
                taken += 1
                self.drawn += 1
                yield batch
                continue
            self._stream = None
            if self.adapter.restartable and taken == 0 and not started:
                # The last epoch ended with the last batch: start anew.
                continue
            self.ran_out = not self.adapter.restartable or started
            self._warn(f"{self.steps} steps an epoch were asked for, this one got {taken}")
            return

    def _one_pass(self, count: int) -> Iterator[Batch]:
        if self._stream is None:
            self._stream = self._begin_pass()
        stream = self._stream
        try:
            for batch in itertools.islice(stream, None if self.limit is None else self.limit - count):
                count += 1
                self.drawn += 1
                yield batch
        finally:
            self._stream = None
        if count == 0:
            self.ran_out = True
            self._warn("it gave no batch for this epoch")
        elif self.limit is None and self.adapter.restartable and self.adapter.num_batches is None:
            # Now known; the progress bar of the next epoch can show it.
            self.adapter.num_batches = count

    def _warn(self, what: str) -> None:
        if self._warned:
            return
        self._warned = True
        warnings.warn(
            f"{self._caller}: your input ran out of data: {what}. A generator can be "
            "walked once; "
            "let it go on for steps x epochs batches (`while True:`), or pass a PyDataset, a Dataset or "
            "arrays.",
            UserWarning,
            stacklevel=3,
        )
