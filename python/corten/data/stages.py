"""The work behind the steps of a data set."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

# Seconds for a user's function to come to its end when nobody wants its result any more.
_PATIENCE = 0.5


def check_count(value: Any, method: str, name: str) -> int:
    """Gives a number of elements as int.

    Raises:
        ValueError: It is not a whole number of at least 1.
    """
    try:
        count = int(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Dataset.{method}: {name} must be a whole number; got {value!r}") from error
    if count < 1 or count != value:
        raise ValueError(f"Dataset.{method}: {name} must be a whole number of at least 1; got {value!r}")
    return count


def groups(source: Iterator[Any], size: int, drop_remainder: bool) -> Iterator[list[Any]]:
    """Gives lists of `size` elements."""
    while group := list(itertools.islice(source, size)):
        if len(group) == size or not drop_remainder:
            yield group


def pad_and_stack(parts: Sequence[Any], value: Any, sizes: Any = None) -> np.ndarray:
    """Fills arrays up at their ends to the largest size, or to given sizes, and joins them.

    Raises:
        ValueError: The arrays differ in rank, or one is larger than its given size.
    """
    arrays = [np.asarray(part) for part in parts]
    ranks = sorted({array.ndim for array in arrays})
    if len(ranks) > 1 or (sizes is not None and len(sizes) != ranks[0]):
        wanted = "" if sizes is None else f", and padded_shapes has {len(sizes)}"
        raise ValueError(f"Dataset.padded_batch: elements have {ranks} axes{wanted}; they must be the same")
    largest = tuple(max(lengths) for lengths in zip(*(array.shape for array in arrays), strict=True))
    shape = [
        have if want is None or want == -1 else int(want)
        for have, want in zip(largest, largest if sizes is None else sizes, strict=True)
    ]
    if any(have > want for have, want in zip(largest, shape, strict=True)):
        raise ValueError(
            f"Dataset.padded_batch: an element of size {largest} does not fit into padded_shapes "
            f"{tuple(sizes)}; raise it, or use None for the largest of each batch"
        )
    result = np.full((len(arrays), *shape), value, dtype=arrays[0].dtype)
    for index, array in enumerate(arrays):
        place: tuple[Any, ...] = (index, *(slice(size) for size in array.shape))
        result[place] = array
    return result


def pad_group(group: Sequence[Any], sizes: Any, values: Any) -> Any:
    """Joins elements of a batch part by part; sizes and values are for all parts or arranged like them."""
    first = group[0]
    if isinstance(first, dict | tuple):
        keys = list(first) if isinstance(first, dict) else list(range(len(first)))

        def part_of(setting: Any, key: Any) -> Any:
            return setting[key] if type(setting) is type(first) else setting

        parts = [
            pad_group([element[key] for element in group], part_of(sizes, key), part_of(values, key))
            for key in keys
        ]
        return dict(zip(keys, parts, strict=True)) if isinstance(first, dict) else tuple(parts)
    return pad_and_stack(group, values, sizes)


def repeated(source: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Starts again at the end; a source that gives nothing ends it."""
    while True:
        empty = True
        for element in source():
            empty = False
            yield element
        if empty:
            return


class PassGenerators:
    """Gives every pass its random generator.

    Args:
        seed: Number that fixes the orders; the global generator is drawn from if None.
        vary: Whether passes differ.
    """

    def __init__(self, seed: int | None, vary: bool) -> None:
        self._seed = seed
        self._vary = vary
        self._passes = 0
        # What was drawn from the global generator, by pass: a pass that is made again is the same again.
        self._drawn: dict[int, tuple[int, int]] = {}

    def next(self) -> np.random.Generator:
        """Gives the generator of the next pass."""
        number = self._passes if self._vary else 0
        if self._seed is not None:
            key = (self._seed % 2**64, number)
        else:
            if number not in self._drawn:
                from corten.random import draw_key

                seed, stream = draw_key(None)
                self._drawn[number] = (int(seed) % 2**64, int(stream) % 2**64)
            key = self._drawn[number]
        self._passes += 1
        return np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))

    def get_state(self) -> dict[str, Any]:
        """Gives what `set_state` needs to make the passes from here on again."""
        rows = [(number, *key) for number, key in self._drawn.items()]
        return {"passes": self._passes, "drawn": np.array(rows, np.uint64).reshape(-1, 3)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes to another pass."""
        self._passes = int(state["passes"])
        self._drawn = {number: (seed, stream) for number, seed, stream in state["drawn"].tolist()}


def shuffled(source: Iterator[Any], size: int, generator: np.random.Generator) -> Iterator[Any]:
    """Draws every element from a buffer of `size`."""
    buffer = list(itertools.islice(source, size))
    for element in source:
        index = int(generator.integers(len(buffer)))
        yield buffer[index]
        buffer[index] = element
    for index in generator.permutation(len(buffer)):
        yield buffer[index]


class Cache:
    """Keeps the elements of the first complete pass.

    Args:
        source: Starts a pass of what is kept.
    """

    def __init__(self, source: Callable[[], Iterator[Any]]) -> None:
        self._source = source
        self._kept: list[Any] | None = None

    @property
    def is_full(self) -> bool:
        """Whether a pass was completed."""
        return self._kept is not None

    def elements(self) -> Iterator[Any]:
        """Starts a pass."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Any] = []
        for element in self._source():
            kept.append(element)
            yield element
        # A pass that was left early never comes here, so the cache is always whole.
        self._kept = kept


def parallel_map(function: Callable[[Any], Any], source: Iterator[Any], workers: int) -> Iterator[Any]:
    """Applies a function on threads; results come in order."""
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Any]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="corten-data")
    try:
        for element in itertools.islice(source, 2 * workers):
            waiting.append(pool.submit(function, element))
        while waiting:
            yield waiting.popleft().result()
            for element in itertools.islice(source, 1):
                waiting.append(pool.submit(function, element))
    finally:
        end_pool(pool, waiting)


def end_pool(pool: Any, futures: Iterable[Any]) -> None:
    """Ends a pool of threads, also where the reader stopped early: what nobody wants is not begun.

    Args:
        pool: The pool.
        futures: What was asked for and not yet taken. Calls that run are waited for, but not long: one that
            hangs must not hold Ctrl-C back.
    """
    from concurrent.futures import wait

    pool.shutdown(wait=False, cancel_futures=True)
    wait(futures, timeout=_PATIENCE)


class _End:
    """Put into the queue when the source ended, with the error if there was one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetched(source: Callable[[], Iterator[Any]], ahead: int) -> Iterator[Any]:
    """Runs a source on a thread, up to `ahead` elements in advance."""
    import queue

    waiting: queue.Queue[Any] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for element in source():
                if not put(element):
                    return
        except BaseException as error:
            put(_End(error))
            return
        put(_End())

    thread = threading.Thread(target=work, name="corten-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        # The reader may stop early; the thread must not wait for it for ever.
        stopped.set()
        with contextlib.suppress(queue.Empty):
            waiting.get_nowait()
        if threading.current_thread() is not thread:
            thread.join(_PATIENCE)
