"""Matching targets, losses and metrics to the outputs of a model by name or position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from corten import tree
from corten.identifiers import suggestion
from corten.losses import Loss
from corten.training.structured_losses import numbers_in, several


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
        self.names = [_place_name(place) for place in self._places]
        if known:
            # Models list their outputs as `tree.flatten` does, by sorted keys.
            for number, name in zip(tree.flatten(self._structure), output_names or (), strict=True):
                self.names[number] = str(name)
        #: True when the model returns a bare tensor, not a list or dict.
        self.is_single = isinstance(self._structure, int)

    def _number(self, value: Any, place: tuple[Any, ...]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._number(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self._number(item, (*place, index)) for index, item in enumerate(value)]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
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

    def align_losses(self, value: Any, what: str) -> tuple[list[list[Any]], list[tuple[Any, ...]]]:
        """Lists losses or their weights: several may be for one output, and one for a structure of outputs.

        Returns:
            The choices of every output, and `(place, numbers of the outputs, choice)` for structures.

        Raises:
            ValueError: The arrangement does not fit the outputs.
            KeyError: A key is no output of a dict.
        """
        single: list[list[Any]] = [[] for _ in self.names]
        whole: list[tuple[Any, ...]] = []
        if isinstance(value, Mapping) and not isinstance(self._structure, dict):
            self._check_keys(value, self.names, what)
            value = [value.get(name) for name in self.names]
            value = value[0] if self.is_single else value
            for index, entry in enumerate([value] if self.is_single else value):
                single[index] += entry if type(entry) in (list, tuple) else [entry]
            return single, whole
        self._fill_losses(self._structure, value, what, (), single, whole)
        return single, whole

    def _fill_losses(
        self,
        structure: Any,
        value: Any,
        what: str,
        place: tuple[Any, ...],
        single: list[list[Any]],
        whole: list[tuple[Any, ...]],
    ) -> None:
        if several(value, structure):
            for entry in value:
                if not isinstance(structure, int) and not isinstance(entry, Mapping | list | tuple):
                    whole.append((place, structure, entry))
                else:
                    self._fill_losses(structure, entry, what, place, single, whole)
            return
        if isinstance(structure, int):
            if isinstance(value, Mapping):
                keys = ", ".join(repr(key) for key in value)
                raise ValueError(f"{what} has a dict ({keys}) where the model has one output")
            single[structure].append(value)
            return
        keys_and_children = list(structure.items() if isinstance(structure, dict) else enumerate(structure))
        if isinstance(value, Mapping) and isinstance(structure, dict):
            self._check_keys(value, list(structure), what)
            entries = [value.get(key) for key, _ in keys_and_children]
        elif isinstance(value, list | tuple):
            if len(value) != len(keys_and_children):
                raise ValueError(
                    f"{what} has {len(value)} entries for a model with {len(self.names)} outputs "
                    f"({self._listed()})"
                )
            entries = list(value)
        elif place and callable(value) and not isinstance(value, Loss | type):
            # A function for a part that has a name gets the part.
            whole.append((place, structure, value))
            return
        else:
            entries = [value] * len(keys_and_children)
        for (key, child), entry in zip(keys_and_children, entries, strict=True):
            self._fill_losses(child, entry, what, (*place, key), single, whole)

    def loss_name(self, numbers: Any, place: tuple[Any, ...] | None = None) -> str:
        """Names the loss of an output, or of a structure of outputs at a place, as Keras does.

        Example:
            >>> layout = OutputLayout({"a": (1, 2), "b": 3}, ["y1", "y2", "y3"])
            >>> layout.loss_name(1), layout.loss_name([0, 1], ("a",)), layout.loss_name(2)
            ('a/y2', 'a', 'b')
        """
        if not isinstance(numbers, int):
            keys = [str(key) for key in place or () if not isinstance(key, int)]
            return "/".join(keys) or "_".join(self.loss_name(n) for n in numbers_in(numbers))
        place = self._places[numbers]
        parts = [str(key) for key in place[:-1] if not isinstance(key, int)]
        named = bool(place) and not isinstance(place[-1], int)
        return "/".join([*parts, str(place[-1]) if named else self.names[numbers]])

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
        if (
            isinstance(value, list | tuple)
            and len(value) != count
            and isinstance(self._structure, list | tuple)
        ):
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
                if what == "loss" and isinstance(self._structure, dict):
                    # Keras's error for a dict of outputs, and its type.
                    raise KeyError(
                        f"{key!r} in the `loss` argument, can't be found in either the model's outputs "
                        f"({listed}) or their names.{hint}"
                    )
                raise ValueError(
                    f"Invalid `{what}`: it names the output {key!r}, which is not there. "
                    f"Expected keys: {listed}.{hint}"
                )

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
