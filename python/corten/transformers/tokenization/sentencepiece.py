"""The tokenizers of Llama and T5, which were trained by SentencePiece: blanks are the character `▁`.

SentencePiece: Kudo and Richardson (2018), https://arxiv.org/abs/1808.06226. Its `.model` files are not read,
what Hugging Face's libraries make of them (`tokenizer.json`) is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from corten.transformers.tokenization.backend import tokenizers_package
from corten.transformers.tokenization.vocabulary import BeginEndTokenizer, VocabularyTokenizer


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
        package = tokenizers_package()
        model = package.models.BPE(
            vocab=vocab, merges=merges, fuse_unk=True, byte_fallback=True, dropout=None
        )
        backend = package.Tokenizer(model)
        prefix = settings["add_prefix_space"] is not False
        backend.pre_tokenizer = self._metaspace(prefix)
        decoders = package.decoders
        parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        backend.decoder = decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if prefix else parts)
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
        try:
            pieces = [(str(piece), float(score)) for piece, score in given]
        except (TypeError, ValueError):
            raise ValueError(
                "T5Tokenizer: vocab must be pairs of a piece and its score; got something else."
            ) from None
        if len({piece for piece, _ in pieces}) != len(pieces):
            raise ValueError("T5Tokenizer: a piece occurs twice in the vocabulary.")
        return pieces

    def _make(self, vocab: Any, merges: Any, settings: Mapping[str, Any]) -> Any:
        package = tokenizers_package()
        pieces = [piece for piece, _ in vocab]
        if str(settings["unk_token"]) not in pieces:
            raise ValueError(f"the vocabulary has no {settings['unk_token']!r}")
        model = package.models.Unigram(
            vocab, unk_id=pieces.index(str(settings["unk_token"])), byte_fallback=False
        )
        backend = package.Tokenizer(model)
        space = {"replacement": "▁", "prepend_scheme": "always"}
        split = package.pre_tokenizers
        backend.pre_tokenizer = split.Sequence(
            [split.WhitespaceSplit(), split.Metaspace(**space, split=True)]
        )
        backend.decoder = package.decoders.Metaspace(**space)
        return backend

    def _surround(self) -> None:
        end = self.eos_token
        self._template(f"$A:0 {end}:0", f"$A:0 {end}:0 $B:0 {end}:0")


LlamaTokenizerFast = LlamaTokenizer
T5TokenizerFast = T5Tokenizer
