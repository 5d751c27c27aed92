"""How texts are padded and cut: the arguments `padding` and `truncation`, and padding of what is encoded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from corten.transformers.batch_encoding import BatchEncoding, check_tensor_type

PADDING = ("longest", "max_length", "do_not_pad")
TRUNCATION = ("longest_first", "only_first", "only_second", "do_not_truncate")
#: A tokenizer's `model_max_length` above this means that nobody said how long texts may be.
UNLIMITED = 10**20
#: No row is padded to more than this unless the caller says so: a file's `model_max_length` alone does not.
LONGEST_PADDING = 1 << 22


class Lengths(NamedTuple):
    """What the arguments about lengths come to.

    Attributes:
        padding: One of `PADDING`.
        truncation: One of `TRUNCATION`.
        max_length: Where texts are cut, and what they are padded to with `'max_length'`; None for neither.
        pad_to_multiple_of: Padded lengths are multiples of it; None for any.
        padding_side: `'right'` or `'left'`.
        stride: Tokens that a piece of a cut text shares with the one before it.
    """

    padding: str
    truncation: str
    max_length: int | None
    pad_to_multiple_of: int | None
    padding_side: str
    stride: int


def _choice(who: str, name: str, value: Any, true: str, false: str, choices: tuple[str, ...]) -> str:
    if value is True:
        return true
    if value is False or value is None:
        return false
    value = getattr(value, "value", value)
    if value not in choices:
        raise ValueError(
            f"{who}: {name} must be True, False or one of {', '.join(map(repr, choices))}; got {value!r}."
        )
    return str(value)


def check_count(who: str, name: str, value: Any, least: int) -> int | None:
    """Checks a length.

    Raises:
        ValueError: It is neither None nor a whole number of at least `least`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{who}: {name} must be a whole number of at least {least}, or None; got {value!r}.")
    return int(value)


def check_side(who: str, name: str, value: Any) -> str:
    """Checks a side.

    Raises:
        ValueError: It is neither `'right'` nor `'left'`.
    """
    if value not in {"right", "left"}:
        raise ValueError(f"{who}: {name} must be 'right' or 'left'; got {value!r}.")
    return str(value)


def lengths(
    tokenizer: Any,
    padding: Any,
    truncation: Any,
    max_length: Any,
    stride: Any,
    pad_to_multiple_of: Any,
    padding_side: Any,
) -> Lengths:
    """Settles what arguments about lengths mean for a tokenizer.

    Raises:
        ValueError: One has a wrong value, there is no token to pad with, or no length to pad to.
    """
    who = type(tokenizer).__name__
    pad = _choice(who, "padding", padding, "longest", "do_not_pad", PADDING)
    cut = _choice(who, "truncation", truncation, "longest_first", "do_not_truncate", TRUNCATION)
    length = check_count(who, "max_length", max_length, 1)
    multiple = check_count(who, "pad_to_multiple_of", pad_to_multiple_of, 1)
    side = check_side(who, "padding_side", padding_side or tokenizer.padding_side)
    shared = check_count(who, "stride", stride, 0) or 0
    if length is not None and truncation is None and pad == "do_not_pad":
        # As in transformers: a length alone means to cut.
        warnings.warn(
            f"{who}: max_length={length} without truncation: texts are cut to it. Say truncation=True.",
            stacklevel=3,
        )
        cut = "longest_first"
    if length is None and (pad == "max_length" or cut != "do_not_truncate"):
        limit = tokenizer.model_max_length
        if limit <= UNLIMITED:
            length = int(limit)
            if pad == "max_length" and length > LONGEST_PADDING:
                raise ValueError(
                    f"{who}: padding='max_length' would pad to model_max_length={length}; say "
                    f"max_length=... if you "
                    "mean that."
                )
        elif pad == "max_length":
            raise ValueError(
                f"{who}: padding='max_length' needs a length, and the tokenizer knows none: pass "
                f"max_length=..., set "
                "`tokenizer.model_max_length`, or use padding=True."
            )
        else:
            warnings.warn(
                f"{who}: truncation without max_length, and the tokenizer knows no model_max_length: "
                f"nothing is cut.",
                stacklevel=3,
            )
            cut = "do_not_truncate"
    if pad != "do_not_pad" and tokenizer.pad_token is None:
        raise no_pad_token(who)
    if cut != "do_not_truncate" and multiple and pad != "do_not_pad" and length and length % multiple:
        raise ValueError(
            f"{who}: texts are cut to max_length={length} and then padded to a multiple of {multiple}, "
            f"which it is not: "
            f"pass max_length={length // multiple * multiple or multiple}."
        )
    return Lengths(pad, cut, length, multiple, side, shared)


