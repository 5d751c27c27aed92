"""Rows of model inputs to batches, and batches of model outputs back to rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from corten.transformers.outputs import ModelOutput

# Entries that are padded where rows differ in length, with what fills them up where the tokenizer does not
# say.
_FILLERS = {
    "input_ids": 0,
    "attention_mask": 0,
    "token_type_ids": 0,
    "special_tokens_mask": 1,
    "decoder_input_ids": 0,
}


def fillers_of(tokenizer: Any, model: Any) -> dict[str, int]:
    """Return what fills up short rows, by the entry.

    Args:
        tokenizer: The tokenizer; None if there is none.
        model: The model, whose configuration says it where the tokenizer does not.
    """
    found = dict(_FILLERS)
    pad = getattr(tokenizer, "pad_token_id", None)
    if pad is None:
        pad = getattr(getattr(model, "config", None), "pad_token_id", None)
    # The mask hides padding, so that any token will do.
    found["input_ids"] = found["decoder_input_ids"] = 0 if pad is None else int(pad)
    found["token_type_ids"] = int(getattr(tokenizer, "pad_token_type_id", 0) or 0)
    return found


def collate(rows: list[dict[str, Any]], fillers: Mapping[str, int], side: str) -> dict[str, Any]:
    """Join rows to a batch: arrays along their first axis, all else in lists.

    Args:
        rows: Dicts with the same entries; arrays have a first axis of 1.
        fillers: What fills up rows of different lengths, by the entry.
        side: Where: `'right'` or `'left'`.
    """
    if len(rows) == 1:
        return rows[0]
    batch: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name not in fillers or not all(isinstance(value, np.ndarray) for value in values):
            batch[name] = _joined(values)
            continue
        length = max(value.shape[1] for value in values)
        joined = np.full((len(values), length), fillers[name], values[0].dtype)
        for place, value in enumerate(values):
            size = value.shape[1]
            start = length - size if side == "left" else 0
            joined[place, start : start + size] = value[0]
        batch[name] = joined
    return batch


def _joined(values: list[Any]) -> Any:
    if all(isinstance(value, np.ndarray) and value.ndim > 0 for value in values):
        if len({value.shape[1:] for value in values}) == 1:
            return np.concatenate(values)
    elif all(hasattr(value, "shape") and len(value.shape) > 0 for value in values):
        from corten import ops

        return ops.concatenate(values)
    return values


def split(batch: Any, count: int) -> Iterator[Any]:
    """Give the rows of a batch, each with a first axis of 1.

    Args:
        batch: A dict of arrays, tensors, lists and tuples of them.
        count: How many rows there are.
    """
    if count == 1:
        yield batch
        return
    for row in range(count):
        values = {name: _row(value, row, count) for name, value in batch.items()}
        yield type(batch)(values) if isinstance(batch, ModelOutput) else values


def _row(value: Any, row: int, count: int) -> Any:
    if hasattr(value, "shape") and len(value.shape) > 0:
        return value[row : row + 1]
    if isinstance(value, tuple):
        return tuple(_row(one, row, count) for one in value)
    if isinstance(value, list) and len(value) == count:
        return value[row]
    return value
