"""Time of a step that fine-tunes an encoder of MiniLM's size, beside transformers with PyTorch.

    python benches/fine_tuning.py                           # Corten: float32 and mixed_bfloat16
    python benches/fine_tuning.py --peer /path/to/python    # and PyTorch, run by an interpreter that has it

A step is what a user runs: BertForSequenceClassification with its configuration's dropout, forward,
backward, AdamW. All take turns, each in a process of its own. Weights are random, which makes no difference
to the work.
"""

import argparse
import statistics
import subprocess
import sys
import time

from encoding import SIZES

KINDS = ("float32", "bfloat16")
RATE = 5e-5


def milliseconds(steps, seconds):
    """The median time of a step; `steps(count)` makes so many."""
    steps(2)
    times = []
    while sum(times) < seconds or len(times) < 5:
        start = time.perf_counter()
        steps(4)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / 4


def data(given, steps):
    """Texts without padding and their labels."""
    import numpy as np

    random = np.random.default_rng(0)
    ids = random.integers(1000, 30000, (given.batch * steps, given.length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}, random.integers(0, 2, len(ids))


def configuration(given):
    """What both models are made of."""
    return SIZES | {"hidden_dropout_prob": given.dropout, "attention_probs_dropout_prob": given.dropout}


def corten(kind, given):
    """Corten's time."""
    import corten
    from corten.transformers import BertConfig, BertForSequenceClassification

    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[kind]
    model = BertForSequenceClassification(BertConfig(**configuration(given)), dtype=policy)
    model.compile(corten.optimizers.AdamW(RATE))

    def steps(count):
        inputs, labels = data(given, count)
        model.fit(inputs, labels, batch_size=given.batch, epochs=1, verbose=0)

    return milliseconds(steps, given.seconds)


def torch(kind, given):
    """That of transformers."""
    import torch

    import transformers

    transformers.logging.set_verbosity_error()
    config = transformers.BertConfig(**configuration(given))
    model = transformers.BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), RATE)
    inputs, labels = data(given, 1)
    batch = {name: torch.from_numpy(values) for name, values in {**inputs, "labels": labels}.items()}

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == "bfloat16"):
                loss = model(**batch).loss
            loss.backward()
            optimizer.step()

    return milliseconds(steps, given.seconds)


def main():
    """Measures all and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128, help="tokens of each text")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help="an interpreter that has transformers and PyTorch")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        library, kind = given.run.split(":")
        print(globals()[library](kind, given))
        return
    runs = [(sys.executable, "corten", kind) for kind in given.kinds]
    if given.peer:
        runs += [(given.peer, "torch", kind) for kind in given.kinds]
    options = [f"--{name}={getattr(given, name)}" for name in ("batch", "length", "dropout", "seconds")]
    times = {run: [] for run in runs}
    for _ in range(given.rounds):
        for run in runs:
            python, library, kind = run
            command = [python, __file__, "--run", f"{library}:{kind}", *options]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            times[run].append(float(done.stdout.split()[-1]))
    for (_, library, kind), values in times.items():
        middle = statistics.median(values)
        base = statistics.median(times[sys.executable, "corten", kind])
        spread = f"{min(values):.1f}..{max(values):.1f}"
        print(f"{library:7} {kind:9} {middle:8.1f} ms ({spread})   {middle / base:5.2f} of Corten's time")


if __name__ == "__main__":
    main()
