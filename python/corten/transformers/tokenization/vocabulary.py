"""Families of tokenizers that can be made of a vocabulary, without a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Self

from corten.transformers.tokenization import files
from corten.transformers.tokenization.backend import guarded, tokenizers_package
from corten.transformers.tokenization.base import PreTrainedTokenizerFast
from corten.transformers.tokenization.special_tokens import NAMES


class VocabularyTokenizer(PreTrainedTokenizerFast):
    """A family of tokenizers: knows how to make one of a vocabulary.

    Args:
        vocab: Token to number, or the path of a file that says so; None is the special tokens alone.
        merges: For families that merge pairs: these in order, or the path of a `merges.txt`.
        vocab_file: The older name of `vocab`.
        merges_file: The older name of `merges`.
        tokenizer_object: A `tokenizers.Tokenizer`, in place of a vocabulary.
        tokenizer_file: A `tokenizer.json`, in place of a vocabulary.
        **settings: As for `PreTrainedTokenizerFast`, and those of the family.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary is wrong, or a setting has a wrong value.
    """

    def __init__(
        self,
        vocab: Any = None,
        merges: Any = None,
        *,
        vocab_file: str | PathLike[str] | None = None,
        merges_file: str | PathLike[str] | None = None,
        tokenizer_object: Any = None,
        tokenizer_file: str | PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        is_made = tokenizer_object is None and tokenizer_file is None
        if is_made:
            vocab = vocab_file if vocab is None else vocab
            merges = merges_file if merges is None else merges
            self._check_merges_come_with_vocabulary(vocab, merges)
            used = {**self.special_token_defaults, **self.setting_defaults, **settings}
            tokenizer_object = guarded(
                type(self).__name__,
                self._make,
                self._vocabulary(vocab, used),
                self._pairs(merges),
                used,
            )
        super().__init__(tokenizer_object=tokenizer_object, tokenizer_file=tokenizer_file, **settings)
        if is_made:
            # Special tokens have their numbers now.
            self._surround()
        else:
            self._adapt(settings, settings)

    def _check_merges_come_with_vocabulary(self, vocab: Any, merges: Any) -> None:
        if "merges_file" in self.vocab_files_names and (vocab is None) != (merges is None):
            missing = "merges" if merges is None else "a vocabulary"
            raise ValueError(
                f"{type(self).__name__}: a vocabulary and merges belong together, and {missing} is missing."
            )

    def _vocabulary(self, given: Any, settings: Mapping[str, Any]) -> Any:
        if given is None:
            named = (settings.get(name) for name in NAMES)
            tokens = dict.fromkeys(str(token) for token in named if token is not None)
            return {token: number for number, token in enumerate(tokens)}
        if isinstance(given, (str, PathLike)):
            return files.read_vocabulary(Path(given))
        return files.check_vocabulary(type(self).__name__, given)

    def _pairs(self, given: Any) -> list[tuple[str, str]]:
        if given is None:
            return []
        if isinstance(given, (str, PathLike)):
            return files.read_merges(Path(given))
        pairs = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in given]
        if not all(len(pair) == 2 and all(isinstance(one, str) for one in pair) for pair in pairs):
            raise ValueError(f"{type(self).__name__}: merges must be pairs of tokens.")
        return pairs

    def _make(self, vocab: Any, merges: list[tuple[str, str]], settings: Mapping[str, Any]) -> Any:
        """Makes a `tokenizers.Tokenizer`, without the tokens around a text."""
        raise NotImplementedError

    def _surround(self) -> None:
        """Says which tokens the backend puts around a text."""

    @classmethod
    def _of_vocabulary(cls, folder: files.Folder, arguments: dict[str, Any]) -> Self:
        names = {key: name for key, name in cls.vocab_files_names.items() if key != "tokenizer_file"}
        paths = {key: folder.find(name) for key, name in names.items()}
        if any(path is None for path in paths.values()) or not paths:
            raise folder.missing(
                cls.__name__,
                ["tokenizer.json", " with ".join(names.values())] if names else ["tokenizer.json"],
            )
        return cls(**paths, **arguments)

    def _template(self, single: str, pair: str) -> None:
        """Sets the tokens around a text, as `tokenizers` writes such templates."""
        tokens = dict.fromkeys(
            token for token in self.special_tokens_map.values() if f"{token}:" in f"{single} {pair}"
        )
        self._backend.post_processor = tokenizers_package().processors.TemplateProcessing(
            single=single,
            pair=pair,
            special_tokens=[(token, self._backend.token_to_id(token)) for token in tokens],
        )


class BeginEndTokenizer(VocabularyTokenizer):
    """A family that may put `bos_token` before each text and `eos_token` behind it."""

    @property
    def add_bos_token(self) -> bool:
        """Whether `bos_token` is put before each text."""
        return self._is_put(0, self.bos_token_id)

    @add_bos_token.setter
    def add_bos_token(self, value: bool) -> None:
        self._put_around(bool(value), self.add_eos_token)

    @property
    def add_eos_token(self) -> bool:
        """Whether `eos_token` is put behind each text."""
        return self._is_put(-1, self.eos_token_id)

    @add_eos_token.setter
    def add_eos_token(self, value: bool) -> None:
        self._put_around(self.add_bos_token, bool(value))

    def _is_put(self, place: int, number: int | None) -> bool:
        # What the backend does is the truth, whoever told it to.
        encoding = self._backend.encode("a")
        return (
            bool(len(encoding))
            and bool(encoding.special_tokens_mask[place])
            and encoding.ids[place] == number
        )

    def _put_around(self, begin: bool, end: bool) -> None:
        for name, wanted in (("bos_token", begin), ("eos_token", end)):
            if wanted and self.special_tokens_map.get(name) is None:
                raise ValueError(f"{type(self).__name__}: add_{name}=True needs a {name}, and there is none.")
        texts = []
        for text, kind in (("$A", 0), ("$B", 1)):
            before = f"{self.bos_token}:{kind} " if begin else ""
            texts.append(f"{before}{text}:{kind}" + (f" {self.eos_token}:{kind}" if end else ""))
        self._template(texts[0], " ".join(texts))

    def _surround(self) -> None:
        self._put_around(
            *(bool(self.init_kwargs.pop(name, False)) for name in ("add_bos_token", "add_eos_token"))
        )

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        for name in ("add_bos_token", "add_eos_token"):
            # A `tokenizer.json` says it itself; only the caller knows better.
            self.init_kwargs.pop(name, None)
            if name in given and bool(given[name]) != getattr(self, name):
                setattr(self, name, given[name])
