"""New vocabularies for tokenizers, trained on texts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from corten.transformers.tokenization.backend import guarded, tokenizers_package

_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def train_new(
    tokenizer: Any,
    texts: Iterable[Any],
    vocab_size: int,
    length: int | None,
    new_special_tokens: Iterable[Any] | None,
    settings: dict[str, Any],
) -> Any:
    """Trains a tokenizer of the same kind; `train_new_from_iterator` says more."""
    who = f"{type(tokenizer).__name__}.train_new_from_iterator"
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int) or vocab_size < 1:
        raise ValueError(f"{who}: vocab_size must be a whole number of at least 1; got {vocab_size!r}.")
    if isinstance(texts, str):
        raise ValueError(f"{who}: expected many texts, as a list or an iterator; got one text.")
    package = tokenizers_package()
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    new = [_as_special(who, token) for token in new_special_tokens or ()]
    added = [_token(entry) for entry in content["added_tokens"]]
    special = [*(token for token in added if token.special), *new]

    bare = copy.deepcopy(content)
    bare.update(added_tokens=[], post_processor=None, truncation=None, padding=None)
    unknown = _empty(bare["model"], tokenizer)
    backend = guarded(who, package.Tokenizer.from_str, json.dumps(bare))
    first = [str(token) for token in special]
    if bare["model"].get("byte_fallback"):
        first.extend(_BYTES)
    trainer = _trainer(who, bare, vocab_size, list(dict.fromkeys(first)), unknown, settings)
    guarded(who, backend.train_from_iterator, texts, trainer, length=length)

    # The trainer takes all that it is told to keep for special; bytes are not, and other tokens had
    # properties.
    content["model"] = json.loads(backend.to_str())["model"]
    numbers = backend.get_vocab(with_added_tokens=True)
    content["added_tokens"] = []
    content["post_processor"] = _renumbered(content["post_processor"], numbers)
    backend = guarded(who, package.Tokenizer.from_str, json.dumps(content))
    backend.add_special_tokens(special)
    backend.add_tokens([token for token in added if not token.special])

    made = copy.deepcopy(tokenizer)
    made._backend = backend
    extra = list(dict.fromkeys([*tokenizer.extra_special_tokens, *map(str, new)]))
    made._start_special_tokens(tokenizer._special, extra)
    made.name_or_path = ""
    return made


def _as_special(who: str, token: Any) -> Any:
    kind = tokenizers_package().AddedToken
    if not isinstance(token, (str, kind)) or not str(token):
        raise ValueError(
            f"{who}: new_special_tokens must be texts (not empty) or AddedTokens; got {token!r}."
        )
    return token if isinstance(token, kind) else kind(token, special=True, normalized=False)


def _token(entry: dict[str, Any]) -> Any:
    return tokenizers_package().AddedToken(**{name: value for name, value in entry.items() if name != "id"})


def _empty(model: dict[str, Any], tokenizer: Any) -> str | None:
    """Takes the vocabulary out of a model; returns its token for what is unknown."""
    unknown = model.get("unk_token") or tokenizer.unk_token
    if model["type"] == "Unigram":
        unknown = (
            model["vocab"][model["unk_id"]][0] if model.get("unk_id") is not None else tokenizer.unk_token
        )
        model.update(vocab=[[unknown, 0.0]] if unknown else [], unk_id=0 if unknown else None)
    else:
        model["vocab"] = {}
        if "merges" in model:
            model["merges"] = []
    return unknown


def _trainer(
    who: str,
    content: dict[str, Any],
    size: int,
    special: list[str],
    unknown: str | None,
    settings: dict[str, Any],
) -> Any:
    trainers = tokenizers_package().trainers
    kind = content["model"]["type"]
    used: dict[str, Any] = {"vocab_size": size, "special_tokens": special, "show_progress": False}
    if kind == "BPE":
        if "ByteLevel" in json.dumps(content["pre_tokenizer"]):
            used["initial_alphabet"] = tokenizers_package().pre_tokenizers.ByteLevel.alphabet()
        for name in ("continuing_subword_prefix", "end_of_word_suffix"):
            if content["model"].get(name):
                used[name] = content["model"][name]
    elif kind == "WordPiece":
        used["continuing_subword_prefix"] = content["model"]["continuing_subword_prefix"]
    elif kind == "Unigram":
        used["unk_token"] = unknown
    classes = {"BPE": "BpeTrainer", "WordPiece": "WordPieceTrainer", "Unigram": "UnigramTrainer"}
    make = getattr(trainers, classes.get(kind, "WordLevelTrainer"))
    return guarded(who, make, **{**used, **settings})


def _renumbered(value: Any, numbers: dict[str, int]) -> Any:
    """A post-processor with the new numbers of its tokens."""
    if isinstance(value, list):
        # RobertaProcessing and BertProcessing have pairs of a token and its number.
        if len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
            return [value[0], numbers[value[0]]]
        return [_renumbered(one, numbers) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"id", "ids", "tokens"}:
        return {**value, "ids": [numbers[token] for token in value["tokens"]]}
    return {name: _renumbered(one, numbers) for name, one in value.items()}
