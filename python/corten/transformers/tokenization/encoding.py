"""Texts to numbers: calling a tokenizer, and padding what is encoded."""

from __future__ import annotations

import threading
import warnings
from typing import Any

from corten.transformers.batch_encoding import BatchEncoding, check_tensor_type
from corten.transformers.tokenization import padding as paddings
from corten.transformers.tokenization.backend import guarded
from corten.transformers.tokenization.decoding import numbers
from corten.transformers.tokenization.inputs import Texts, sort_texts
from corten.transformers.tokenization.special_tokens import SpecialTokens


class Encodes(SpecialTokens):
    """The part of a tokenizer that makes numbers of texts."""

    model_input_names: list[str] = ["input_ids", "attention_mask"]
    padding_side = "right"
    truncation_side = "right"
    model_max_length: int
    _lock: threading.Lock
    _warned_of_length: bool

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Returns how many special tokens are added to a text.

        Args:
            pair: Whether to a pair of texts.
        """
        return int(self._backend.num_special_tokens_to_add(pair))

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Encodes a text, a pair, or a list of them.

        Args:
            text: A text, or a list of texts (an array, or a column of a table, too). With
                `is_split_into_words`, a list of words or a list of such lists. A list of two texts within a
                list is a pair.
            text_pair: A second text for each. Whole numbers here are labels: they go into the result as
                `'labels'`, and a warning says so.
            text_target: Texts whose numbers go into the result as `'labels'`.
            text_pair_target: A second text for each of those.
            add_special_tokens: Whether to add the tokens that the model wants around a text.
            padding: True or `'longest'` pads to the longest row, `'max_length'` to `max_length`, False not at
                all.
            truncation: True or `'longest_first'` cuts to `max_length`, of a pair the longer text;
                `'only_first'` and `'only_second'` cut that text; False cuts nothing.
            max_length: The length; None is `model_max_length`. With neither padding nor truncation, texts are
                cut to it, and a warning says so.
            stride: With `return_overflowing_tokens`, tokens that a piece shares with the one before it.
            is_split_into_words: Whether texts are lists of words.
            pad_to_multiple_of: Pads to a multiple of it.
            padding_side: `'right'` or `'left'` in place of the tokenizer's.
            return_tensors: `'np'` for NumPy arrays, `'corten'` for tensors, None for lists.
            return_token_type_ids: Whether to return 0 and 1 for the texts of a pair; None goes by
                `model_input_names`.
            return_attention_mask: Whether to return 1 for tokens and 0 for padding; None likewise.
            return_overflowing_tokens: Whether to return the pieces that were cut off as further rows;
                `'overflow_to_sample_mapping'` then says which text a row is of.
            return_special_tokens_mask: Whether to return 1 for special tokens and 0 for others.
            return_offsets_mapping: Whether to return the characters of each token as (start, end).
            return_length: Whether to return the lengths of rows.
            verbose: Whether to warn of texts that are longer than the model takes.

        Returns:
            A `BatchEncoding`: lists for one text, lists of lists or arrays (texts, tokens) for several.

        Raises:
            ValueError: An argument has a wrong value, or texts cannot be cut or padded so.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5, "world": 6}
            >>> tokenizer = BertTokenizer(vocab)
            >>> tokenizer(["Hello", "Hello world"], padding=True, return_tensors="np").input_ids
            array([[2, 5, 3, 0],
                   [2, 5, 6, 3]])
        """
        if return_tensors is not None:
            check_tensor_type(return_tensors)
        who = type(self).__name__
        if text is None and text_target is None:
            raise ValueError(f"{who}: neither `text` nor `text_target` was given.")
        wanted = paddings.lengths(
            self, padding, truncation, max_length, stride, pad_to_multiple_of, padding_side
        )
        self._check_lengths(wanted, add_special_tokens)
        names = self.model_input_names
        returned = {
            "token_type_ids": "token_type_ids" in names
            if return_token_type_ids is None
            else return_token_type_ids,
            "attention_mask": "attention_mask" in names
            if return_attention_mask is None
            else return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
            "length": return_length,
            "overflow": return_overflowing_tokens,
        }

        def encoded(first: Any, second: Any) -> BatchEncoding:
            texts = sort_texts(who, first, second, is_split_into_words)
            return self._encoded(
                texts, wanted, add_special_tokens, is_split_into_words, returned, return_tensors, verbose
            )

        if text is None:
            return encoded(text_target, text_pair_target)
        result = encoded(text, text_pair)
        if text_target is not None:
            result["labels"] = encoded(text_target, text_pair_target)["input_ids"]
        return result

    def _check_lengths(self, wanted: paddings.Lengths, add_special_tokens: bool) -> None:
        if wanted.truncation == "do_not_truncate" or wanted.max_length is None:
            return
        who = type(self).__name__
        special = self.num_special_tokens_to_add() if add_special_tokens else 0
        if wanted.max_length < special:
            raise ValueError(
                f"{who}: max_length={wanted.max_length} is less than the {special} special tokens that "
                f"every text gets."
            )
        if wanted.stride and wanted.stride >= wanted.max_length - special:
            raise ValueError(
                f"{who}: stride={wanted.stride} must be less than the {wanted.max_length - special} "
                f"tokens that a piece of "
                f"max_length={wanted.max_length} has beside its {special} special ones."
            )

    def _encode_rows(
        self, rows: list[Any], wanted: paddings.Lengths, add_special_tokens: bool, split: bool
    ) -> list[Any]:
        who = type(self).__name__
        with self._lock:  # Truncation is a state of the backend.
            if wanted.truncation == "do_not_truncate" or wanted.max_length is None:
                self._backend.no_truncation()
            else:
                guarded(
                    who,
                    self._backend.enable_truncation,
                    max_length=wanted.max_length,
                    stride=wanted.stride,
                    strategy=wanted.truncation,
                    direction=self.truncation_side,
                )
            try:
                return guarded(
                    f"{who}: cannot encode",
                    self._backend.encode_batch,
                    rows,
                    is_pretokenized=split,
                    add_special_tokens=add_special_tokens,
                )
            finally:
                self._backend.no_truncation()

    def _encoded(
        self,
        texts: Texts,
        wanted: paddings.Lengths,
        add_special_tokens: bool,
        split: bool,
        returned: dict[str, Any],
        return_tensors: str | None,
        verbose: bool,
    ) -> BatchEncoding:
        first = self._encode_rows(texts.rows, wanted, add_special_tokens, split)
        encodings, samples = first, list(range(len(first)))
        if returned["overflow"]:
            encodings, samples = [], []
            for number, encoding in enumerate(first):
                pieces = [encoding, *encoding.overflowing]
                encodings.extend(pieces)
                samples.extend([number] * len(pieces))
        longest = max((len(encoding) for encoding in encodings), default=0)
        if verbose and longest > self.model_max_length and not self._warned_of_length:
            self._warned_of_length = True
            warnings.warn(
                f"{type(self).__name__}: a text has {longest} tokens, and the model takes "
                f"{self.model_max_length}: pass "
                "truncation=True, or give it in pieces.",
                stacklevel=4,
            )
        length = paddings.padded_length(longest, wanted)
        if length is not None:
            pad_id = self.pad_token_id
            for encoding in encodings:
                encoding.pad(
                    length,
                    direction=wanted.padding_side,
                    pad_id=pad_id,
                    pad_type_id=self.pad_token_type_id,
                    pad_token=self.pad_token,
                )
        columns: dict[str, Any] = {"input_ids": [encoding.ids for encoding in encodings]}
        if returned["token_type_ids"]:
            columns["token_type_ids"] = [encoding.type_ids for encoding in encodings]
        if returned["attention_mask"]:
            columns["attention_mask"] = [encoding.attention_mask for encoding in encodings]
        if returned["special_tokens_mask"]:
            columns["special_tokens_mask"] = [encoding.special_tokens_mask for encoding in encodings]
        if returned["offset_mapping"]:
            columns["offset_mapping"] = [encoding.offsets for encoding in encodings]
        if returned["length"]:
            columns["length"] = [len(encoding) for encoding in encodings]
        single = not texts.is_batch and return_tensors is None and not returned["overflow"]
        if single:
            columns = {name: value[0] if name != "length" else value for name, value in columns.items()}
        if returned["overflow"]:
            columns["overflow_to_sample_mapping"] = samples
        if texts.labels is not None:
            if single:
                columns["labels"] = texts.labels
            else:
                labels = texts.labels if texts.is_batch else [texts.labels]
                columns["labels"] = [labels[number] for number in samples]
        return BatchEncoding(columns, encodings, tensor_type=return_tensors)

    def encode(self, text: Any, text_pair: Any = None, add_special_tokens: bool = True, **kwargs: Any) -> Any:
        """Returns the numbers of a text; a list, or an array with one row if `return_tensors` is given.

        Args:
            text: A text, or with `is_split_into_words` a list of words.
            text_pair: A second one.
            add_special_tokens: Whether to add the tokens that the model wants around a text.
            **kwargs: As for `__call__`.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
            >>> BertTokenizer(vocab).encode("Hello you")
            [2, 5, 1, 3]
        """
        return self(text, text_pair, add_special_tokens=add_special_tokens, **kwargs)["input_ids"]

    def encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        """The older name of calling the tokenizer with one text."""
        return self(text, text_pair, **kwargs)

    def batch_encode_plus(self, batch_text_or_text_pairs: Any, **kwargs: Any) -> BatchEncoding:
        """The older name of calling the tokenizer with a list of texts, or of pairs."""
        return self(batch_text_or_text_pairs, **kwargs)

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """Splits a text into tokens.

        Args:
            text: The text.
            pair: A second one.
            add_special_tokens: Whether to add the tokens that the model wants around a text.
            **kwargs: As for `__call__`.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5, "##s": 6}
            >>> BertTokenizer(vocab).tokenize("Hellos hello")
            ['hello', '##s', 'hello']
        """
        return self(text, pair, add_special_tokens=add_special_tokens, **kwargs).tokens()

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Pads rows that are encoded already; collators do it for each batch.

        Args:
            encoded_inputs: A list of dicts with `'input_ids'`, or a dict of lists. `'token_type_ids'`,
                `'attention_mask'` and `'special_tokens_mask'` are padded too; other entries stay as they are.
            padding: As for `__call__`.
            max_length: As for `__call__`.
            pad_to_multiple_of: As for `__call__`.
            padding_side: As for `__call__`.
            return_attention_mask: As for `__call__`.
            return_tensors: As for `__call__`.
            verbose: Does nothing.

        Returns:
            A `BatchEncoding`.

        Raises:
            ValueError: Rows have different entries, there is no pad token, or an array cannot be made.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> tokenizer = BertTokenizer({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4})
            >>> tokenizer.pad([{"input_ids": [2, 1, 3]}, {"input_ids": [2, 3]}])
            {'input_ids': [[2, 1, 3], [2, 3, 0]], 'attention_mask': [[1, 1, 1], [1, 1, 0]]}
        """
        return paddings.pad(
            self,
            encoded_inputs,
            padding,
            max_length,
            pad_to_multiple_of,
            padding_side,
            return_attention_mask,
            return_tensors,
        )

    def get_special_tokens_mask(
        self, token_ids_0: Any, token_ids_1: Any = None, already_has_special_tokens: bool = False
    ) -> list[int]:
        """Returns 1 for special tokens and 0 for others.

        Args:
            token_ids_0: Numbers with their special tokens.
            token_ids_1: None.
            already_has_special_tokens: True.

        Raises:
            ValueError: Special tokens are not among the numbers yet.
        """
        if not already_has_special_tokens or token_ids_1 is not None:
            raise ValueError(
                f"{type(self).__name__}.get_special_tokens_mask: give numbers with their special tokens and "
                "already_has_special_tokens=True, or ask the tokenizer for return_special_tokens_mask=True."
            )
        special = set(self.all_special_ids)
        return [int(number in special) for number in numbers(token_ids_0)]
