"""The tokenizers of GPT-2, RoBERTa and Qwen: bytes, merged in pairs.

Byte pair encoding: Sennrich et al. (2016), https://arxiv.org/abs/1508.07909; on bytes: Radford et al. (2019),
"Language Models are Unsupervised Multitask Learners".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from corten.transformers.tokenization.backend import tokenizers_package
from corten.transformers.tokenization.vocabulary import BeginEndTokenizer

# Contractions, words with what stands before them, digits one by one, punctuation, line ends, blanks.
_QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class ByteLevelTokenizer(BeginEndTokenizer):
    """A family whose vocabulary is of bytes and of pairs that are merged.

    Args:
        vocab: Token to number, or the path of a `vocab.json`.
        merges: Pairs of tokens in their order, or the path of a `merges.txt`.
        add_prefix_space: Whether a blank is put before a text, so that its first word is like the others. The
            default is False.
        add_bos_token: Whether `bos_token` is put before each text.
        add_eos_token: Whether `eos_token` is put behind each text.
        **settings: As for `PreTrainedTokenizerFast`.
    """

    setting_defaults: ClassVar[dict[str, Any]] = {"add_prefix_space": False}
    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.json", "merges_file": "merges.txt", "tokenizer_file": "tokenizer.json",
    }  # fmt: skip

    @property
    def add_prefix_space(self) -> bool:
        """Whether a blank is put before a text."""
        return bool(self.init_kwargs["add_prefix_space"])

    def _make(self, vocab: Any, merges: list[tuple[str, str]], settings: Mapping[str, Any]) -> Any:
        package = tokenizers_package()
        model = package.models.BPE(
            vocab=vocab, merges=merges, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False
        )
        backend = package.Tokenizer(model)
        backend.normalizer = self._normalizer()
        backend.pre_tokenizer = self._pre_tokenizer(bool(settings["add_prefix_space"]))
        backend.decoder = package.decoders.ByteLevel()
        return backend

    def _normalizer(self) -> Any:
        return None

    def _pre_tokenizer(self, add_prefix_space: bool) -> Any:
        return tokenizers_package().pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        pre_tokenizer = self._backend.pre_tokenizer
        if type(pre_tokenizer).__name__ == "ByteLevel":
            if settings.get("add_prefix_space") is not None:
                pre_tokenizer.add_prefix_space = bool(settings["add_prefix_space"])
                self._backend.pre_tokenizer = pre_tokenizer
            self.init_kwargs["add_prefix_space"] = pre_tokenizer.add_prefix_space
        super()._adapt(settings, given)


class GPT2Tokenizer(ByteLevelTokenizer):
    """Bytes merged in pairs, with blanks as parts of words (`Ġ`). Nothing is put around a text.

    It has no token to pad with: `tokenizer.pad_token = tokenizer.eos_token`, and for generation
    `tokenizer.padding_side = "left"`.

    Args:
        vocab: Token to number, or the path of a `vocab.json`.
        merges: Pairs of tokens in their order, or the path of a `merges.txt`.
        add_prefix_space: Whether a blank is put before a text. The default is False.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary or merges are wrong.

    Example:
        >>> from corten.transformers import GPT2Tokenizer
        >>> tokens = ["<|endoftext|>", "a", "b", "ab", "Ġ", "Ġab"]
        >>> vocab = {token: number for number, token in enumerate(tokens)}
        >>> tokenizer = GPT2Tokenizer(vocab, [("a", "b"), ("Ġ", "ab")])
        >>> tokenizer.tokenize("ab ab a"), tokenizer.decode([3, 5])
        (['ab', 'Ġab', 'Ġ', 'a'], 'ab ab')
    """

    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", 
        "pad_token": None,
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {"add_prefix_space": False, "errors": "replace"}
    saved_name: str = "GPT2Tokenizer"


class RobertaTokenizer(ByteLevelTokenizer):
    """GPT-2's tokenizer with BERT's manners: `<s> text </s>`, and `<s> text </s></s> pair </s>` for a pair.

    Args:
        vocab: Token to number, or the path of a `vocab.json`.
        merges: Pairs of tokens in their order, or the path of a `merges.txt`.
        add_prefix_space: Whether a blank is put before a text. The default is False.
        trim_offsets: Whether the offsets of a token leave its blank out. The default is True.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary or merges are wrong.

    Example:
        >>> from corten.transformers import RobertaTokenizer
        >>> tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b", "ab"]
        >>> tokenizer = RobertaTokenizer({token: number for number, token in enumerate(tokens)}, [("a", "b")])
        >>> tokenizer("ab", "a").tokens()
        ['<s>', 'ab', '</s>', '</s>', 'a', '</s>']
    """

    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": 
        "<unk>",
        "pad_token": "<pad>", "mask_token": "<mask>",
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {
        "add_prefix_space": False, "errors": "replace", "trim_offsets": True,
    }  # fmt: skip
    saved_name: str = "RobertaTokenizer"

    def _surround(self) -> None:
        self._backend.post_processor = tokenizers_package().processors.RobertaProcessing(
            (self.sep_token, self.sep_token_id),
            (self.cls_token, self.cls_token_id),
            trim_offsets=bool(self.init_kwargs["trim_offsets"]),
            add_prefix_space=self.add_prefix_space,
        )

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        super()._adapt(settings, given)
        if type(self._backend.post_processor).__name__ == "RobertaProcessing":
            self._surround()


class Qwen2Tokenizer(ByteLevelTokenizer):
    """The tokenizer of Qwen2 and Qwen3: bytes merged in pairs, after Unicode's NFC, digits one by one.

    Args:
        vocab: Token to number, or the path of a `vocab.json`.
        merges: Pairs of tokens in their order, or the path of a `merges.txt`.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary or merges are wrong.

    Example:
        >>> from corten.transformers import Qwen2Tokenizer
        >>> tokens = ["<|endoftext|>", "a", "1", "2"]
        >>> tokenizer = Qwen2Tokenizer({token: number for number, token in enumerate(tokens)}, [])
        >>> tokenizer.tokenize("a12"), tokenizer.pad_token
        (['a', '1', '2'], '<|endoftext|>')
    """

    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "unk_token": "<|endoftext|>", "bos_token": None, "eos_token": "<|endoftext|>", "pad_token": 
        "<|endoftext|>",
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {"add_prefix_space": None}
    saved_name: str = "Qwen2Tokenizer"

    def _normalizer(self) -> Any:
        return tokenizers_package().normalizers.NFC()

    def _pre_tokenizer(self, add_prefix_space: bool) -> Any:
        package = tokenizers_package()
        pieces = package.pre_tokenizers.Split(package.Regex(_QWEN_PIECES), behavior="isolated", invert=False)
        byte_level = package.pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space, use_regex=False)
        return package.pre_tokenizers.Sequence([pieces, byte_level])


GPT2TokenizerFast = GPT2Tokenizer
RobertaTokenizerFast = RobertaTokenizer
Qwen2TokenizerFast = Qwen2Tokenizer
