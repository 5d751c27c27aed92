"""Matching targets, losses and metrics to the outputs of a model by name or position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from corten.identifiers import suggestion


def only_entry(value: Any) -> Any:
    """What a list, tuple or dict of one entry holds; anything else as it is."""
    if type(value) in (list, tuple, dict) and len(value) == 1:
        return next(iter(value.values())) if type(value) is dict else value[0]
    return value


def shapes_in(value: Any) -> Any:
    """Gives shape and dtype of every array in lists, tuples and dicts, and how these are arranged.

    Example:
        >>> import numpy as np
        >>> shapes_in({"a": np.zeros((2, 3), np.float32), "b": None})
        {'a': ((2, 3), 'float32'), 'b': None}
    """
    if isinstance(value, Mapping):
        return {key: shapes_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shapes_in(item) for item in value]
    return None if value is None else (tuple(value.shape), str(value.dtype))


class OutputLayout:
    """How the outputs of a model are arranged.

    Outputs may be a tensor, a list or tuple, a dict, or these inside one another.

    Args:
        predictions: What the model returned.
        output_names: Names of the outputs, where the model knows them.

    Example:
        >>> layout = OutputLayout({"mask": 1, "label": 2})
        >>> layout.names, layout.align({"label": "b", "mask": "a"}, "y")
        (['mask', 'label'], ['a', 'b'])
    """

    def __init__(self, predictions: Any, output_names: Sequence[str] | None = None) -> None:
        # The arrangement with numbers for outputs, so that it can be compared with other data.
        self._places: list[tuple[Any, ...]] = []
        self._structure = self._number(predictions, ())
        # The keys of a dict are what users of such a model go by; its layers' names matter elsewhere.
        flat_dict = isinstance(predictions, Mapping) and all(len(place) == 1 for place in self._places)
        known = output_names is not None and len(output_names) == len(self._places) and not flat_dict
        self.names = [str(name) for name in output_names or ()] if known else []
        self.names = self.names or [_place_name(place) for place in self._places]
        #: True when the model returns a bare tensor, not a list or dict.
        self.is_single = isinstance(self._structure, int)

    def _number(self, value: Any, place: tuple[Any, ...]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._number(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._number(item, (*place, index)) for index, item in enumerate(value)]
        self._places.append(place)
        return len(self._places) - 1

    def predictions(self, value: Any) -> list[Any]:
        """Lists what the model returned, one entry per output."""
        if self.is_single:
            return [value]
        found: list[Any] = []
        for place in self._places:
            item = value
            for key in place:
                item = item[key]
            found.append(item)
        return found

    def align(self, value: Any, what: str, used: Sequence[bool] | None = None) -> list[Any]:
        """Lists data (targets or weights), one entry per output.

        Args:
            value: The data.
            what: How messages call it.
            used: Which outputs have a loss; data for these alone is fine as well.

        Raises:
            ValueError: The data has other names or another number of entries.
        """
        count = len(self.names)
        if used is not None and sum(used) < count and not isinstance(value, Mapping):
            given = list(value) if isinstance(value, list | tuple) else [value]
            if len(given) == sum(used) and value is not None:
                rest = iter(given)
                return [next(rest) if taken else None for taken in used]
        if value is not None and not isinstance(value, Mapping | list | tuple) and count > 1:
            raise ValueError(
                f"{what} is one array, but the model has {count} outputs ({self._listed()}); pass a list"
            )
        return self._spread(value, what)

    def align_weights(self, value: Any, what: str) -> list[Any]:
        """As `align`; one array of sample weights serves every output."""
        return self._spread(value, what)

    def align_choices(self, value: Any, what: str) -> list[Any]:
        """Lists losses, loss weights or the like; one choice serves every output.

        Raises:
            ValueError: A key is no output, or the number of entries is wrong.
        """
        return self._spread(value, what)

    def align_metrics(self, value: Any, what: str) -> list[list[Any]]:
        """Lists the metrics of every output.

        Raises:
            ValueError: A key is no output, or the number of entries is wrong.
        """
        count = len(self.names)
        if value is None:
            return [[] for _ in range(count)]
        if count == 1 and not isinstance(value, Mapping):
            return [[item for entry in _as_list(value) for item in _as_list(entry)]]
        if isinstance(value, list | tuple) and len(value) != count and isinstance(self._structure, list):
            raise ValueError(
                f"{what} has {len(value)} entries for a model with {count} outputs ({self._listed()}). "
                f"Give one list per output, or a dict such as {{{self.names[0]!r}: ['accuracy']}}."
            )
        return [_as_list(entry) for entry in self._spread(value, what)]

    def _spread(self, value: Any, what: str) -> list[Any]:
        """Gives the entry of every output; a single value goes to all outputs below it."""
        result: list[Any] = [None] * len(self.names)
        if isinstance(value, Mapping) and not isinstance(self._structure, dict):
            # A dict for outputs that are a list or a single tensor goes by the outputs' names.
            self._check_keys(value, self.names, what)
            return [value.get(name) for name in self.names]
        self._fill(self._structure, value, what, result)
        return result

    def _fill(self, structure: Any, value: Any, what: str, result: list[Any]) -> None:
        if isinstance(structure, int):
            if isinstance(value, list | tuple) and len(value) == 1 and len(self.names) == 1:
                value = value[0]
            if isinstance(value, Mapping):
                keys = ", ".join(repr(key) for key in value)
                raise ValueError(f"{what} has a dict ({keys}) where the model has one output")
            result[structure] = value
            return
        children = list(structure.values()) if isinstance(structure, dict) else structure
        if isinstance(value, Mapping) and isinstance(structure, dict):
            self._check_keys(value, list(structure), what)
            for key, child in structure.items():
                self._fill(child, value.get(key), what, result)
        elif isinstance(value, list | tuple):
            if len(value) != len(children):
                raise ValueError(
                    f"{what} has {len(value)} entries for a model with {len(self.names)} outputs "
                    f"({self._listed()})"
                )
            for child, item in zip(children, value, strict=True):
                self._fill(child, item, what, result)
        else:
            for child in children:
                self._fill(child, value, what, result)

    def _check_keys(self, value: Mapping[Any, Any], known: Sequence[Any], what: str) -> None:
        for key in value:
            if key not in known:
                hint = suggestion(str(key), [str(name) for name in known])
                listed = ", ".join(repr(name) for name in known)
                raise ValueError(f"{what} names the output {key!r}; the model's outputs are {listed}.{hint}")

    def _listed(self) -> str:
        return ", ".join(repr(name) for name in self.names)


def _place_name(place: tuple[Any, ...]) -> str:
    """Makes a name of where an output is: 'mask', 'output_1', 'boxes_left'.

    Example:
        >>> _place_name(("boxes", "left")), _place_name((1,)), _place_name(())
        ('boxes_left', 'output_1', 'output_0')
    """
    if not place:
        return "output_0"
    if len(place) == 1 and isinstance(place[0], int):
        return f"output_{place[0]}"
    return "_".join(str(key) for key in place)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def is_binary_or_sparse(target_shape: Sequence[Any], output_shape: Sequence[Any]) -> tuple[bool, bool]:
    """Tells from shapes what 'accuracy' and 'crossentropy' mean, by Keras's rule.

    Returns:
        Whether the output is binary (one unit), and whether the targets are class indices.

    Example:
        >>> is_binary_or_sparse((None, 1), (None, 10))
        (False, True)
    """
    binary = len(output_shape) > 0 and output_shape[-1] == 1
    sparse = len(target_shape) < len(output_shape) or (
        len(target_shape) > 0 and target_shape[-1] == 1 and output_shape[-1] != 1
    )
    return binary, sparse
