"""The doors of Corten through which files come in, each as a function of a path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.adapters import read_adapters

import corten
from corten import data, layers, utils
from corten.datasets import readers
from corten.saving import file_editor
from corten.tuner.trials import TrialFile
from corten.utils.file_utils import extract_archive


def small_model() -> Any:
    """A model with one Dense layer of four inputs and two outputs."""
    return corten.Sequential([corten.Input((4,)), layers.Dense(2, name="d")])


def load_weights(path: Path) -> None:
    """Weights for a model, twice: as a whole and by the names of layers."""
    small_model().load_weights(path)


def _all(dataset: Any) -> None:
    for _ in dataset:
        pass


def _parent(path: Path) -> Path:
    return path.parent.parent


def read_tokenizer(path: Path) -> None:
    """Reads a tokenizer's folder, encodes, and writes a conversation if there is a template."""
    tokenizer = corten.transformers.AutoTokenizer.from_pretrained(path.parent)
    tokenizer(["a", "a b"], padding=True, truncation=True)
    if tokenizer.chat_template is not None:
        tokenizer.apply_chat_template([{"role": "user", "content": "a"}])


READERS: dict[str, Callable[[Path], Any]] = {
    "model": corten.models.load_model,
    "weights": load_weights,
    "editor": file_editor.KerasFileEditor,
    "json": lambda path: corten.models.model_from_json(path.read_bytes().decode("utf-8", "surrogateescape")),
    "npz": lambda path: corten.datasets.mnist.load_data(path),
    "idx": readers.read_idx,
    "cifar": lambda path: readers.read_cifar_batch(path, "labels"),
    "archive": extract_archive,
    "csv": data.read_csv,
    "image": utils.load_img,
    "images": lambda path: _all(
        utils.image_dataset_from_directory(_parent(path), image_size=(4, 4), verbose=False)
    ),
    "sounds": lambda path: _all(
        utils.audio_dataset_from_directory(_parent(path), sampling_rate=16000, verbose=False)
    ),
    "texts": lambda path: _all(utils.text_dataset_from_directory(_parent(path), verbose=False)),
    "vocabulary": lambda path: layers.StringLookup(vocabulary=str(path)),
    "cache": lambda path: _all(data.Dataset.from_tensor_slices([1.0]).cache(str(path))),
    "tokenizer": read_tokenizer,
    "adapters": read_adapters,
    "trials": lambda path: TrialFile(path.parent, {"a": 1}).read(),
}
