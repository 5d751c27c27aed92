"""The tokenizer that all others are: texts to numbers and back, by the package `tokenizers`."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

from corten.transformers.tokenization import files, padding as paddings
from corten.transformers.tokenization.backend import tokenizers_package
from corten.transformers.tokenization.chat_template import ChatTemplates
from corten.transformers.tokenization.decoding import Decodes
from corten.transformers.tokenization.special_tokens import EXTRA_NAMES, NAMES
from corten.transformers.tokenization.training import train_new

#: What `model_max_length` is where nobody said anything.
NO_LIMIT = int(1e30)


class PreTrainedTokenizerFast(ChatTemplates, Decodes):
    """A tokenizer of any kind, read from a `tokenizer.json` or made of a `tokenizers.Tokenizer`.

    Families (`BertTokenizer`, `GPT2Tokenizer`, ...) know their special tokens and can be made of a vocabulary
    alone. One tokenizer may be used by several threads.

    Args:
        tokenizer_object: A `tokenizers.Tokenizer`.
        tokenizer_file: A `tokenizer.json`, in place of it.
        model_max_length: Tokens that the model takes; texts are cut to it by `truncation=True`.
        padding_side: Where rows are padded: `'right'`, or `'left'` as generation needs it. None is the
            family's.
        truncation_side: Where texts are cut: `'right'` or `'left'`.
        chat_template: A Jinja template for `apply_chat_template`, or a dict of several by name.
        model_input_names: The entries of a result, among `'input_ids'`, `'token_type_ids'`,
            `'attention_mask'`.
        clean_up_tokenization_spaces: Whether `decode` removes blanks before punctuation if it is not told.
        split_special_tokens: Whether special tokens within texts are taken for plain text.
        **settings: Special tokens by name (`bos_token`, `eos_token`, `unk_token`, `sep_token`, `pad_token`,
            `cls_token`, `mask_token`, and the list `extra_special_tokens`); what else there is, is kept in
            `init_kwargs` and saved.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: There is neither an object nor a file, or a setting has a wrong value.

    Example:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> words = Tokenizer(models.WordLevel({"?": 0, "a": 1, "rose": 2, "is": 3}, unk_token="?"))
        >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> tokenizer = corten.transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?")
        >>> tokenizer("a rose is a flower")
        {'input_ids': [1, 2, 3, 1, 0], 'attention_mask': [1, 1, 1, 1, 1]}
    """

    #: Special tokens that a family has if it is not told others.
    special_token_defaults: ClassVar[dict[str, str | None]] = {}
    #: Settings of a family beside special tokens, with their defaults.
    setting_defaults: ClassVar[dict[str, Any]] = {}
    #: What the files of a vocabulary are called: argument to name.
    vocab_files_names: ClassVar[dict[str, str]] = {"tokenizer_file": "tokenizer.json"}
    #: The class's name in files.
    saved_name: str = "TokenizersBackend"

    is_fast = True
    backend = "tokenizers"

    def __init__(
        self,
        *,
        tokenizer_object: Any = None,
        tokenizer_file: str | PathLike[str] | None = None,
        model_max_length: float | None = None,
        padding_side: str | None = None,
        truncation_side: str | None = None,
        chat_template: Any = None,
        model_input_names: list[str] | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        split_special_tokens: bool = False,
        name_or_path: str = "",
        **settings: Any,
    ) -> None:
        who = type(self).__name__
        if tokenizer_object is None:
            if tokenizer_file is None:
                raise ValueError(
                    f"{who}: pass tokenizer_file='.../tokenizer.json' or tokenizer_object=..., or use "
                    f"`{who}.from_pretrained(folder)`."
                )
            tokenizer_object = files.read_tokenizer_json(Path(tokenizer_file))
        self._backend = tokenizer_object
        self._backend.no_truncation()
        self._backend.no_padding()
        self._lock = threading.Lock()
        self._warned_of_length = False
        self.name_or_path = name_or_path
        self.model_max_length = self._checked_limit(model_max_length)
        self.padding_side = paddings.check_side(who, "padding_side", padding_side or type(self).padding_side)
        self.truncation_side = paddings.check_side(
            who, "truncation_side", truncation_side or type(self).truncation_side
        )
        self._given_sides = {
            name: value
            for name, value in (("padding_side", padding_side), ("truncation_side", truncation_side))
            if value is not None
        }
        self.clean_up_tokenization_spaces = bool(clean_up_tokenization_spaces)
        self._given_clean_up = clean_up_tokenization_spaces
        self.chat_template = chat_template
        if model_input_names is not None:
            self.model_input_names = self._checked_names(model_input_names)
        named = {**self.special_token_defaults}
        named.update({name: settings.pop(name) for name in NAMES if name in settings})
        extra: list[Any] = []
        for name in EXTRA_NAMES:
            extra.extend(self._checked_extra(name, settings.pop(name, None)))
        self.init_kwargs: dict[str, Any] = {**self.setting_defaults, **settings}
        self._start_special_tokens(named, list(dict.fromkeys(extra)))
        self.split_special_tokens = split_special_tokens

    def _checked_limit(self, value: Any) -> int:
        if value is None:
            return NO_LIMIT
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < float("inf"):
            raise ValueError(
                f"{type(self).__name__}: model_max_length must be a whole number of at least 1; got "
                f"{value!r}."
            )
        return int(value)

    def _checked_names(self, names: Any) -> list[str]:
        known = {"input_ids", "token_type_ids", "attention_mask"}
        if not isinstance(names, (list, tuple)) or not names or not all(name in known for name in names):
            raise ValueError(
                f"{type(self).__name__}: model_input_names must be a list of some of "
                f"{', '.join(sorted(known))}; got "
                f"{names!r}."
            )
        return list(names)

    def _checked_extra(self, name: str, tokens: Any) -> list[Any]:
        if tokens is None:
            return []
        if isinstance(tokens, Mapping):  # Names of one's own to tokens, as newer files have them.
            tokens = list(tokens.values())
        kind = tokenizers_package().AddedToken
        if not isinstance(tokens, (list, tuple)) or not all(isinstance(one, (str, kind)) for one in tokens):
            raise ValueError(f"{type(self).__name__}: {name} must be a list of texts; got {tokens!r}.")
        return list(tokens)

    # ---- reading and writing -----------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[str], *init_inputs: Any, **kwargs: Any
    ) -> Self:
        """Reads a tokenizer as Hugging Face's libraries write it.

        `tokenizer.json` is read if it is there, otherwise the files of a vocabulary; special tokens and
        settings are those of `tokenizer_config.json`. Nothing in these files is run.

        Args:
            pretrained_model_name_or_path: A folder, or a name on the hub, which is looked for in the local
                cache first.
            *init_inputs: None; they are there to be refused by name.
            **kwargs: Settings in place of those of the files, and where to look (`cache_dir`, `revision`,
                `subfolder`, `local_files_only`, ...).

        Returns:
            The tokenizer.

        Raises:
            OSError: There is no such folder or file.
            ValueError: A file is damaged, or is another kind's.

        Example:
            >>> from corten.transformers import BertTokenizer
            >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
            >>> paths = BertTokenizer(vocab).save_pretrained("tokenizer")
            >>> BertTokenizer.from_pretrained("tokenizer")("Hello").input_ids
            [2, 5, 3]
        """
        if init_inputs:
            raise TypeError(
                f"{cls.__name__}.from_pretrained: settings are given by their names; got {init_inputs!r}."
            )
        folder, settings = files.split_arguments(pretrained_model_name_or_path, kwargs)
        stored = files.read_tokenizer_config(folder)
        return cls._from_files(folder, stored, settings)

    @classmethod
    def _from_files(cls, folder: files.Folder, stored: dict[str, Any], given: dict[str, Any]) -> Self:
        """Makes a tokenizer of the files of a folder; given settings count more than stored ones."""
        settings = {**stored, **given}
        arguments = files.init_arguments(cls.__name__, folder, settings)
        path = folder.find("tokenizer.json")
        try:
            if path is None:
                made = cls._of_vocabulary(folder, arguments)
            else:
                made = cls.__new__(cls)
                backend = files.read_tokenizer_json(path)
                PreTrainedTokenizerFast.__init__(made, tokenizer_object=backend, **arguments)
                made._adapt(arguments, given)
        except (ValueError, TypeError) as error:
            # Settings of files and of the caller look alike by now: say where they may come from.
            message = str(error)
            raise ValueError(message if str(folder) in message else f"{folder}: {message}") from None
        made._add_stored(folder, settings)
        return made

    @classmethod
    def _of_vocabulary(cls, folder: files.Folder, arguments: dict[str, Any]) -> Self:
        raise folder.missing(cls.__name__, ["tokenizer.json"])

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        """Makes a backend that was read do what settings say where the two differ; families know which.

        Args:
            settings: All of them.
            given: Those that the caller gave.
        """

    def _add_stored(self, folder: files.Folder, settings: Mapping[str, Any]) -> None:
        """Adds the tokens of `added_tokens_decoder` that the vocabulary has not."""
        for number, token in files.added_tokens(str(folder), settings.get("added_tokens_decoder")):
            if self._backend.token_to_id(str(token.content)) is None:
                self.add_tokens([token], special_tokens=token.special)
                if self._backend.token_to_id(str(token.content)) != number:
                    raise ValueError(
                        f"{folder}: tokenizer_config.json says that {token.content!r} has the number "
                        f"{number}, which does "
                        f"not follow a vocabulary of {len(self) - 1}. Are its files those of one tokenizer?"
                    )

    def save_pretrained(
        self, save_directory: str | PathLike[str], filename_prefix: str | None = None, **kwargs: Any
    ) -> tuple[str, ...]:
        """Writes `tokenizer.json` and `tokenizer_config.json`, as Hugging Face's libraries read them.

        A chat template goes to `chat_template.jinja`.

        Args:
            save_directory: The folder; it is made if it is not there.
            filename_prefix: Goes before the names of the files, with a hyphen.
            **kwargs: None; `push_to_hub` is refused, and `legacy_format` and `save_format` do nothing.

        Returns:
            The paths of the files.

        Raises:
            OSError: They cannot be written.
        """
        if kwargs.pop("push_to_hub", False):
            raise NotImplementedError(
                f"{type(self).__name__}.save_pretrained: push_to_hub: nothing is sent anywhere. Save to "
                f"a folder, and send "
                "that with `huggingface-cli upload`."
            )
        return files.write_tokenizer(self, Path(save_directory), filename_prefix)

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[Any],
        vocab_size: int,
        length: int | None = None,
        new_special_tokens: Iterable[Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """Trains a tokenizer of the same kind on other texts.

        It cuts texts in the same way and keeps special tokens, which come first in the new vocabulary. Among
        pieces that are alike, the order is not the same in each run: save the tokenizer that a model is
        trained with.

        Args:
            text_iterator: Texts, or lists of texts.
            vocab_size: Tokens that the vocabulary may have.
            length: How many texts there are, if that is known.
            new_special_tokens: Further special tokens.
            **kwargs: For the trainer of the package tokenizers (`min_frequency`, `limit_alphabet`, ...).

        Returns:
            The new tokenizer.

        Raises:
            ValueError: `vocab_size` is no size, or there are no texts.

        Example:
            >>> from corten.transformers import GPT2Tokenizer
            >>> texts = ["the rose is red", "the violet is blue"] * 20
            >>> tokenizer = GPT2Tokenizer().train_new_from_iterator(texts, vocab_size=300)
            >>> tokenizer.tokenize("the red rose"), tokenizer.eos_token_id
            (['the', 'Ġred', 'Ġrose'], 0)
        """
        return train_new(self, text_iterator, vocab_size, length, new_special_tokens, kwargs)

    def saved_config(self) -> dict[str, Any]:
        """Returns what `tokenizer_config.json` holds."""
        config: dict[str, Any] = {
            name: value for name, value in self.init_kwargs.items() if name not in {"vocab", "merges"}
        }
        config["backend"] = "tokenizers"
        config["model_max_length"] = self.model_max_length
        config["tokenizer_class"] = self.saved_name
        for name in ("padding_side", "truncation_side"):
            value = getattr(self, name)
            if name in self._given_sides or value != getattr(type(self), name):
                config[name] = value
        if self._given_clean_up is not None or self.clean_up_tokenization_spaces:
            config["clean_up_tokenization_spaces"] = self.clean_up_tokenization_spaces
        if self.split_special_tokens:
            config["split_special_tokens"] = True
        if self.model_input_names != type(self).model_input_names:
            config["model_input_names"] = self.model_input_names
        for name in NAMES:
            if name in self._special:
                value = self._special[name]
                config[name] = None if value is None else str(value)
        if self._extra_special_tokens:
            config["extra_special_tokens"] = self.extra_special_tokens
        return config

    # ---- what it is --------------------------------------------------------------------------------------

    @property
    def backend_tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer` that does the work."""
        return self._backend

    @property
    def vocab_size(self) -> int:
        """Tokens of the vocabulary, without added ones."""
        return int(self._backend.get_vocab_size(with_added_tokens=False))

    def __len__(self) -> int:
        """Tokens with added ones: what a model's embeddings need."""
        return int(self._backend.get_vocab_size(with_added_tokens=True))

    @property
    def vocab(self) -> dict[str, int]:
        """Token to number, with added ones."""
        return self.get_vocab()

    def get_vocab(self) -> dict[str, int]:
        """Returns token to number, with added ones."""
        return dict(self._backend.get_vocab(with_added_tokens=True))

    @property
    def split_special_tokens(self) -> bool:
        """Whether special tokens within texts are taken for plain text."""
        return bool(self._backend.encode_special_tokens)

    @split_special_tokens.setter
    def split_special_tokens(self, value: bool) -> None:
        self._backend.encode_special_tokens = bool(value)

    @property
    def max_len_single_sentence(self) -> int:
        """Tokens that a text may have beside the special ones."""
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int:
        """Tokens that a pair of texts may have beside the special ones."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, vocab_size={self.vocab_size}, "
            f"model_max_length={self.model_max_length}, padding_side={self.padding_side!r}, "
            f"truncation_side={self.truncation_side!r}, special_tokens={self.special_tokens_map}, "
            f"added_tokens={len(self._backend.get_added_tokens_decoder())})"
        )

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = type(self).__new__(type(self))
        made.__setstate__({name: copy.deepcopy(value, memo) for name, value in self.__getstate__().items()})
        return made


#: All tokenizers are of this kind; these are Hugging Face's other names.
PreTrainedTokenizerBase = PreTrainedTokenizer = TokenizersBackend = PreTrainedTokenizerFast
