"""Trains small SentencePiece models, and stores how the package sentencepiece cuts some texts.

    python -m tests.transformers.make_sentencepiece_values

Needs sentencepiece and transformers, which the tests do not.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import sentencepiece
from tests.transformers.make_tokenizer_values import TEXT

FOLDER = Path(__file__).parent / "sentencepiece"
VALUES = Path(__file__).parent / "reference_values" / "sentencepiece.json.gz"

#: File to how the model in it is trained.
MODELS: dict[str, dict[str, Any]] = {
    # As T5's: numbers of special tokens, no begin, characters normalised, blanks removed.
    "spiece.model": {
        "model_type": "unigram", "vocab_size": 160, "pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1,
        "normalization_rule_name": "nmt_nfkc",
    },
    # As XLM-RoBERTa's.
    "sentencepiece.bpe.model": {
        "model_type": "unigram", "vocab_size": 170, "normalization_rule_name": "identity",
    },
    # As Llama's: pairs and bytes, nothing normalised, all blanks kept.
    "tokenizer.model": {
        "model_type": "bpe", "vocab_size": 420, "byte_fallback": True, "remove_extra_whitespaces": False,
        "normalization_rule_name": "identity", "user_defined_symbols": ["[TOOL]"], "character_coverage": 0.98,
        "split_digits": True, "allow_whitespace_only_pieces": True,
    },
}  # fmt: skip
TEXTS = [
    *TEXT,
    "Hello, world! The cats don't sleep in the garden.",
    "  two  blanks   and more ",
    "unhappiness 12345 \uff21\uff22\u2460 \ufb01ne e\u0301 caf\u00e9",
    "\U0001f642 \u4f60\u597d x" * 3,
    "The [TOOL] of the house[TOOL]s",
    "a\tb\nc",
    "",
]


def main() -> None:
    """Trains and encodes."""
    FOLDER.mkdir(exist_ok=True)
    found = {}
    for name, settings in MODELS.items():
        path = FOLDER / name
        if not path.exists():
            writer = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(TEXT * 4), model_writer=writer, hard_vocab_limit=False, **settings
            )
            path.write_bytes(writer.getvalue())
        processor = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        found[name] = [processor.encode(text, out_type=str) for text in TEXTS]
    text = json.dumps({"texts": TEXTS, "pieces": found}, ensure_ascii=False, separators=(",", ":"))
    VALUES.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
