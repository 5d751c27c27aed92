"""What a source of data remembers: random generators, the passes it made, the user's own state."""

from __future__ import annotations

import functools
import inspect
import random as python_random
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from corten.data.dataset import Dataset
from corten.data.stages import Cache, PassGenerators
from corten.layers.tracking import Tracking
from corten.random import seed_generator
from corten.random.seed_generator import SeedGenerator
from corten.utils.py_dataset import PyDataset

# Further in than this nobody hides a random generator; it bounds the search in objects of the user's.
_DEPTH = 12
_MANY = 1000


def random_state() -> dict[str, Any]:
    """Gives the global random states: Corten's, NumPy's and Python's."""
    default = seed_generator.global_generator
    version, words, gauss = python_random.getstate()
    return {
        "default": [default.seed, default.count],
        "numpy": np.random.get_state(legacy=False),
        "python": {"version": version, "words": np.array(words, np.uint32), "gauss": gauss},
    }


def set_random_state(state: dict[str, Any], least: bool = False) -> None:
    """Sets the global random states.

    Args:
        state: What `random_state` gave.
        least: Do not set Corten's counter back. A thread that reads ahead may have drawn already.
    """
    default = seed_generator.global_generator
    seed, count = state["default"]
    ahead = least and default.seed == seed
    default.seed, default.count = seed, max(count, default.count) if ahead else count
    np.random.set_state(_plain(state["numpy"]))
    python = state["python"]
    python_random.setstate((python["version"], tuple(int(word) for word in python["words"]), python["gauss"]))


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which generators want."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value


class Parts:
    """The parts of a source that change while it is read, in an order that is the same in every run.

    Args:
        source: A `Dataset`, a `PyDataset` or another iterable. An object with `get_state` and `set_state`
            is asked; else its random generators are looked for, also in the functions that it calls.

    Example:
        >>> data = Dataset.range(4).shuffle(4, seed=1).batch(2)
        >>> parts = Parts(data)
        >>> before = parts.get()
        >>> first = [batch.tolist() for batch in data]
        >>> parts.set(before)
        >>> [batch.tolist() for batch in data] == first
        True
    """

    def __init__(self, source: Any) -> None:
        self._found = list(_search(source))

    def get(self) -> list[Any]:
        """Gives the state of every part."""
        return [[kind, read()] for kind, read, _ in self._found]

    def fill(self, states: list[Any]) -> None:
        """Fills the caches that were full when the states were read, as the first pass did."""
        for (kind, is_full, fill), (_, was_full) in zip(self._found, states, strict=False):
            if kind == "cache" and was_full and not is_full():
                fill(True)

    def set(self, states: list[Any]) -> None:
        """Sets the state of every part.

        Raises:
            ValueError: The source has other parts.
        """
        known = [kind for kind, _, _ in self._found]
        given = [kind for kind, _ in states]
        if known != given:
            raise ValueError(
                "the source of data has other random generators and steps: "
                f"{', '.join(given) or 'none'} in the checkpoint, {', '.join(known) or 'none'} now"
            )
        for (kind, _, write), (_, state) in zip(self._found, states, strict=True):
            if kind != "cache":
                write(state)


def draws(function: Any) -> bool:
    """Whether a random generator is found in what a function leads to.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> draws(lambda x: x * 2), draws(lambda x, rng=rng: x * rng.normal())
        (False, True)
    """
    return next(_walk(function, set(), 0), None) is not None


Found = tuple[str, Callable[[], Any], Callable[[Any], Any]]


def _search(source: Any) -> Iterator[Found]:
    if _is_hook(source, "get_state") and _is_hook(source, "set_state", None):
        yield type(source).__name__, source.get_state, source.set_state
        return
    if isinstance(source, PyDataset) and _changes_between_epochs(type(source)):
        yield type(source).__name__, lambda: _kept_attributes(source), functools.partial(_keep, source)
    seen: set[int] = set()
    yield from _walk(source, seen, 0)


