"""The tokenizers of Llama, T5 and XLM-RoBERTa, which were trained by SentencePiece: blanks are `▁`.

SentencePiece: Kudo and Richardson (2018), https://arxiv.org/abs/1808.06226. What Hugging Face's libraries
make of its files (`tokenizer.json`) is read first, its own `.model` files where there is nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from corten.transformers.tokenization import files
from corten.transformers.tokenization.backend import guarded, tokenizers_package
from corten.transformers.tokenization.sentencepiece_model import (
    BPE,
    CONTROL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    SentencePieceModel,
    normalizer_of,
    read_model,
)
from corten.transformers.tokenization.vocabulary import BeginEndTokenizer, VocabularyTokenizer

_KINDS = {UNIGRAM: "unigram", BPE: "BPE"}


def _read(who: str, path: Path, wanted: int) -> SentencePieceModel:
    """Reads a `.model` file of a kind."""
    found = read_model(path)
    if found.model_type != wanted:
        raise ValueError(
            f"{path}: is a model of the kind {_KINDS[found.model_type]}, and {who} is made of one of the "
            f"kind {_KINDS[wanted]}. Is it another family's?"
        )
    return found


def _add_pieces(backend: Any, model: SentencePieceModel) -> None:
    """Makes pieces that users defined, which are never cut, tokens that are found first."""
    kind = tokenizers_package().AddedToken
    backend.add_tokens([kind(piece, normalized=False) for piece in model.of_kind(USER_DEFINED)])


class LlamaTokenizer(BeginEndTokenizer):
    """Characters merged in pairs, with `▁` for blanks, and bytes for characters outside the vocabulary.

    Args:
        vocab: Token to number, or the path of a `vocab.json`.
        merges: Pairs of tokens in their order, or the path of a `merges.txt`.
        add_prefix_space: Whether a blank is put before a text; None is True.
        add_bos_token: Whether `bos_token` is put before each text; a `tokenizer.json` says so itself. The
            default for a vocabulary is False.
        add_eos_token: Whether `eos_token` is put behind each text. The default is False.
        **settings: As for `PreTrainedTokenizerFast`. `padding_side` is `'left'` by default.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary or merges are wrong.

    Example:
        >>> from corten.transformers import LlamaTokenizer
        >>> tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab"]
        >>> vocab = {token: number for number, token in enumerate(tokens)}
        >>> tokenizer = LlamaTokenizer(vocab, [("a", "b"), ("▁", "ab")], add_bos_token=True)
        >>> tokenizer("ab ab").tokens(), tokenizer.decode([7, 7])
        (['<s>', '▁ab', '▁ab'], 'ab ab')
    """

    padding_side = "left"
    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>",
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {
        "add_prefix_space": None,
        "use_default_system_prompt": False,
    }
    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.json", "merges_file": "merges.txt", "tokenizer_file": "tokenizer.json",
    }  # fmt: skip
    saved_name: str = "LlamaTokenizer"

    def __init__(self, vocab: Any = None, merges: Any = None, **settings: Any) -> None:
        settings.setdefault("clean_up_tokenization_spaces", False)
        super().__init__(vocab, merges, **settings)

    def _make(self, vocab: Any, merges: list[tuple[str, str]], settings: Mapping[str, Any]) -> Any:
        return self._joined(vocab, merges, settings["add_prefix_space"] is not False, byte_fallback=True)

    @classmethod
    def _joined(cls, vocab: Any, merges: list[tuple[str, str]], prefix: bool, byte_fallback: bool) -> Any:
        package = tokenizers_package()
        model = package.models.BPE(
            vocab=vocab, merges=merges, fuse_unk=True, byte_fallback=byte_fallback, dropout=None
        )
        backend = package.Tokenizer(model)
        backend.pre_tokenizer = cls._metaspace(prefix)
        decoders = package.decoders
        parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        backend.decoder = decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if prefix else parts)
        return backend

    @classmethod
    def _of_vocabulary(cls, folder: files.Folder, arguments: dict[str, Any]) -> Self:
        path = folder.find("tokenizer.model")
        if path is None or folder.find("vocab.json") is not None:
            return super()._of_vocabulary(folder, arguments)
        model = _read(cls.__name__, path, BPE)
        prefix = arguments.get("add_prefix_space")
        backend = guarded(str(path), cls._of_model, model, model.adds_prefix if prefix is None else prefix)
        # As the models were trained, unless a file or the caller says otherwise.
        settings = {"unk_token": model.of_kind(UNKNOWN)[0], "add_bos_token": True, **arguments}
        return cls(tokenizer_object=backend, **settings)

    @classmethod
    def _of_model(cls, model: SentencePieceModel, prefix: bool) -> Any:
        vocab = {piece: number for number, (piece, _) in enumerate(model.pieces)}
        backend = cls._joined(vocab, model.merges(), bool(prefix), model.byte_fallback)
        package = tokenizers_package()
        backend.model.unk_token = model.of_kind(UNKNOWN)[0]
        normalizer = normalizer_of(model, package)
        if normalizer is not None:
            backend.normalizer = normalizer
        _add_pieces(backend, model)
        return backend

    @staticmethod
    def _metaspace(prefix: bool) -> Any:
        return tokenizers_package().pre_tokenizers.Metaspace(
            replacement="▁", prepend_scheme="first" if prefix else "never", split=False
        )

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        pre_tokenizer = self._backend.pre_tokenizer
        prefix = settings.get("add_prefix_space")
        if prefix is not None and type(pre_tokenizer).__name__ == "Metaspace":
            pre_tokenizer.prepend_scheme = "first" if prefix else "never"
            self._backend.pre_tokenizer = pre_tokenizer
        super()._adapt(settings, given)


class T5Tokenizer(VocabularyTokenizer):
    """The likeliest pieces of a scored vocabulary; a pair of texts becomes `text </s> pair </s>`.

    Args:
        vocab: Pairs of a piece and the logarithm of its probability, in the order of their numbers.
        extra_ids: How many tokens `<extra_id_0>`, ... there are, which stand for what is left out in T5's
            pre-training. The default is 100.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary is wrong.

    Example:
        >>> from corten.transformers import T5Tokenizer
        >>> pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -2.0), ("b", -3.0), ("▁ab", -2.5)]
        >>> tokenizer = T5Tokenizer(pieces, extra_ids=1)
        >>> tokenizer("ab a <extra_id_0>").tokens()
        ['▁ab', '▁a', '<extra_id_0>', '</s>']
    """

    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {"extra_ids": 100}
    saved_name: str = "T5Tokenizer"

    def __init__(self, vocab: Any = None, **settings: Any) -> None:
        if settings.get("tokenizer_object") is None and settings.get("tokenizer_file") is None:
            count = settings.setdefault("extra_ids", 100)
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= 100_000:
                raise ValueError(
                    f"T5Tokenizer: extra_ids must be a whole number from 0 to 100000; got {count!r}."
                )
            settings.setdefault("extra_special_tokens", [f"<extra_id_{number}>" for number in range(count)])
        super().__init__(vocab, **settings)

    def _vocabulary(self, given: Any, settings: Mapping[str, Any]) -> Any:
        if given is None:
            named = ("pad_token", "eos_token", "unk_token")
            return [*((str(settings[name]), 0.0) for name in named), ("▁", -2.0)]
        return _scored("T5Tokenizer", given)

    def _make(self, vocab: Any, merges: Any, settings: Mapping[str, Any]) -> Any:
        return _likeliest(vocab, str(settings["unk_token"]))

    @classmethod
    def _of_vocabulary(cls, folder: files.Folder, arguments: dict[str, Any]) -> Self:
        path = folder.find("spiece.model")
        if path is None:
            raise folder.missing(cls.__name__, ["tokenizer.json", "spiece.model"])
        model = _read(cls.__name__, path, UNIGRAM)
        settings = {"unk_token": model.of_kind(UNKNOWN)[0], **arguments}
        count = settings.get("extra_ids", cls.setting_defaults["extra_ids"])
        named = [f"<extra_id_{number}>" for number in range(count)]
        # They follow the pieces, the last one first.
        more = [(token, 0.0) for token in reversed(named) if token not in dict(model.pieces)]
        backend = guarded(str(path), _of_unigram, model, [*model.pieces, *more])
        settings.setdefault("extra_special_tokens", named)
        made = cls(tokenizer_object=backend, **settings)
        made._surround()
        return made

    def _surround(self) -> None:
        end = self.eos_token
        self._template(f"$A:0 {end}:0", f"$A:0 {end}:0 $B:0 {end}:0")


class XLMRobertaTokenizer(VocabularyTokenizer):
    """The likeliest pieces of a scored vocabulary; a text becomes `<s> text </s>`.

    Args:
        vocab: Pairs of a piece and the logarithm of its probability, in the order of their numbers.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary is wrong.

    Example:
        >>> from corten.transformers import XLMRobertaTokenizer
        >>> pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -2.0), ("b", -3.0)]
        >>> tokenizer = XLMRobertaTokenizer([*pieces, ("<mask>", 0.0)])
        >>> tokenizer("ab <mask>", "a").tokens()
        ['<s>', '▁a', 'b', ' <mask>', '</s>', '</s>', '▁a', '</s>']
    """

    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>",
        "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>",
    }  # fmt: skip
    saved_name: str = "XLMRobertaTokenizer"

    def __init__(self, vocab: Any = None, **settings: Any) -> None:
        if isinstance(settings.get("mask_token", "<mask>"), str):
            # The blank before a mask is part of it.
            kind = tokenizers_package().AddedToken
            token = settings.get("mask_token", "<mask>")
            settings["mask_token"] = kind(token, lstrip=True, special=True, normalized=False)
        super().__init__(vocab, **settings)

    def _vocabulary(self, given: Any, settings: Mapping[str, Any]) -> Any:
        if given is None:
            named = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")
            first = [(str(settings[name]), 0.0) for name in named]
            return [*first[:4], ("▁", -2.0), first[4]]
        return _scored("XLMRobertaTokenizer", given)

    def _make(self, vocab: Any, merges: Any, settings: Mapping[str, Any]) -> Any:
        return _likeliest(vocab, str(settings["unk_token"]))

    @classmethod
    def _of_vocabulary(cls, folder: files.Folder, arguments: dict[str, Any]) -> Self:
        path = folder.find("sentencepiece.bpe.model")
        if path is None:
            raise folder.missing(cls.__name__, ["tokenizer.json", "sentencepiece.bpe.model"])
        model = _read(cls.__name__, path, UNIGRAM)
        # The numbers of the models are those of fairseq: its special tokens come first, the mask last.
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        kinds = dict(zip((piece for piece, _ in model.pieces), model.kinds, strict=True))
        pieces = [
            (piece, score)
            for piece, score in model.pieces
            if kinds[piece] not in (UNKNOWN, CONTROL) and piece not in (*special, "<mask>")
        ]
        pieces = [*((token, 0.0) for token in special), *pieces, ("<mask>", 0.0)]
        backend = guarded(str(path), _of_unigram, model, pieces, "<unk>")
        made = cls(tokenizer_object=backend, **arguments)
        made._surround()
        return made

    def _surround(self) -> None:
        begin, end = self.cls_token, self.sep_token
        self._template(f"{begin}:0 $A:0 {end}:0", f"{begin}:0 $A:0 {end}:0 {end}:0 $B:0 {end}:0")


def _scored(who: str, given: Any) -> list[tuple[str, float]]:
    """Checks pairs of pieces and scores."""
    try:
        pieces = [(str(piece), float(score)) for piece, score in given]
    except (TypeError, ValueError):
        raise ValueError(
            f"{who}: vocab must be pairs of a piece and its score; got something else."
        ) from None
    if len({piece for piece, _ in pieces}) != len(pieces):
        raise ValueError(f"{who}: a piece occurs twice in the vocabulary.")
    return pieces


def _likeliest(vocab: list[tuple[str, float]], unknown: str, byte_fallback: bool = False) -> Any:
    """Makes a tokenizer that takes the likeliest pieces of each word."""
    package = tokenizers_package()
    pieces = [piece for piece, _ in vocab]
    if unknown not in pieces:
        raise ValueError(f"the vocabulary has no {unknown!r}")
    model = package.models.Unigram(vocab, unk_id=pieces.index(unknown), byte_fallback=byte_fallback)
    backend = package.Tokenizer(model)
    space = {"replacement": "▁", "prepend_scheme": "always"}
    split = package.pre_tokenizers
    backend.pre_tokenizer = split.Sequence([split.WhitespaceSplit(), split.Metaspace(**space, split=True)])
    backend.decoder = package.decoders.Metaspace(**space)
    return backend


def _of_unigram(
    model: SentencePieceModel, pieces: list[tuple[str, float]], unknown: str | None = None
) -> Any:
    """Makes a tokenizer of a `.model` file, with pieces in another order or more of them."""
    unknown = model.of_kind(UNKNOWN)[0] if unknown is None else unknown
    backend = _likeliest(pieces, unknown, model.byte_fallback)
    package = tokenizers_package()
    normalizer = normalizer_of(model, package)
    if normalizer is not None:
        backend.normalizer = normalizer
    # The file says which blanks are removed; no other character is one.
    scheme = "always" if model.adds_prefix else "never"
    backend.pre_tokenizer = package.pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=True)
    _add_pieces(backend, model)
    return backend


LlamaTokenizerFast = LlamaTokenizer
T5TokenizerFast = T5Tokenizer
XLMRobertaTokenizerFast = XLMRobertaTokenizer
