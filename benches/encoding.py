"""Texts per second of an encoder of MiniLM's size, beside transformers with PyTorch and ONNX Runtime.

    python benches/encoding.py                              # Corten
    python benches/encoding.py --peer /path/to/python       # and what that one has of the two

All take turns, each in a process of its own. Weights are random, which makes no difference to the work.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = {
    "vocab_size": 30522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}


def milliseconds(call, seconds):
    """The median of calls over so long a time, after a first two."""
    call()
    call()
    times = []
    while sum(times) < seconds or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def tokens(given):
    """The same texts for all, without padding."""
    import numpy as np

    ids = np.random.default_rng(0).integers(1000, 30000, (given.batch, given.length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def corten(given):
    """Corten's time."""
    from corten.transformers import BertConfig, BertModel

    model = BertModel(BertConfig(**SIZES))
    batch = tokens(given)
    return milliseconds(lambda: model(**batch).last_hidden_state.numpy(), given.seconds)


def export(given):
    """Writes the model for ONNX Runtime."""
    from corten.transformers import BertConfig, BertModel

    BertModel(BertConfig(**SIZES)).export(given.model, format="onnx", verbose=False)
    return 0.0


def torch(given):
    """That of transformers."""
    import torch

    import transformers

    transformers.logging.set_verbosity_error()
    model = transformers.BertModel(transformers.BertConfig(**SIZES)).eval()
    batch = {name: torch.from_numpy(values) for name, values in tokens(given).items()}
    with torch.inference_mode():
        return milliseconds(lambda: model(**batch).last_hidden_state.numpy(), given.seconds)


def onnxruntime(given):
    """That of ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(given.model, providers=["CPUExecutionProvider"])
    batch = tokens(given)
    kinds = {"tensor(int32)": "int32", "tensor(int64)": "int64"}
    feed = {
        one.name: batch[one.name].astype(kinds[one.type])
        if one.name in batch
        else (batch["input_ids"] * 0).astype(kinds[one.type])
        for one in session.get_inputs()
    }
    output = session.get_outputs()[0].name
    return milliseconds(lambda: session.run([output], feed), given.seconds)


def main():
    """Measures all and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=128, help="tokens of each text")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="an interpreter that has transformers, PyTorch and ONNX Runtime")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(globals()[given.run](given))
        return
    options = [f"--{name}={getattr(given, name)}" for name in ("batch", "length", "seconds")]
    with tempfile.TemporaryDirectory() as folder:
        model = f"--model={Path(folder) / 'encoder.onnx'}"
        runs = {"corten": sys.executable}
        if given.peer:
            runs |= {"torch": given.peer, "onnxruntime": given.peer}
            subprocess.run([sys.executable, __file__, "--run", "export", model], check=True)
        times = {name: [] for name in runs}
        for _ in range(given.rounds):
            for name, python in runs.items():
                command = [python, __file__, "--run", name, model, *options]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                times[name].append(float(done.stdout.split()[-1]))
    base = statistics.median(times["corten"])
    for name, values in times.items():
        middle = statistics.median(values)
        spread = f"{min(values):.1f}..{max(values):.1f}"
        print(f"{name:12} {middle:8.1f} ms ({spread})   {middle / base:5.2f} of Corten's time")


if __name__ == "__main__":
    main()