def no_pad_token(who: str) -> ValueError:
    """Gives the error for a tokenizer without a token to pad with."""
    return ValueError(
        f"{who}: padding needs a pad token, and there is none. Set `tokenizer.pad_token = "
        f"tokenizer.eos_token`, or add one: "
        "`tokenizer.add_special_tokens({'pad_token': '[PAD]'})`."
    )


def padded_length(longest: int, wanted: Lengths) -> int | None:
    """Returns the length that rows are padded to; None for no padding.

    Args:
        longest: The length of the longest row.
        wanted: The settings.
    """
    if wanted.padding == "do_not_pad":
        return None
    length = longest if wanted.padding == "longest" else (wanted.max_length or longest)
    if wanted.pad_to_multiple_of:
        length = -(-length // wanted.pad_to_multiple_of) * wanted.pad_to_multiple_of
    return length


# ---- padding of what is encoded ----------------------------------------------------------------------------


def pad(
    tokenizer: Any,
    encoded_inputs: Any,
    padding: Any = True,
    max_length: int | None = None,
    pad_to_multiple_of: int | None = None,
    padding_side: str | None = None,
    return_attention_mask: bool | None = None,
    return_tensors: str | None = None,
) -> BatchEncoding:
    """Pads rows of numbers; `PreTrainedTokenizerFast.pad` says more."""
    who = f"{type(tokenizer).__name__}.pad"
    if return_tensors is not None:
        check_tensor_type(return_tensors)
    columns = _columns(who, encoded_inputs, tokenizer.model_input_names[0])
    main = tokenizer.model_input_names[0]
    rows = columns[main]
    single = bool(rows) and not _is_row(rows[0])
    if single:
        columns = {name: [value] for name, value in columns.items()}
        rows = columns[main]
    count = len(rows)
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"{who}: {main!r} has {count} rows and {name!r} has {len(column)}.")
    columns = {name: [_plain(value) for value in column] for name, column in columns.items()}
    wanted = lengths(tokenizer, padding, False, max_length, 0, pad_to_multiple_of, padding_side)
    sizes = [len(row) for row in columns[main]]
    length = padded_length(max(sizes, default=0), wanted)
    if return_attention_mask is None:
        return_attention_mask = "attention_mask" in tokenizer.model_input_names
    if return_attention_mask and "attention_mask" not in columns:
        columns["attention_mask"] = [[1] * size for size in sizes]
    if length is not None:
        fillers = {
            main: tokenizer.pad_token_id,
            "attention_mask": 0,
            "token_type_ids": tokenizer.pad_token_type_id,
            "special_tokens_mask": 1,
        }
        for name, filler in fillers.items():
            if name in columns:
                columns[name] = [
                    _padded(row, size, length, filler, wanted.padding_side)
                    for row, size in zip(columns[name], sizes, strict=True)
                ]
    if single and return_tensors is None:
        return BatchEncoding({name: column[0] for name, column in columns.items()})
    return BatchEncoding(columns, tensor_type=return_tensors)


def _columns(who: str, given: Any, main: str) -> dict[str, Any]:
    if isinstance(given, Mapping):
        columns = {name: _listed(value) for name, value in given.items()}
    elif isinstance(given, Sequence) and given and all(isinstance(row, Mapping) for row in given):
        names = list(given[0])
        for number, row in enumerate(given):
            if set(row) != set(names):
                raise ValueError(
                    f"{who}: row {number} has the entries {', '.join(map(str, row))}, and row 0 has "
                    f"{', '.join(map(str, names))}."
                )
        columns = {name: [row[name] for row in given] for name in names}
    else:
        raise ValueError(
            f"{who}: expected a dict of lists or a list of dicts (not empty), as a tokenizer returns "
            f"them; got "
            f"{type(given).__name__}."
        )
    if main not in columns:
        raise ValueError(f"{who}: there is no entry {main!r}; got {', '.join(map(str, columns)) or 'none'}.")
    return columns


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _is_row(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (hasattr(value, "shape") and len(value.shape) > 0)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if _is_row(value) and not isinstance(value, list):
        return np.asarray(value).tolist()
    return value


def _padded(row: list[Any], size: int, length: int, filler: Any, side: str) -> list[Any]:
    missing = [filler] * (length - size)
    return row + missing if side == "right" else missing + row
