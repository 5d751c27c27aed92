"""Matching targets, losses and metrics to the outputs of a model by name or position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from corten.identifiers import suggestion


class OutputLayout:
    """How the outputs of a model are arranged.

    Args:
        predictions: What the model returned: one tensor, a list or tuple, or a dict.
        output_names: Names of the outputs, where the model knows them.

    Example:
        >>> layout = OutputLayout({"mask": 1, "label": 2})
        >>> layout.names, layout.align({"label": "b", "mask": "a"}, "y")
        (['mask', 'label'], ['a', 'b'])
    """

    def __init__(self, predictions: Any, output_names: Sequence[str] | None = None) -> None:
        self.is_dict = isinstance(predictions, Mapping)
        if self.is_dict:
            self.names = [str(key) for key in predictions]
            self._keys = list(predictions)
        else:
            count = len(predictions) if isinstance(predictions, list | tuple) else 1
            if output_names is not None and len(output_names) == count:
                self.names = list(output_names)
            else:
                self.names = [f"output_{index}" for index in range(count)]
            self._keys = list(self.names)
        #: True when the model returns a bare tensor, not a list or dict.
        self.is_single = not isinstance(predictions, Mapping | list | tuple)

    def predictions(self, value: Any) -> list[Any]:
        """Lists what the model returned, one entry per output."""
        if self.is_dict:
            return [value[key] for key in self._keys]
        return list(value) if isinstance(value, list | tuple) else [value]

    def align(self, value: Any, what: str) -> list[Any]:
        """Lists data (targets or weights), one entry per output.

        Raises:
            ValueError: The data has other names or another number of entries.
        """
        count = len(self.names)
        if value is None:
            return [None] * count
        if isinstance(value, Mapping):
            self._check_keys(value, what)
            return [value.get(key, value.get(name)) for key, name in zip(self._keys, self.names, strict=True)]
        if isinstance(value, list | tuple):
            if len(value) != count:
                raise ValueError(
                    f"{what} has {len(value)} entries for a model with {count} outputs ({self._listed()})"
                )
            return list(value)
        if count == 1:
            return [value]
        raise ValueError(
            f"{what} is one array, but the model has {count} outputs ({self._listed()}); pass a list"
        )

    def align_weights(self, value: Any, what: str) -> list[Any]:
        """As `align`; one array of sample weights serves every output."""
        if value is None or isinstance(value, Mapping | list | tuple):
            return self.align(value, what)
        return [value] * len(self.names)

    def align_choices(self, value: Any, what: str) -> list[Any]:
        """Lists losses, loss weights or the like; one choice serves every output.

        Raises:
            ValueError: A key is no output, or the number of entries is wrong.
        """
        count = len(self.names)
        if isinstance(value, Mapping):
            self._check_keys(value, what)
            return [value.get(key, value.get(name)) for key, name in zip(self._keys, self.names, strict=True)]
        if isinstance(value, list | tuple):
            if len(value) != count:
                raise ValueError(
                    f"{what} has {len(value)} entries for a model with {count} outputs ({self._listed()})"
                )
            return list(value)
        return [value] * count

    def align_metrics(self, value: Any, what: str) -> list[list[Any]]:
        """Lists the metrics of every output.

        Raises:
            ValueError: A key is no output, or the number of entries is wrong.
        """
        count = len(self.names)
        if value is None:
            return [[] for _ in range(count)]
        if isinstance(value, Mapping):
            return [_as_list(entry) for entry in self.align_choices(value, what)]
        entries = _as_list(value)
        if count == 1:
            flat = [item for entry in entries for item in _as_list(entry)]
            return [flat]
        if not isinstance(value, list | tuple):
            return [list(entries) for _ in range(count)]
        if len(entries) != count:
            raise ValueError(
                f"{what} has {len(entries)} entries for a model with {count} outputs ({self._listed()}). "
                "Give one list "
                f"per output, or a dict such as {{{self.names[0]!r}: ['accuracy']}}."
            )
        return [_as_list(entry) for entry in entries]

    def _check_keys(self, value: Mapping[Any, Any], what: str) -> None:
        known = {*self._keys, *self.names}
        for key in value:
            if key not in known:
                hint = suggestion(str(key), self.names)
                raise ValueError(
                    f"{what} names the output {key!r}; the model's outputs are {self._listed()}.{hint}"
                )

    def _listed(self) -> str:
        return ", ".join(repr(name) for name in self.names)


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
