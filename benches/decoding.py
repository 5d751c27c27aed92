"""Tokens per second of a decoder that generates one sequence, beside transformers with PyTorch.

    python benches/decoding.py                              # Corten: float32, bfloat16, int8
    python benches/decoding.py --peer /path/to/python       # and PyTorch, run by an interpreter that has it

All take turns, each in a process of its own; the best of each counts. Weights are random,
which makes no difference to the work.
"""

import argparse
import subprocess
import sys
import time

SIZES = {
    "33M": (16000, 512, 1536, 8, 8, 4),
    "110M": (32000, 768, 2048, 12, 12, 4),
}
NAMES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)
PROMPT = 32


def rate(generate, tokens):
    """Tokens per second, the best of three after a first call."""
    generate()
    best = 0.0
    for _ in range(3):
        start = time.perf_counter()
        generate()
        best = max(best, tokens / (time.perf_counter() - start))
    return best


def corten(size, kind, tokens):
    """Corten's rate."""
    import numpy as np

    from corten.transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**dict(zip(NAMES, SIZES[size], strict=True)), tie_word_embeddings=True)
    model = LlamaForCausalLM(config, dtype="bfloat16" if kind == "bfloat16" else None)
    if kind == "int8":
        model.quantize("int8")
    ids = np.random.default_rng(0).integers(5, 16000, (1, PROMPT))
    return rate(lambda: model.generate(ids, max_new_tokens=tokens, eos_token_id=[]), tokens)


def torch(size, kind, tokens):
    """That of transformers."""
    import torch

    import transformers

    transformers.logging.set_verbosity_error()
    config = transformers.LlamaConfig(**dict(zip(NAMES, SIZES[size], strict=True)), tie_word_embeddings=True)
    model = transformers.LlamaForCausalLM(config).eval().to(getattr(torch, kind))
    ids = torch.randint(5, 16000, (1, PROMPT))
    settings = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False, "pad_token_id": 0}
    with torch.inference_mode():
        return rate(lambda: model.generate(ids, **settings), tokens)


def main():
    """Measure all, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="33M")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", help="an interpreter that has transformers and PyTorch")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        library, kind = given.run.split(":")
        print(globals()[library](given.size, kind, given.tokens))
        return
    runs = [(sys.executable, f"corten:{kind}") for kind in ("float32", "bfloat16", "int8")]
    if given.peer:
        runs += [(given.peer, f"torch:{kind}") for kind in ("float32", "bfloat16")]
    best = dict.fromkeys((run for _, run in runs), 0.0)
    for _ in range(given.rounds):
        for python, run in runs:
            command = [python, __file__, "--size", given.size, "--tokens", str(given.tokens), "--run", run]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            best[run] = max(best[run], float(done.stdout.split()[-1]))
    base = best["corten:float32"]
    for run, value in best.items():
        print(f"{given.size} {run:16} {value:8.1f} tokens/s   {value / base:5.2f} of Corten's float32")


if __name__ == "__main__":
    main()