def _is_hook(source: Any, name: str, *arguments: Any) -> bool:
    """Whether an object has a method that takes these arguments; one of that name may mean something else."""
    method = getattr(source, name, None)
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True


def _changes_between_epochs(kind: type) -> bool:
    return any(
        getattr(kind, hook) is not getattr(PyDataset, hook) for hook in ("on_epoch_begin", "on_epoch_end")
    )


def _kept_attributes(dataset: Any) -> dict[str, Any]:
    """What hooks of epochs change: numbers, and orders of rows."""

    def is_kept(value: Any) -> bool:
        if isinstance(value, list):
            return all(type(item) is int for item in value)
        if isinstance(value, np.ndarray):
            return value.ndim == 1 and value.dtype.kind in "iu"
        return type(value) in (int, float, bool)

    return {name: value for name, value in vars(dataset).items() if is_kept(value)}


def _keep(dataset: Any, attributes: dict[str, Any]) -> None:
    # Only what is kept: a file does not decide what the attributes of an object are.
    for name in _kept_attributes(dataset):
        if name in attributes:
            setattr(dataset, name, attributes[name])


def _walk(value: Any, seen: set[int], depth: int) -> Iterator[Found]:
    if depth > _DEPTH or id(value) in seen or isinstance(value, type | types.ModuleType | np.ndarray):
        return
    seen.add(id(value))
    leaf = _leaf(value)
    if leaf is not None:
        yield leaf
        if not isinstance(value, Cache):
            return
    for child in _children(value):
        yield from _walk(child, seen, depth + 1)


def _leaf(value: Any) -> Found | None:
    """A part that has a state, with its reader and writer."""
    if isinstance(value, SeedGenerator):
        return "SeedGenerator", value.state.numpy, value.state.assign
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator
        return "numpy Generator", lambda: bits.state, lambda state: setattr(bits, "state", _plain(state))
    if isinstance(value, np.random.RandomState):
        return (
            "numpy RandomState",
            lambda: value.get_state(legacy=False),
            lambda state: value.set_state(_plain(state)),
        )
    if isinstance(value, python_random.Random):
        return "Random", value.getstate, lambda state: value.setstate(_tuples(state))
    if isinstance(value, PassGenerators):
        return "shuffle", value.get_state, value.set_state
    if isinstance(value, Cache):
        return "cache", lambda: value.is_full, lambda _: deque(value.elements(), maxlen=0)
    return None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _children(value: Any) -> list[Any]:
    """What an object leads to. Code of Corten's is known, and only its closures are looked at."""
    if isinstance(value, types.FunctionType):
        found = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        found += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        if not (value.__module__ or "").startswith("corten."):
            names = _global_names(value.__code__)
            found += [value.__globals__[name] for name in names if name in value.__globals__]
        return found
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, types.BuiltinFunctionType):
        return [value.__self__]
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, Tracking):
        return _random_states_of(value)
    if isinstance(value, dict):
        return list(value.values()) if len(value) <= _MANY else []
    if isinstance(value, list | tuple):
        return list(value) if len(value) <= _MANY else []
    own = isinstance(value, Dataset | Cache) or type(value).__module__.split(".")[0] not in _LIBRARIES
    found = list(getattr(value, "__dict__", {}).values()) if own else []
    if own and not isinstance(value, Dataset):
        # A class of the user's may draw in its methods.
        for name in ("__call__", "__getitem__", "__iter__"):
            method = getattr(type(value), name, None)
            if isinstance(method, types.FunctionType):
                found.append(method)
    return found


_LIBRARIES = frozenset(
    {"numpy", "builtins", "pandas", "h5py", "scipy", "threading", "_thread", "collections"}
)


def _random_states_of(layer: Any) -> list[Any]:
    from corten.layers.tracking import is_seed_generator

    return [held for one in layer._flatten_layers() for held in one._members() if is_seed_generator(held)]


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _global_names(code: types.CodeType) -> list[str]:
    """Names that a function may look up, those of functions inside it too."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _global_names(constant)
    return names
