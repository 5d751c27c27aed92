"""`Dataset`: a chain of steps that gives elements one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from corten.data import stages
from corten.data.disk_cache import DiskCache
from corten.data.nested import NestedSteps, call_with
from corten.data.signatures import described, fitted
from corten.data.structure import as_user_sees, leaves, map_structure, stack, to_element

#: Let the data set choose; accepted wherever TensorFlow's `AUTOTUNE` is.
AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

Source = Callable[[], Iterator[Any]]
Skipper = Callable[[int], Iterator[Any]]


class Dataset(NestedSteps):
    """A sequence of elements, made by a source and a chain of steps; every loop over it starts anew.

    Elements are arrays, or tuples and dicts of arrays. Functions passed to `map` and `filter`, and
    loops over the data set, get them as tensors.

    Args:
        source: Function that starts a pass.
        cardinality: Number of elements; -1 without an end, -2 when not known.
        open_batch: Whether elements are batches of which some may be smaller.
        skipper: Function that starts a pass after so many elements; None makes them and drops them.

    Example:
        >>> data = Dataset.range(10).filter(lambda x: x % 2 == 0).map(lambda x: x * x).batch(2)
        >>> [batch.tolist() for batch in data]
        [[0, 4], [16, 36], [64]]
    """

    def __init__(
        self,
        source: Source,
        cardinality: int = UNKNOWN_CARDINALITY,
        open_batch: bool = False,
        skipper: Skipper | None = None,
    ) -> None:
        self._source = source
        self._cardinality = cardinality
        self._open_batch = open_batch
        self._skipper = skipper

    def _like(
        self, source: Source, cardinality: int | None = None, skipper: Skipper | None = None
    ) -> Dataset:
        """A data set of the same kind of elements, as many if `cardinality` is None."""
        count = self._cardinality if cardinality is None else cardinality
        return Dataset(source, count, self._open_batch, skipper)

    def _after(self, count: int) -> Iterator[Any]:
        """Starts a pass after its first elements, which are not made where that is possible.

        What is random in their order is drawn. A function that `map` calls is left out where no random
        generator is found in it.
        """
        if self._skipper is not None and count:
            return self._skipper(count)
        elements = self._source()
        if count:
            next(itertools.islice(elements, count, count), None)
        return elements

    # -- sources --------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """Gives the rows of arrays, together: `from_tensor_slices((x, y))` gives pairs.

        Args:
            tensors: Array, or tuple or dict of arrays of the same length.
            name: Accepted for TensorFlow's sake.

        Raises:
            ValueError: The lengths differ.

        Example:
            >>> pairs = Dataset.from_tensor_slices(([1, 2], [3, 4]))
            >>> [(int(a), int(b)) for a, b in pairs]
            [(1, 3), (2, 4)]
        """
        table = to_element(tensors)
        parts = leaves(table)
        if any(len(part.shape) == 0 for part in parts):
            raise ValueError("Dataset.from_tensor_slices: a single number has no rows; use from_tensors")
        sizes = [int(part.shape[0]) for part in parts]
        if len(set(sizes)) > 1:
            raise ValueError(f"Dataset.from_tensor_slices: the arrays must have the same length; got {sizes}")
        # Late: a data set of rows is a subclass of this class.
        from corten.data.sliced import SlicedDataset

        return SlicedDataset(table, sizes[0])

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """Gives the value as the only element."""
        element = to_element(tensors)
        return Dataset(lambda: iter((element,)), 1)

    @staticmethod
    def from_elements(elements: list[Any]) -> Dataset:
        """Gives the entries of a list."""
        kept = [to_element(element) for element in elements]
        return Dataset(lambda: iter(kept), len(kept))

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] = (),
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Gives what a generator function gives; it is called anew for every pass.

        Args:
            generator: Function that returns an iterable.
            output_types: Dtypes, arranged like the elements, which are brought to them; None keeps theirs.
            output_shapes: With `output_types`: shapes, arranged in the same way, None for any size.
            args: Arguments of the function.
            output_signature: Objects with `shape` and `dtype` (`KerasTensor`, `corten.tf.TensorSpec`),
                arranged like the elements, in place of both.
            name: Accepted for TensorFlow's sake.

        Raises:
            TypeError: A generator was passed, not the function that makes it.
            ValueError: Both forms of description were given; while looping: an element does not fit.

        Example:
            >>> import corten
            >>> spec = corten.KerasTensor((None,), "float32")
            >>> data = Dataset.from_generator(lambda: ([1, 2], [3]), output_signature=spec)
            >>> [element.tolist() for element in data], data.element_spec.shape
            ([[1.0, 2.0], [3.0]], (None,))
        """
        if not callable(generator):
            raise TypeError(
                "Dataset.from_generator: pass the generator function itself, without calling it "
                f"(`from_generator(f)`, not `from_generator(f())`); got {type(generator).__name__}"
            )
        spec = described(output_signature, output_types, output_shapes)
        if spec is None:
            return Dataset(lambda: (to_element(element) for element in generator(*args)))
        made = Dataset(lambda: (fitted(element, spec) for element in generator(*args)))
        made._element_spec = spec
        return made

    @staticmethod
    def range(*args: int, **kwargs: Any) -> Dataset:
        """Gives whole numbers, as Python's `range`."""
        numbers = range(*args)
        return Dataset(lambda: (np.asarray(number, dtype=np.int64) for number in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Gives tuples of one element of each data set, until one ends.

        Example:
            >>> both = Dataset.zip(Dataset.range(3), Dataset.range(10, 20))
            >>> [(int(a), int(b)) for a, b in both]
            [(0, 10), (1, 11), (2, 12)]
        """
        if len(datasets) == 1 and isinstance(datasets[0], tuple | list):
            datasets = tuple(datasets[0])
        counts = [dataset._cardinality for dataset in datasets]
        finite = [count for count in counts if count >= 0]
        if UNKNOWN_CARDINALITY in counts:
            count = UNKNOWN_CARDINALITY
        else:
            count = min(finite) if finite else INFINITE_CARDINALITY
        return Dataset(lambda: zip(*(dataset._source() for dataset in datasets), strict=False), count)

    # -- steps ----------------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Applies a function to every element; the parts of a tuple are its arguments.

        Args:
            map_func: The function.
            num_parallel_calls: Threads; the order of the elements stays. `AUTOTUNE` takes a few.
            deterministic: Accepted for TensorFlow's sake; the order always stays.
            name: Accepted for TensorFlow's sake.
        """

        def apply(element: Any) -> Any:
            return to_element(call_with(map_func, element))

        def mapped(elements: Iterator[Any]) -> Iterator[Any]:
            if num_parallel_calls is None or num_parallel_calls in (0, 1):
                return map(apply, elements)
            workers = 4 if num_parallel_calls == AUTOTUNE else num_parallel_calls
            return stages.parallel_map(apply, elements, workers)

        def skipped(count: int) -> Iterator[Any]:
            # Late: that module needs this one.
            from corten.training.checkpoint.sources import draws

            if not draws(map_func):
                return mapped(self._after(count))
            elements = mapped(self._source())
            next(itertools.islice(elements, count, count), None)
            return elements

        return self._like(lambda: mapped(self._source()), skipper=skipped)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Keeps the elements for which the function is true."""
        return self._like(
            lambda: filter(lambda element: bool(call_with(predicate, element)), self._source()),
            UNKNOWN_CARDINALITY,
        )

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Joins `batch_size` elements into one; the last batch may be smaller.

        Args:
            batch_size: Elements per batch.
            drop_remainder: Leave a smaller last batch out.
            num_parallel_calls: Accepted for TensorFlow's sake.
            deterministic: Accepted for TensorFlow's sake.
            name: Accepted for TensorFlow's sake.
        """
        size = stages.check_count(batch_size, "batch", "batch_size")
        count = self._cardinality
        if count >= 0:
            count = count // size if drop_remainder else -(-count // size)
        return Dataset(
            lambda: self._batches(size, drop_remainder),
            count,
            not drop_remainder,
            lambda skip: self._batches(size, drop_remainder, skip),
        )

    def _batches(self, size: int, drop_remainder: bool, skip: int = 0) -> Iterator[Any]:
        elements = self._after(skip * size)
        return (stack(group) for group in stages.groups(elements, size, drop_remainder))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = 0,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """As `batch`, for elements of different size: they are filled up at the end.

        Args:
            batch_size: Elements per batch.
            padded_shapes: The sizes to fill up to, arranged like the elements; None for a size, or for
                all, takes the largest of the batch.
            padding_values: What to fill up with: one value, or some arranged like the elements.
            drop_remainder: Leave a smaller last batch out.
            name: Accepted for TensorFlow's sake.
        """
        size = stages.check_count(batch_size, "padded_batch", "batch_size")
        count = self._cardinality
        if count >= 0:
            count = count // size if drop_remainder else -(-count // size)

        def batches() -> Iterator[Any]:
            for group in stages.groups(self._source(), size, drop_remainder):
                yield stages.pad_group(group, padded_shapes, padding_values)

        return Dataset(batches, count, not drop_remainder)

    def unbatch(self, name: str | None = None) -> Dataset:
        """Gives the rows of every element."""

        def rows() -> Iterator[Any]:
            for element in self._source():
                for index in range(int(leaves(element)[0].shape[0])):
                    yield map_structure(lambda leaf, index=index: leaf[index], element)

        return Dataset(rows)

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> Dataset:
        """Mixes the elements: each is drawn from a buffer that is filled up again.

        Args:
            buffer_size: Elements in the buffer; the whole length mixes fully.
            seed: Number that fixes the order; the global generator is drawn from if None.
            reshuffle_each_iteration: Another order in every pass.
            name: Accepted for TensorFlow's sake.
        """
        size = stages.check_count(buffer_size, "shuffle", "buffer_size")
        generators = stages.PassGenerators(seed, reshuffle_each_iteration)
        whole = self._shuffled_rows(size, generators)
        if whole is not None:
            return whole
        return self._like(lambda: stages.shuffled(self._source(), size, generators.next()))

    def _shuffled_rows(self, size: int, generators: stages.PassGenerators) -> Dataset | None:
        """A data set of rows can do better than a buffer when all of it would be in there."""
        return None

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Starts again at the end: `count` passes in all, without an end if None or -1."""
        if count is None or count < 0:
            return self._like(
                lambda: stages.repeated(self._source), INFINITE_CARDINALITY, self._repeated_after
            )
        total = self._cardinality * count if self._cardinality >= 0 else self._cardinality
        return self._like(
            lambda: itertools.chain.from_iterable(self._source() for _ in range(count)), total if count else 0
        )

    def _repeated_after(self, count: int) -> Iterator[Any]:
        """Goes on with a pass of an endless repetition; those before it are opened at their end only."""
        length = self._cardinality
        if length <= 0:
            elements = stages.repeated(self._source)
            next(itertools.islice(elements, count, count), None)
            return elements
        for _ in range(count // length):
            next(self._after(length), None)
        return itertools.chain(self._after(count % length), stages.repeated(self._source))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Keeps the first elements; all if -1."""
        if count < 0:
            return self
        total = min(self._cardinality, count) if self._cardinality >= 0 else self._cardinality
        if self._cardinality == INFINITE_CARDINALITY:
            total = count
        return self._like(lambda: itertools.islice(self._source(), count), total)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Leaves the first elements out; all if -1."""
        if count < 0:
            return Dataset(lambda: iter(()), 0)
        total = max(self._cardinality - count, 0) if self._cardinality >= 0 else self._cardinality
        return self._like(lambda: itertools.islice(self._source(), count, None), total)

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Keeps every `num_shards`-th element, from `index` on."""
        if not 0 <= index < num_shards:
            raise ValueError(f"Dataset.shard: index must be 0 to {num_shards - 1}; got {index}")
        count = self._cardinality
        total = len(range(index, count, num_shards)) if count >= 0 else count
        return Dataset(lambda: itertools.islice(self._source(), index, None, num_shards), total)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Goes on with another data set at the end."""
        counts = (self._cardinality, dataset._cardinality)
        total = sum(counts) if min(counts) >= 0 else min(counts)
        return Dataset(lambda: itertools.chain(self._source(), dataset._source()), total)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Gives pairs of a number and the element."""
        return Dataset(
            lambda: ((np.asarray(number), element) for number, element in enumerate(self._source(), start)),
            self._cardinality,
        )

    def prefetch(self, buffer_size: int = AUTOTUNE, name: str | None = None) -> Dataset:
        """Prepares elements on another thread while the last one is used."""
        ahead = 2 if buffer_size == AUTOTUNE else stages.check_count(buffer_size, "prefetch", "buffer_size")
        return self._like(
            lambda: stages.prefetched(self._source, ahead),
            skipper=lambda count: stages.prefetched(lambda: self._after(count), ahead),
        )

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Keeps the elements of the first complete pass for later ones.

        Args:
            filename: A file to keep them in, also for later runs: where it exists it is read in place of
                the source, so delete it when the source changes. In memory if empty.
            name: Accepted for TensorFlow's sake.
        """
        cache = DiskCache(self._source, filename) if filename else stages.Cache(self._source)
        return self._like(cache.elements)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """Gives `transformation_func(self)`."""
        return transformation_func(self)

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Accepted for TensorFlow's sake; gives the data set itself."""
        return self

    # -- reading --------------------------------------------------------------------------------

    def cardinality(self) -> int:
        """Number of elements; -1 without an end, -2 when not known."""
        return self._cardinality

    def __len__(self) -> int:
        if self._cardinality < 0:
            what = "has no end" if self._cardinality == INFINITE_CARDINALITY else "has an unknown length"
            raise TypeError(f"the data set {what}")
        return self._cardinality

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return map(as_user_sees, self._source())

    def iterate_after(self, count: int) -> Iterator[Any]:
        """Starts a loop after the first elements, which are not made where that is possible.

        Args:
            count: How many to leave out.

        Example:
            >>> data = Dataset.range(6).map(lambda x: 10 * x)
            >>> [int(x) for x in data.iterate_after(4)]
            [40, 50]
        """
        return map(as_user_sees, self._after(count))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Gives the elements as NumPy arrays."""
        return (
            map_structure(lambda leaf: leaf.numpy() if hasattr(leaf, "numpy") else leaf, element)
            for element in self._source()
        )

    def __repr__(self) -> str:
        known = {INFINITE_CARDINALITY: "without an end", UNKNOWN_CARDINALITY: "of unknown length"}
        return f"<corten.data.Dataset {known.get(self._cardinality, f'of {self._cardinality} elements')}>"
