"""Steps of a data set that make data sets of elements, or one value of all."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from corten.data.structure import as_user_sees, leaves, map_structure, to_element

if TYPE_CHECKING:
    from corten.data.dataset import Dataset

# How many data sets `interleave` draws from where the user does not say: the same on every machine.
_CYCLE = 4


def call_with(function: Callable[..., Any], element: Any) -> Any:
    """Calls a user's function with an element; the parts of a tuple are its arguments."""
    seen = as_user_sees(element)
    return function(*seen) if isinstance(seen, tuple) else function(seen)


class NestedSteps:
    """What `Dataset` inherits: windows, nested data sets and reductions."""

    _source: Callable[[], Iterator[Any]]
    _cardinality: int
    _open_batch: bool
    #: Shapes and dtypes of the elements where they were told.
    _element_spec: Any = None

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Gives windows of elements, each a data set; parts of tuples and dicts have one each.

        Args:
            size: Elements per window.
            shift: How far windows are apart; `size` if None.
            stride: How far elements of a window are apart.
            drop_remainder: Leave smaller windows at the end out.
            name: Accepted for TensorFlow's sake.

        Example:
            >>> from corten.data import Dataset
            >>> windows = Dataset.range(5).window(3, shift=1, drop_remainder=True)
            >>> [batch.tolist() for batch in windows.flat_map(lambda part: part.batch(3))]
            [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
        """
        from corten.data import stages
        from corten.data.dataset import Dataset

        size = stages.check_count(size, "window", "size")
        step = stages.check_count(size if shift is None else shift, "window", "shift")
        stride = stages.check_count(stride, "window", "stride")
        span = (size - 1) * stride + 1

        def windows() -> Iterator[Any]:
            source = self._source()
            held: deque[Any] = deque()
            while True:
                held.extend(itertools.islice(source, span - len(held)))
                chosen = list(itertools.islice(held, 0, None, stride))
                if not chosen or (drop_remainder and len(chosen) < size):
                    return
                yield map_structure(lambda *parts: _of_elements(parts), *chosen)
                for _ in range(min(step, len(held))):
                    held.popleft()
                if step > span:
                    next(itertools.islice(source, step - span, step - span), None)

        count = self._cardinality
        if count >= 0:
            count = max((count - span) // step + 1, 0) if drop_remainder else -(-count // step)
        return Dataset(windows, count)

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """Makes a data set of every element, and gives the elements of one after the other.

        Args:
            map_func: Function of an element that gives a data set.
            name: Accepted for TensorFlow's sake.

        Raises:
            TypeError: The function gives something else (raised when the data set is read).

        Example:
            >>> from corten.data import Dataset
            >>> [int(x) for x in Dataset.range(4).flat_map(lambda n: Dataset.range(int(n)))]
            [0, 0, 1, 0, 1, 2]
        """
        from corten.data.dataset import Dataset

        def elements() -> Iterator[Any]:
            for element in self._source():
                yield from _data_set(call_with(map_func, element), "flat_map")._source()

        return Dataset(elements)

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Makes a data set of every element, and draws from several of them in turn.

        Args:
            map_func: Function of an element that gives a data set.
            cycle_length: From how many data sets to draw in turn; 4 if None or -1.
            block_length: How many elements to draw in a turn; 1 if None.
            num_parallel_calls: Accepted for TensorFlow's sake.
            deterministic: Accepted for TensorFlow's sake; the order always is.
            name: Accepted for TensorFlow's sake.

        Raises:
            TypeError: The function gives something else (raised when the data set is read).

        Example:
            >>> from corten.data import Dataset
            >>> pairs = Dataset.range(1, 4).interleave(
            ...     lambda n: Dataset.from_tensors(n).repeat(3), cycle_length=2, block_length=2
            ... )
            >>> [int(x) for x in pairs]
            [1, 1, 2, 2, 1, 2, 3, 3, 3]
        """
        from corten.data import stages
        from corten.data.dataset import Dataset

        automatic = cycle_length is None or cycle_length == -1
        cycle = stages.check_count(_CYCLE if automatic else cycle_length, "interleave", "cycle_length")
        block = stages.check_count(1 if block_length is None else block_length, "interleave", "block_length")

        def elements() -> Iterator[Any]:
            waiting = self._source()

            def opened() -> Iterator[Any] | None:
                for element in waiting:
                    return _data_set(call_with(map_func, element), "interleave")._source()
                return None

            # A place whose data set ended takes the next one when its turn comes again.
            places: list[Iterator[Any] | None] = [None] * cycle
            while True:
                for index, place in enumerate(places):
                    if place is None:
                        places[index] = opened()
                        place = places[index]
                    if place is None:
                        continue
                    given = 0
                    for element in itertools.islice(place, block):
                        given += 1
                        yield element
                    if given < block:
                        places[index] = None
                if all(place is None for place in places):
                    places[0] = opened()
                    if places[0] is None:
                        return

        return Dataset(elements)

    def reduce(
        self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None
    ) -> Any:
        """Combines all elements into one value.

        Args:
            initial_state: The value to begin with.
            reduce_func: Function of the value so far and an element that gives the next value.
            name: Accepted for TensorFlow's sake.

        Example:
            >>> from corten.data import Dataset
            >>> int(Dataset.range(5).reduce(0, lambda total, number: total + number))
            10
        """
        state = as_user_sees(to_element(initial_state))
        for element in self._source():
            state = as_user_sees(to_element(reduce_func(state, as_user_sees(element))))
        return state

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Ends before the first element for which the function is not true.

        Args:
            predicate: The function.
            name: Accepted for TensorFlow's sake.
        """
        from corten.data.dataset import Dataset

        return Dataset(
            lambda: itertools.takewhile(lambda element: bool(call_with(predicate, element)), self._source())
        )

    @property
    def element_spec(self) -> Any:
        """Shape and dtype of the elements, as symbolic tensors.

        They are those that `from_generator` was told, or of the first element, which is made for it. The size
        of batches of which the last may be smaller is None.

        Raises:
            ValueError: There are no elements.

        Example:
            >>> from corten.data import Dataset
            >>> Dataset.from_tensors(([[1.0, 2.0]], 3)).element_spec[0].shape
            (1, 2)
        """
        from corten.symbolic import KerasTensor

        told = self._element_spec
        if told is not None and all(part.shape is not None for part in leaves(told)):
            return map_structure(lambda part: KerasTensor(part.shape, part.dtype), told)

        def spec(leaf: Any) -> Any:
            if hasattr(leaf, "element_spec"):
                return leaf.element_spec
            dtype = str(leaf.dtype)
            shape = tuple(leaf.shape)
            if self._open_batch and shape:
                shape = (None, *shape[1:])
            return KerasTensor(shape, "string" if dtype.startswith(("<U", "|S", "obj")) else dtype)

        for element in self._source():
            return map_structure(spec, element)
        raise ValueError("Dataset.element_spec: the data set has no elements")

    def get_single_element(self, name: str | None = None) -> Any:
        """Gives the only element.

        Raises:
            ValueError: There is none, or more than one.
        """
        found = list(itertools.islice(self._source(), 2))
        if len(found) != 1:
            given = "more than one" if found else "none"
            raise ValueError(f"Dataset.get_single_element: expected one element; there is {given}")
        return as_user_sees(found[0])


def _of_elements(parts: tuple[Any, ...]) -> Dataset:
    from corten.data.dataset import Dataset

    return Dataset(lambda: iter(parts), len(parts))


def _data_set(value: Any, method: str) -> Any:
    from corten.data.dataset import Dataset

    if not isinstance(value, Dataset):
        raise TypeError(
            f"Dataset.{method}: the function must give a Dataset; got {type(value).__name__}. "
            "Use `map` for functions that give elements, or `Dataset.from_tensor_slices`."
        )
    return value
