"""The tokenizers of BERT and DistilBERT: words and punctuation, split into pieces of a vocabulary.

WordPiece: Schuster and Nakajima (2012); as used by Devlin et al. (2018), https://arxiv.org/abs/1810.04805.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from corten.transformers.tokenization.backend import tokenizers_package
from corten.transformers.tokenization.vocabulary import VocabularyTokenizer

#: Setting of a tokenizer to the attribute of its normalizer.
_NORMALIZER = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


class BertTokenizer(VocabularyTokenizer):
    """Cuts texts into words and these into the longest pieces of its vocabulary; `##` begins a later piece.

    A text becomes `[CLS] text [SEP]`, a pair `[CLS] text [SEP] pair [SEP]`, with `token_type_ids` 0 and 1.

    Args:
        vocab: Token to number, or the path of a `vocab.txt`; None is the special tokens alone.
        do_lower_case: Whether to make letters small, and to remove accents unless `strip_accents` says
            otherwise. The default is True. (By name, as all that follow.)
        strip_accents: Whether to remove accents; None goes by `do_lower_case`.
        tokenize_chinese_chars: Whether each Chinese character is a word. The default is True.
        **settings: As for `PreTrainedTokenizerFast`.

    Raises:
        ImportError: The package tokenizers is missing (`pip install corten[text]`).
        ValueError: The vocabulary is wrong, or a setting has a wrong value.

    Example:
        >>> from corten.transformers import BertTokenizer
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sleep", "."]
        >>> tokenizer = BertTokenizer({word: number for number, word in enumerate(words)})
        >>> encoding = tokenizer("The cats sleep.", "The dogs?")
        >>> encoding.tokens()
        ['[CLS]', 'the', 'cat', '##s', 'sleep', '.', '[SEP]', 'the', '[UNK]', '[UNK]', '[SEP]']
        >>> encoding.token_type_ids
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
        >>> tokenizer.decode(encoding.input_ids, skip_special_tokens=True)
        'the cats sleep. the'
    """

    model_input_names: list[str] = ["input_ids", "token_type_ids", "attention_mask"]
    special_token_defaults: ClassVar[dict[str, str | None]] = {
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": 
        "[MASK]",
    }  # fmt: skip
    setting_defaults: ClassVar[dict[str, Any]] = {
        "do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True,
    }  # fmt: skip
    vocab_files_names: ClassVar[dict[str, str]] = {
        "vocab_file": "vocab.txt",
        "tokenizer_file": "tokenizer.json",
    }
    saved_name: str = "BertTokenizer"

    @property
    def do_lower_case(self) -> bool:
        """Whether letters are made small."""
        return bool(self.init_kwargs["do_lower_case"])

    def _make(self, vocab: Any, merges: Any, settings: Mapping[str, Any]) -> Any:
        package = tokenizers_package()
        backend = package.Tokenizer(package.models.WordPiece(vocab, unk_token=str(settings["unk_token"])))
        backend.normalizer = self._normalizer(settings)
        backend.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
        backend.decoder = package.decoders.WordPiece(prefix="##")
        return backend

    @staticmethod
    def _normalizer(settings: Mapping[str, Any]) -> Any:
        flags = {there: settings[here] for here, there in _NORMALIZER.items()}
        return tokenizers_package().normalizers.BertNormalizer(clean_text=True, **flags)

    def _surround(self) -> None:
        begin, end = self.cls_token, self.sep_token
        self._template(f"{begin}:0 $A:0 {end}:0", f"{begin}:0 $A:0 {end}:0 $B:1 {end}:1")

    def _adapt(self, settings: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        normalizer = self._backend.normalizer
        if type(normalizer).__name__ != "BertNormalizer":
            return
        # What `tokenizer.json` says, unless settings say otherwise.
        now = {here: getattr(normalizer, there) for here, there in _NORMALIZER.items()}
        wanted = {**now, **{name: settings[name] for name in now if name in settings}}
        self.init_kwargs.update(wanted)
        if wanted != now:
            self._backend.normalizer = self._normalizer(wanted)


class DistilBertTokenizer(BertTokenizer):
    """BERT's tokenizer for DistilBERT, which takes no `token_type_ids`.

    Args:
        vocab: As for `BertTokenizer`.
        **settings: As for `BertTokenizer`.

    Example:
        >>> from corten.transformers import DistilBertTokenizer
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello"]
        >>> DistilBertTokenizer({word: number for number, word in enumerate(words)})("Hello")
        {'input_ids': [2, 5, 3], 'attention_mask': [1, 1, 1]}
    """

    model_input_names: list[str] = ["input_ids", "attention_mask"]
    saved_name: str = "DistilBertTokenizer"


BertTokenizerFast = BertTokenizer
DistilBertTokenizerFast = DistilBertTokenizer
