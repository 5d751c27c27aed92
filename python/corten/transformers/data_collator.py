"""Batches of rows: padded, with labels beside them, for the trainer and for `map` of data sets.

A collator is called with a list of rows (dicts, as a tokenizer makes them) and returns a dict of arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from corten.transformers.batch_encoding import BatchEncoding, check_tensor_type

__all__ = [
    "DataCollatorForLanguageModeling",
    "DataCollatorForSeq2Seq",
    "DataCollatorForTokenClassification",
    "DataCollatorWithPadding",
    "DefaultDataCollator",
    "default_data_collator",
]

#: A label that no loss counts.
IGNORED = -100


def _rows(who: str, features: Any) -> list[dict[str, Any]]:
    """The rows as dicts with the same entries."""
    if not isinstance(features, (list, tuple)) or not features:
        raise ValueError(f"{who}: expected a list of rows (not empty); got {str(features)[:80]}.")
    rows = []
    for number, row in enumerate(features):
        if not isinstance(row, Mapping):
            raise ValueError(
                f"{who}: row {number} must be a dict, as a tokenizer makes them; got {type(row).__name__}."
            )
        if set(row) != set(features[0]):
            raise ValueError(
                f"{who}: row {number} has the entries {', '.join(map(str, row))}, and row 0 has "
                f"{', '.join(map(str, features[0]))}."
            )
        rows.append(dict(row))
    return rows


def _list(value: Any) -> list[Any]:
    return value.tolist() if hasattr(value, "tolist") else list(value)


def _is_row(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__len__") and getattr(value, "shape", (1,)) != ()


def _finished(batch: dict[str, Any], return_tensors: str) -> Any:
    return BatchEncoding(batch, tensor_type=return_tensors)


class DefaultDataCollator:
    """Puts rows together that have the same lengths already.

    `label` and `label_ids` become `labels`: int64, or float32 for numbers with a fraction. Entries that hold
    texts or None are left out.

    Args:
        return_tensors: `'np'` for NumPy arrays, `'corten'` for tensors.

    Raises:
        ValueError: `return_tensors` is neither; or, when called, rows differ in their entries or lengths.

    Example:
        >>> from corten.transformers import DefaultDataCollator
        >>> batch = DefaultDataCollator()([{"x": [1, 2], "label": 0}, {"x": [3, 4], "label": 1}])
        >>> batch["labels"], batch["x"].shape
        (array([0, 1]), (2, 2))
    """

    def __init__(self, return_tensors: str = "np") -> None:
        check_tensor_type(return_tensors)
        self.return_tensors = return_tensors

    def __call__(self, features: Any, return_tensors: str | None = None) -> Any:
        """Returns a dict of arrays (rows, ...).

        Args:
            features: A list of dicts.
            return_tensors: In place of the constructor's.
        """
        return default_data_collator(features, return_tensors or self.return_tensors)


def default_data_collator(features: Any, return_tensors: str = "np") -> Any:
    """Puts rows together, as `DefaultDataCollator` does.

    Args:
        features: A list of dicts.
        return_tensors: `'np'` for NumPy arrays, `'corten'` for tensors.

    Returns:
        A dict of arrays (rows, ...).

    Raises:
        ValueError: Rows differ in their entries or lengths.

    Example:
        >>> from corten.transformers import default_data_collator
        >>> default_data_collator([{"label": 0.5}, {"label": 1.0}])
        {'labels': array([0.5, 1. ], dtype=float32)}
    """
    check_tensor_type(return_tensors)
    rows = _rows("default_data_collator", features)
    batch: dict[str, Any] = {}
    for name in ("label", "label_ids"):
        if rows[0].get(name) is not None:
            labels = np.asarray([_list(row[name]) if _is_row(row[name]) else row[name] for row in rows])
            batch["labels"] = labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64)
            break
    for name, first in rows[0].items():
        if name in {"label", "label_ids"} or first is None or isinstance(first, str):
            continue
        batch[name] = (
            [np.asarray(row[name]) for row in rows] if _is_row(first) else [row[name] for row in rows]
        )
        if _is_row(first) and len({value.shape for value in batch[name]}) == 1:
            batch[name] = np.stack(batch[name])
    return dict(_finished(batch, return_tensors))


class DataCollatorWithPadding:
    """Pads the rows of a batch to the longest of them. `label` and `label_ids` become `labels`.

    Args:
        tokenizer: What pads them.
        padding: True or `'longest'`, `'max_length'`, or False for rows of one length.
        max_length: The length for `'max_length'`.
        pad_to_multiple_of: Pads to a multiple of it.
        return_tensors: `'np'` for NumPy arrays, `'corten'` for tensors.

    Raises:
        ValueError: `return_tensors` is neither; or, when called, rows differ in their entries, or cannot be
            padded.

    Example:
        >>> from corten.transformers import BertTokenizer, DataCollatorWithPadding
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> tokenizer = BertTokenizer(vocab)
        >>> collator = DataCollatorWithPadding(tokenizer)
        >>> rows = [{"input_ids": [2, 5, 5, 3], "label": 1}, {"input_ids": [2, 3], "label": 0}]
        >>> collator(rows)["input_ids"]
        array([[2, 5, 5, 3],
               [2, 3, 0, 0]])
    """

    def __init__(
        self,
        tokenizer: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_tensors: str = "np",
    ) -> None:
        check_tensor_type(return_tensors)
        self.tokenizer = tokenizer
        self.padding = padding
        self.max_length = max_length
        self.pad_to_multiple_of = pad_to_multiple_of
        self.return_tensors = return_tensors

    def __call__(self, features: Any) -> Any:
        """Returns a `BatchEncoding` of arrays (rows, tokens), and `labels`.

        Args:
            features: A list of dicts.
        """
        rows = _rows(type(self).__name__, features)
        batch = self._padded(rows)
        for name in ("label", "label_ids"):
            if name in batch:
                batch["labels"] = batch.pop(name)
        return _finished(batch, self.return_tensors)

    def _padded(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return dict(
            self.tokenizer.pad(
                rows,
                padding=self.padding,
                max_length=self.max_length,
                pad_to_multiple_of=self.pad_to_multiple_of,
            )
        )


class DataCollatorForTokenClassification(DataCollatorWithPadding):
    """Pads rows and the labels of their tokens alike.

    Args:
        tokenizer: What pads the rows.
        padding: As for `DataCollatorWithPadding`.
        max_length: As for `DataCollatorWithPadding`.
        pad_to_multiple_of: As for `DataCollatorWithPadding`.
        label_pad_token_id: The label of padding; losses leave -100 out.
        return_tensors: As for `DataCollatorWithPadding`.

    Raises:
        ValueError: When called: rows have no labels, or not one for each token.

    Example:
        >>> from corten.transformers import BertTokenizer, DataCollatorForTokenClassification
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> tokenizer = BertTokenizer(vocab)
        >>> collator = DataCollatorForTokenClassification(tokenizer)
        >>> rows = [{"input_ids": [2, 5, 3], "labels": [-100, 1, -100]}, {"input_ids": [5], "labels": [1]}]
        >>> collator(rows)["labels"]
        array([[-100,    1, -100],
               [   1, -100, -100]])
    """

    def __init__(
        self,
        tokenizer: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        label_pad_token_id: int = IGNORED,
        return_tensors: str = "np",
    ) -> None:
        super().__init__(tokenizer, padding, max_length, pad_to_multiple_of, return_tensors)
        self.label_pad_token_id = label_pad_token_id

    def __call__(self, features: Any) -> Any:
        """Returns a `BatchEncoding` of arrays (rows, tokens).

        Args:
            features: A list of dicts.
        """
        who = type(self).__name__
        rows = _rows(who, features)
        name = "label" if "label" in rows[0] else "labels"
        if name not in rows[0]:
            raise ValueError(
                f"{who}: rows have no 'labels' (a list, one for each token); got {', '.join(rows[0])}."
            )
        labels = [_list(row.pop(name)) if _is_row(row[name]) else row.pop(name) for row in rows]
        main = self.tokenizer.model_input_names[0]
        for number, (row, own) in enumerate(zip(rows, labels, strict=True)):
            if not isinstance(own, list) or len(own) != len(row[main]):
                count = len(own) if isinstance(own, list) else 1
                raise ValueError(
                    f"{who}: row {number} has {len(row[main])} tokens and {count} labels; "
                    f"each token needs one."
                )
        batch = self._padded(rows)
        length = max(map(len, batch[main]))
        batch[name] = [
            _filled(own, length, self.label_pad_token_id, self.tokenizer.padding_side) for own in labels
        ]
        return _finished(batch, self.return_tensors)


def _filled(values: list[Any], length: int, filler: Any, side: str) -> list[Any]:
    missing = [filler] * (length - len(values))
    return values + missing if side == "right" else missing + values


class DataCollatorForSeq2Seq(DataCollatorWithPadding):
    """Pads rows, and their labels, which are texts of lengths of their own.

    Args:
        tokenizer: What pads the rows.
        model: A model with `prepare_decoder_input_ids_from_labels`, which then makes `decoder_input_ids`.
        padding: As for `DataCollatorWithPadding`.
        max_length: As for `DataCollatorWithPadding`; labels are padded to it too.
        pad_to_multiple_of: As for `DataCollatorWithPadding`, for labels too.
        label_pad_token_id: The label of padding; losses leave -100 out.
        return_tensors: As for `DataCollatorWithPadding`.

    Raises:
        ValueError: When called: rows differ in their entries, or cannot be padded.

    Example:
        >>> from corten.transformers import BertTokenizer, DataCollatorForSeq2Seq
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> tokenizer = BertTokenizer(vocab)
        >>> rows = [{"input_ids": [2, 3], "labels": [5, 5, 3]}, {"input_ids": [2, 5, 3], "labels": [3]}]
        >>> DataCollatorForSeq2Seq(tokenizer)(rows)["labels"]
        array([[   5,    5,    3],
               [   3, -100, -100]])
    """

    def __init__(
        self,
        tokenizer: Any,
        model: Any = None,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        label_pad_token_id: int = IGNORED,
        return_tensors: str = "np",
    ) -> None:
        super().__init__(tokenizer, padding, max_length, pad_to_multiple_of, return_tensors)
        self.model = model
        self.label_pad_token_id = label_pad_token_id

    def __call__(self, features: Any) -> Any:
        """Returns a `BatchEncoding` of arrays (rows, tokens).

        Args:
            features: A list of dicts.
        """
        rows = _rows(type(self).__name__, features)
        name = "label" if "label" in rows[0] else "labels"
        labels = None
        if rows[0].get(name) is not None:
            labels = [_list(row.pop(name)) for row in rows]
        else:
            for row in rows:
                row.pop(name, None)
        batch = self._padded(rows)
        if labels is not None:
            batch["labels"] = self._padded_labels(labels)
            prepare = getattr(self.model, "prepare_decoder_input_ids_from_labels", None)
            if prepare is not None:
                batch["decoder_input_ids"] = np.asarray(prepare(labels=np.asarray(batch["labels"])))
        return _finished(batch, self.return_tensors)

    def _padded_labels(self, labels: list[list[int]]) -> list[list[int]]:
        if self.padding is False or self.padding == "do_not_pad":
            return labels
        length = max(map(len, labels))
        if self.padding == "max_length" and self.max_length is not None:
            length = max(length, self.max_length)
        if self.pad_to_multiple_of:
            length = -(-length // self.pad_to_multiple_of) * self.pad_to_multiple_of
        side = self.tokenizer.padding_side
        return [_filled(own, length, self.label_pad_token_id, side) for own in labels]


class DataCollatorForLanguageModeling(DataCollatorWithPadding):
    """Makes labels of the texts themselves: masked tokens (for BERT's kind), or the next ones (GPT's).

    With `mlm`, tokens are chosen with `mlm_probability`, never special ones; of the chosen, 80 % become the
    mask token, 10 % another token, and 10 % stay; labels are the chosen tokens, and -100 elsewhere (Devlin et
    al. 2018, https://arxiv.org/abs/1810.04805). Without it, labels are the tokens, and -100 where the pad
    token is: a model learns to end a text only if that is not the token it ends with.

    Args:
        tokenizer: What pads the rows.
        mlm: Whether tokens are masked.
        whole_word_mask: Whether the pieces of a word are chosen together, for tokenizers whose later pieces
            begin with `##`.
        mlm_probability: The probability of a token (of a word) to be chosen.
        mask_replace_prob: The part of the chosen that becomes the mask token.
        random_replace_prob: The part of the chosen that becomes another token.
        pad_to_multiple_of: Pads to a multiple of it.
        return_tensors: `'np'` for NumPy arrays, `'corten'` for tensors.
        seed: For the choice; None takes one from Corten's seeds (`corten.utils.set_random_seed`).

    Raises:
        ValueError: A probability is none, the tokenizer has no mask token; or, when called, rows cannot be
            padded.

    Example:
        >>> from corten.transformers import BertTokenizer, DataCollatorForLanguageModeling
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> tokenizer = BertTokenizer(vocab)
        >>> collator = DataCollatorForLanguageModeling(
        ...     tokenizer, mlm_probability=1.0, mask_replace_prob=1.0, random_replace_prob=0.0
        ... )
        >>> batch = collator([{"input_ids": [2, 5, 5, 3]}])
        >>> batch["input_ids"], batch["labels"]
        (array([[2, 4, 4, 3]]), array([[-100,    5,    5, -100]]))
    """

    def __init__(
        self,
        tokenizer: Any,
        mlm: bool = True,
        whole_word_mask: bool = False,
        mlm_probability: float | None = 0.15,
        mask_replace_prob: float = 0.8,
        random_replace_prob: float = 0.1,
        pad_to_multiple_of: int | None = None,
        return_tensors: str = "np",
        seed: int | None = None,
    ) -> None:
        super().__init__(tokenizer, pad_to_multiple_of=pad_to_multiple_of, return_tensors=return_tensors)
        who = type(self).__name__
        self.mlm = mlm
        self.whole_word_mask = whole_word_mask
        if mlm:
            self.mlm_probability = _probability(who, "mlm_probability", mlm_probability)
            self.mask_replace_prob = _probability(who, "mask_replace_prob", mask_replace_prob)
            self.random_replace_prob = _probability(who, "random_replace_prob", random_replace_prob)
            if self.mask_replace_prob + self.random_replace_prob > 1:
                raise ValueError(
                    f"{who}: mask_replace_prob={mask_replace_prob} and "
                    f"random_replace_prob={random_replace_prob} are more than 1 "
                    "together."
                )
            if tokenizer.mask_token is None:
                raise ValueError(
                    f"{who}: the tokenizer has no mask token, which mlm=True needs. For "
                    f"models of GPT's kind use mlm=False."
                )
        self.generator = np.random.default_rng(_seed() if seed is None else seed)

    def __call__(self, features: Any) -> Any:
        """Returns a `BatchEncoding` of arrays (rows, tokens).

        Args:
            features: A list of dicts, or of lists of token numbers.
        """
        given = [row if isinstance(row, Mapping) else {"input_ids": _list(row)} for row in features]
        rows = _rows(type(self).__name__, given)
        batch = self._padded(
            [{name: value for name, value in row.items() if name != "labels"} for row in rows]
        )
        special = batch.pop("special_tokens_mask", None)
        ids = np.asarray(batch["input_ids"], dtype=np.int64)
        if self.mlm:
            batch["input_ids"], batch["labels"] = self.mask_tokens(ids, special)
        else:
            labels = ids.copy()
            if self.tokenizer.pad_token_id is not None:
                labels[labels == self.tokenizer.pad_token_id] = IGNORED
            batch["labels"] = labels
        return _finished(batch, self.return_tensors)

    def mask_tokens(self, input_ids: Any, special_tokens_mask: Any = None) -> tuple[Any, Any]:
        """Chooses and replaces tokens.

        Args:
            input_ids: An array (rows, tokens).
            special_tokens_mask: 1 for tokens that are never chosen; None asks the tokenizer.

        Returns:
            The tokens with some replaced, and the labels; int64 arrays (rows, tokens).
        """
        ids = np.array(input_ids, dtype=np.int64)
        if special_tokens_mask is None:
            special = np.isin(
                ids, [number for number in self.tokenizer.all_special_ids if number is not None]
            )
        else:
            special = np.asarray(special_tokens_mask, dtype=bool)
        chosen = self._chosen(ids, special)
        labels = np.where(chosen, ids, IGNORED)
        # One draw decides, so that the parts are exact.
        kind = self.generator.random(ids.shape)
        masked = chosen & (kind < self.mask_replace_prob)
        other = chosen & ~masked & (kind < self.mask_replace_prob + self.random_replace_prob)
        others = self.generator.integers(0, len(self.tokenizer), ids.shape)
        ids = np.where(masked, self.tokenizer.mask_token_id, np.where(other, others, ids))
        return ids, labels

    def _chosen(self, ids: Any, special: Any) -> Any:
        draw = self.generator.random(ids.shape)
        if self.whole_word_mask:
            # The draw of a word's first piece is that of all its pieces.
            for row, numbers in enumerate(ids):
                pieces = self.tokenizer.convert_ids_to_tokens(numbers)
                for place in range(1, len(pieces)):
                    if (pieces[place] or "").startswith("##") and not special[row, place - 1]:
                        draw[row, place] = draw[row, place - 1]
        return (draw < self.mlm_probability) & ~special


def _probability(who: str, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{who}: {name} must be a number from 0 to 1; got {value!r}.")
    return float(value)


def _seed() -> int:
    from corten.random.seed_generator import make_default_seed

    return int(make_default_seed())
