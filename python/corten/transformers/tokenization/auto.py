"""Tokenizers by the name of a model."""

from __future__ import annotations

import importlib
from os import PathLike
from typing import Any

from corten.transformers.tokenization import files
from corten.transformers.tokenization.base import PreTrainedTokenizerFast

# A class's name in files, without `Fast`, to the module that has it.
_CLASSES = {
    "BertTokenizer": "bert", "DistilBertTokenizer": "bert", "GPT2Tokenizer": "byte_level",
    "RobertaTokenizer": "byte_level", "Qwen2Tokenizer": "byte_level", "LlamaTokenizer": "sentencepiece",
    "T5Tokenizer": "sentencepiece", "XLMRobertaTokenizer": "sentencepiece",
}  # fmt: skip
# `model_type` of a config.json to the class's name.
_MODELS = {
    "bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "roberta": "RobertaTokenizer",
    "gpt2": "GPT2Tokenizer", "llama": "LlamaTokenizer", "mistral": "LlamaTokenizer", "qwen2": 
    "Qwen2Tokenizer",
    "qwen3": "Qwen2Tokenizer", "t5": "T5Tokenizer", "xlm-roberta": "XLMRobertaTokenizer",
}  # fmt: skip


class AutoTokenizer:
    """Reads the tokenizer of a model, whichever its kind is.

    Example:
        >>> from corten.transformers import AutoTokenizer, BertTokenizer
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "hello": 5}
        >>> paths = BertTokenizer(vocab).save_pretrained("model")
        >>> tokenizer = AutoTokenizer.from_pretrained("model")
        >>> type(tokenizer).__name__, tokenizer("Hello").input_ids
        ('BertTokenizer', [2, 5, 3])
    """

    def __init__(self) -> None:
        raise TypeError(
            "AutoTokenizer: use `AutoTokenizer.from_pretrained(folder_or_name)`; it has no objects of "
            "its own."
        )

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | PathLike[str], *inputs: Any, **kwargs: Any
    ) -> PreTrainedTokenizerFast:
        """Reads a tokenizer as Hugging Face's libraries write it.

        The kind is that of `tokenizer_config.json`, otherwise that of the model in `config.json`; of a kind
        that Corten has no class for, and of one that is not named, `tokenizer.json` says all that is needed.

        Args:
            pretrained_model_name_or_path: A folder, or a name on the hub, which is looked for in the local
                cache first.
            *inputs: None.
            **kwargs: Settings in place of those of the files, and where to look (`cache_dir`, `revision`,
                `subfolder`, `local_files_only`, ...). `use_fast` does nothing: all tokenizers are.

        Returns:
            A tokenizer.

        Raises:
            OSError: There is no such folder or file.
            ValueError: A file is damaged, or names code or files of elsewhere.
        """
        if inputs:
            raise TypeError(
                f"AutoTokenizer.from_pretrained: settings are given by their names; got {inputs!r}."
            )
        kwargs.pop("config", None)
        kwargs.pop("tokenizer_type", None)
        folder, given = files.split_arguments(pretrained_model_name_or_path, kwargs)
        stored = files.read_tokenizer_config(folder)
        named = _named(folder, stored)
        module = _CLASSES.get(named.removesuffix("Fast"))
        if module is None:
            if folder.find("tokenizer.json") is None:
                expected = ["tokenizer.json"] if not named else [f"tokenizer.json (its class is {named!r})"]
                raise folder.missing("AutoTokenizer", [*expected, "vocab.txt with a config.json"])
            made = PreTrainedTokenizerFast._from_files(folder, stored, given)
            if named.removesuffix("Fast") not in {"", "PreTrainedTokenizer"}:
                made.saved_name = named
            return made
        kind = getattr(
            importlib.import_module(f"corten.transformers.tokenization.{module}"), named.removesuffix("Fast")
        )
        return kind._from_files(folder, stored, given)


def _named(folder: files.Folder, stored: dict[str, Any]) -> str:
    """The name of the class; empty if no file says one."""
    named = stored.get("tokenizer_class")
    if named is None:
        path = folder.find("config.json")
        config = {} if path is None else files.read_json_object(path)
        named = config.get("tokenizer_class")
        if named is None:
            kind = config.get("model_type")
            named = _MODELS.get(kind, "") if isinstance(kind, str) else ""
    if not isinstance(named, str):
        raise ValueError(f"{folder}: tokenizer_class must be a name; got {str(named)[:80]!r}.")
    return named
