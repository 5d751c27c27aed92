"""Makes small tokenizers with transformers, and stores what it answers to the cases of `tokenizer_cases`.

    python -m tests.transformers.make_tokenizer_values

Needs transformers 5.24, which the tests do not. With `--check FOLDER` it reads folders that Corten wrote
(`save_pretrained`, one for each of `NAMES`) instead, and says where transformers answers otherwise.
"""

from __future__ import annotations

import argparse
import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import tokenizers
from tests.transformers.tokenizer_cases import CASES, FOLDER, NAMES, ONLY, plain
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

import transformers

VALUES = Path(__file__).parent / "reference_values" / "tokenizers.json.gz"

TEXT = """
Hello, world! The cats don't sleep in the garden; the dogs of the house do. It isn't a question of happiness
or unhappiness: tokenization cuts very long compound words into pieces, and a vocabulary has only so many.
Where is the bridge? The river runs below it, and the old town lies beyond. People walk there in the evening,
talk about the weather, and look at the water. You are brief. user assistant system 12345, or 678, or 90.
Über die Brücke gehen die Leute am Abend. La réponse est naïve, mais le café est bon.
你好 世界 你们 世上 好人
""".strip().split("\n")


def words(size: int) -> dict[str, int]:
    """A vocabulary of words and pieces."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    maker = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    maker.normalizer = normalizers.BertNormalizer(lowercase=size < 300)
    maker.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    maker.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    )
    return _in_order(maker, special)


def _in_order(maker: Any, special: list[str]) -> dict[str, int]:
    # Training numbers alike pieces in any order.
    pieces = sorted(set(maker.get_vocab()) - set(special))
    return {piece: number for number, piece in enumerate([*special, *pieces])}


def pairs(maker: Any, trainer: Any, special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary and merges."""
    maker.train_from_iterator(TEXT, trainer)
    model = json.loads(maker.to_str())["model"]
    return _in_order(maker, special), [tuple(pair) for pair in model["merges"]]


def byte_pairs(special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary and merges of bytes."""
    maker = tokenizers.Tokenizer(models.BPE())
    maker.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return pairs(
        maker,
        trainers.BpeTrainer(
            vocab_size=380, initial_alphabet=alphabet, special_tokens=special, show_progress=False
        ),
        special,
    )


def make() -> dict[str, Any]:
    """The tokenizers, by their folders."""
    t = transformers
    llama = tokenizers.Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    llama.pre_tokenizer = pre_tokenizers.Metaspace(split=True, prepend_scheme="first")
    # Letters outside this alphabet are written as bytes.
    letters = [*sorted(set("".join(TEXT)) & set(map(chr, range(33, 127)))), "▁"]
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        special_tokens=special,
        show_progress=False,
    )
    llama_parts = pairs(llama, trainer, special)

    unigram = tokenizers.Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    unigram.train_from_iterator(
        TEXT,
        trainers.UnigramTrainer(
            vocab_size=200, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    pieces = [(piece, round(score, 4)) for piece, score in json.loads(unigram.to_str())["model"]["vocab"]]

    gpt2 = byte_pairs(["<|endoftext|>"])
    roberta = byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    word = tokenizers.Tokenizer(
        models.WordLevel({w: n for n, w in enumerate(["?", "_", "a", "the", "The", "cats", "garden"])}, "?")
    )
    word.pre_tokenizer = pre_tokenizers.Whitespace()
    word.decoder = decoders.WordPiece(prefix="@@", cleanup=False)
    return {
        "bert": t.BertTokenizer(words(220), model_max_length=64),
        "bert_cased": t.BertTokenizer(
            words(300), do_lower_case=False, tokenize_chinese_chars=False, padding_side="left"
        ),
        "distilbert": t.DistilBertTokenizer(words(220), model_max_length=512),
        "gpt2": t.GPT2Tokenizer(*gpt2, pad_token="<|endoftext|>", model_max_length=1024),
        "roberta": t.RobertaTokenizer(
            *roberta, mask_token=t.AddedToken("<mask>", lstrip=True, special=True), model_max_length=512
        ),
        "qwen2": t.Qwen2Tokenizer(
            *gpt2, extra_special_tokens=["<|im_start|>", "<|im_end|>"], padding_side="left"
        ),
        "llama": t.LlamaTokenizer(*llama_parts, add_bos_token=True, pad_token="</s>"),
        "t5": t.T5Tokenizer(pieces, extra_ids=3),
        "words": t.PreTrainedTokenizerFast(
            tokenizer_object=word,
            unk_token="?",
            pad_token="_",
            clean_up_tokenization_spaces=True,
            chat_template={"default": "{{ messages[0].content }}", "tool_use": "{{ tools | length }}"},
        ),
    }  # fmt: skip


def answers(folder: Path) -> dict[str, dict[str, Any]]:
    """What transformers answers, by tokenizer and case; null where it refuses."""
    found: dict[str, dict[str, Any]] = {}
    for name in NAMES:
        cases = {**CASES, **{case: function for case, (kind, function) in ONLY.items() if kind == name}}
        found[name] = {}
        for case, function in cases.items():
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder / name))
            try:
                found[name][case] = plain(function(transformers, tokenizer))
            except BaseException as error:  # Panics are no Exceptions.
                print(f"{name}: {case}: {type(error).__name__}: {str(error)[:150]}")
                found[name][case] = None
    return json.loads(json.dumps(found))


def main() -> None:
    """Makes or checks."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    if arguments.check:
        expected = json.loads(gzip.decompress(VALUES.read_bytes()))
        found = answers(arguments.check)
        wrong = [
            (name, case) for name in NAMES for case in CASES if found[name][case] != expected[name][case]
        ]
        print("differences:", wrong)
        return
    if not FOLDER.exists():  # Training breaks ties in any order, so that new ones would differ.
        for name, tokenizer in make().items():
            tokenizer.save_pretrained(str(FOLDER / name))
    text = json.dumps(answers(FOLDER), ensure_ascii=False, separators=(",", ":"))
    VALUES.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
