"""Special tokens of a tokenizer: which texts they are, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, overload

from corten.transformers.tokenization.backend import guarded, tokenizers_package

#: The tokens that have a name, in the order in which they are listed.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
#: Two names of one list: the one that is written, and the one of older files.
EXTRA_NAMES = ("extra_special_tokens", "additional_special_tokens")


class _Token:
    """An attribute that is a special token's text, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, tokenizer: None, owner: type) -> _Token: ...
    @overload
    def __get__(self, tokenizer: SpecialTokens, owner: type) -> str | None: ...
    def __get__(self, tokenizer: SpecialTokens | None, owner: type) -> _Token | str | None:
        return self if tokenizer is None else tokenizer.special_tokens_map.get(self.name)

    def __set__(self, tokenizer: SpecialTokens, value: Any) -> None:
        if value is not None and tokenizer._backend.token_to_id(str(value)) is None:
            raise ValueError(
                f"{type(tokenizer).__name__}.{self.name}: {str(value)!r} is not in the vocabulary. Use "
                f"`tokenizer.add_special_tokens({{{self.name!r}: {str(value)!r}}})`, which adds it, and "
                f"resize the "
                "model's embeddings."
            )
        tokenizer._set_special(self.name, value)


class _TokenId:
    """An attribute that is a special token's number, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.removesuffix("_id")

    @overload
    def __get__(self, tokenizer: None, owner: type) -> _TokenId: ...
    @overload
    def __get__(self, tokenizer: SpecialTokens, owner: type) -> int | None: ...
    def __get__(self, tokenizer: SpecialTokens | None, owner: type) -> _TokenId | int | None:
        if tokenizer is None:
            return self
        text = tokenizer.special_tokens_map.get(self.name)
        return None if text is None else tokenizer._token_id(text)

    def __set__(self, tokenizer: SpecialTokens, value: int | None) -> None:
        text = None if value is None else tokenizer._backend.id_to_token(value)
        if value is not None and text is None:
            raise ValueError(f"{type(tokenizer).__name__}.{self.name}_id: no token has the number {value!r}.")
        tokenizer._set_special(self.name, text)


class SpecialTokens:
    """The part of a tokenizer that deals with special tokens and with added ones."""

    bos_token, eos_token, unk_token, sep_token = _Token(), _Token(), _Token(), _Token()
    pad_token, cls_token, mask_token = _Token(), _Token(), _Token()
    bos_token_id, eos_token_id, unk_token_id, sep_token_id = _TokenId(), _TokenId(), _TokenId(), _TokenId()
    pad_token_id, cls_token_id, mask_token_id = _TokenId(), _TokenId(), _TokenId()

    #: What numbers pad `token_type_ids`.
    pad_token_type_id = 0

    _backend: Any

    def _start_special_tokens(self, named: Mapping[str, Any], extra: Iterable[Any]) -> None:
        """Keeps special tokens, and adds those to the vocabulary that it has not."""
        self._special: dict[str, Any] = {}
        self._extra_special_tokens: list[str] = []
        for name, value in named.items():
            self._set_special(name, value)
        self._extra_special_tokens = [str(token) for token in extra]
        wanted = [token for token in self._special.values() if token is not None]
        self._add_missing([*wanted, *extra])

    def _add_missing(self, tokens: Iterable[Any]) -> None:
        added = {str(token.content): token for token in self._backend.get_added_tokens_decoder().values()}
        new = []
        for token in tokens:
            known = added.get(str(token))
            if known is None or not known.special:
                new.append(self._as_added(token, special=True))
        if new:
            guarded(f"{type(self).__name__}: special tokens", self._backend.add_special_tokens, new)

    def _set_special(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, (str, tokenizers_package().AddedToken)):
            raise ValueError(
                f"{type(self).__name__}.{name}: a special token is a text, an AddedToken or None; got "
                f"{value!r}."
            )
        self._special[name] = value

    @staticmethod
    def _as_added(token: Any, special: bool) -> Any:
        kind = tokenizers_package().AddedToken
        if isinstance(token, kind):
            return token
        return kind(token, special=special, normalized=not special)

    def _token_id(self, text: str) -> int | None:
        found = self._backend.token_to_id(text)
        if found is None:
            unknown = self.special_tokens_map.get("unk_token")
            found = None if unknown is None else self._backend.token_to_id(unknown)
        return found

    # ---- reading -----------------------------------------------------------------------------------------

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """The special tokens that have a name and are set: name to text."""
        return {name: str(self._special[name]) for name in NAMES if self._special.get(name) is not None}

    @property
    def extra_special_tokens(self) -> list[str]:
        """Special tokens without a name."""
        return list(self._extra_special_tokens)

    @extra_special_tokens.setter
    def extra_special_tokens(self, tokens: Iterable[Any]) -> None:
        self._extra_special_tokens = [str(token) for token in tokens]

    @property
    def additional_special_tokens(self) -> list[str]:
        """The older name of `extra_special_tokens`."""
        return self.extra_special_tokens

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Iterable[Any]) -> None:
        self.extra_special_tokens = list(tokens)

    @property
    def additional_special_tokens_ids(self) -> list[int | None]:
        """The numbers of `extra_special_tokens`."""
        return [self._token_id(token) for token in self._extra_special_tokens]

    @property
    def all_special_tokens(self) -> list[str]:
        """All special tokens, each once: those with a name first."""
        return list(dict.fromkeys([*self.special_tokens_map.values(), *self._extra_special_tokens]))

    @property
    def all_special_ids(self) -> list[int | None]:
        """The numbers of `all_special_tokens`."""
        return [self._token_id(token) for token in self.all_special_tokens]

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """Number to `AddedToken`: the tokens that are cut out of texts before these are split."""
        return dict(sorted(self._backend.get_added_tokens_decoder().items()))

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """Text to number of the same tokens."""
        return {str(token.content): number for number, token in self.added_tokens_decoder.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """Returns text and number of the tokens that are cut out of texts before these are split."""
        return self.added_tokens_encoder

    # ---- adding ------------------------------------------------------------------------------------------

    def add_tokens(self, new_tokens: Any, special_tokens: bool = False) -> int:
        """Adds tokens to the vocabulary.

        A model has no embeddings for them: call `model.resize_token_embeddings(len(tokenizer))`.

        Args:
            new_tokens: Texts or `AddedToken`s, or one of them.
            special_tokens: Whether they are special: not normalized, and left out by `skip_special_tokens`.

        Returns:
            How many were not there before.

        Raises:
            ValueError: One is neither a text nor an `AddedToken`.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
            >>> tokenizer = BertTokenizer(vocab)
            >>> tokenizer.add_tokens(["corten", "hello"]), tokenizer.tokenize("hello corten")
            (1, ['hello', 'corten'])
        """
        kind = tokenizers_package().AddedToken
        tokens = [new_tokens] if isinstance(new_tokens, (str, kind)) else list(new_tokens)
        for token in tokens:
            if not isinstance(token, (str, kind)) or not str(token):
                raise ValueError(
                    f"{type(self).__name__}.add_tokens: a token is a text (not empty) or an AddedToken; "
                    f"got {token!r}."
                )
        before = self._backend.get_vocab_size(with_added_tokens=True)
        add = self._backend.add_special_tokens if special_tokens else self._backend.add_tokens
        guarded(
            f"{type(self).__name__}.add_tokens",
            add,
            [self._as_added(token, special_tokens) for token in tokens],
        )
        return int(self._backend.get_vocab_size(with_added_tokens=True)) - int(before)

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, Any], replace_extra_special_tokens: bool = True
    ) -> int:
        """Sets special tokens, and adds those to the vocabulary that it has not.

        Args:
            special_tokens_dict: Names (`'pad_token'`, ...) to texts or `AddedToken`s;
                `'extra_special_tokens'` (or `'additional_special_tokens'`) to a list of them.
            replace_extra_special_tokens: Whether that list takes the place of the one there is, or is added
                to it.

        Returns:
            How many were not in the vocabulary.

        Raises:
            ValueError: A name is none of a special token, or a value is no token.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
            >>> tokenizer = BertTokenizer(vocab)
            >>> tokenizer.add_special_tokens({"bos_token": "<s>"}), tokenizer.bos_token_id
            (1, 6)
        """
        unknown = [name for name in special_tokens_dict if name not in (*NAMES, *EXTRA_NAMES)]
        if unknown:
            raise ValueError(
                f"{type(self).__name__}.add_special_tokens: {unknown[0]!r} is the name of no special "
                f"token; expected "
                f"{', '.join((*NAMES, *EXTRA_NAMES))}."
            )
        before = self._backend.get_vocab_size(with_added_tokens=True)
        new: list[Any] = []
        for name, value in special_tokens_dict.items():
            if name in EXTRA_NAMES:
                if isinstance(value, str):
                    raise ValueError(
                        f"{type(self).__name__}.add_special_tokens: {name!r} is a list of texts; got "
                        f"{value!r}."
                    )
                kept = [] if replace_extra_special_tokens else self._extra_special_tokens
                self._extra_special_tokens = list(dict.fromkeys([*kept, *map(str, value)]))
                new.extend(value)
            else:
                self._set_special(name, value)
                if value is not None:
                    new.append(value)
        self._add_missing(new)
        return int(self._backend.get_vocab_size(with_added_tokens=True)) - int(before)
