"""Attacks by the files of LoRA adapters: ranks and patterns that are not meant well, and damaged weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tests.attacks.models import write_corten
from tests.attacks.table import attack

import corten
from corten.saving import safetensors
from corten.transformers import BertConfig, BertModel, add_lora

_QUERY = "base_model.model.encoder.layer.0.attention.self.query"


def small_bert() -> Any:
    """The model that the adapters are for."""
    config = BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    config.update({"intermediate_size": 8, "max_position_embeddings": 4})
    return BertModel(config)


def _entries() -> dict[str, Any]:
    return {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["query"]}


def _arrays() -> dict[str, Any]:
    return {
        f"{_QUERY}.lora_A.weight": np.ones((2, 4), "float32"),
        f"{_QUERY}.lora_B.weight": np.ones((4, 2), "float32"),
    }


def _write(folder: Path, config: bytes, weights: bytes) -> Path:
    (folder / "adapter_model.safetensors").write_bytes(weights)
    path = folder / "adapter_config.json"
    path.write_bytes(config)
    return path


def _with(**entries: Any) -> Callable[[Path], Path]:
    return lambda folder: _write(
        folder, json.dumps({**_entries(), **entries}).encode(), safetensors.dump(_arrays())
    )


#: Configurations by what they try.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "adapters of a huge rank": {"r": 10**12},
    "adapters of a rank without end": {"r": 10**400},
    "adapters of a rank that is a text": {"r": "2"},
    "adapters whose ranks have an endless pattern": {"rank_pattern": {"(a+)+$": 2}},
    "adapters whose strengths have an endless pattern": {"alpha_pattern": {"(.*)*(.*)*(.*)*x": 2}},
    "adapters of a strength that is no number": {"lora_alpha": float("nan")},
    "adapters with code of their own": {"auto_mapping": {"x": 1}, "peft_type": "__import__('os')"},
    "adapters that save a list of lists": {"modules_to_save": [["query"]]},
    "adapters that copy layers": {"layer_replication": [[0, 10**9]]},
}
for name, entries in CONFIGURATIONS.items():
    attack(name, "adapters")(_with(**entries))

# Which layers have adapters is told by the weights; the expression is kept as it is.
attack("adapters for an endless expression", "adapters memory")(_with(target_modules="(.*)*(.*)*(.*)*x"))


@attack("adapters in a configuration of many levels", "adapters")
def _deep(folder: Path) -> Path:
    return _write(folder, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, safetensors.dump(_arrays()))


@attack("adapters of a size that is not there", "adapters")
def _long(folder: Path) -> Path:
    header = {f"{_QUERY}.lora_A.weight": {"dtype": "F32", "shape": [2, 2**40], "data_offsets": [0, 2**43]}}
    text = json.dumps(header).encode()
    return _write(folder, json.dumps(_entries()).encode(), len(text).to_bytes(8, "little") + text)


@cache
def _saved_model() -> tuple[dict[str, Any], bytes]:
    from corten.saving.model_state import weights_of
    from corten.saving.serialization import serialize_keras_object

    model = add_lora(small_bert(), r=2)
    return serialize_keras_object(model), safetensors.dump(weights_of(model))


def _model_with(**changes: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        config, weights = _saved_model()
        config = json.loads(json.dumps(config))
        adapters = config["config"]["adapters"]
        for name, value in changes.items():
            (adapters["settings"] if name in adapters["settings"] else adapters)[name] = value
        return write_corten(folder / "model.corten", config, weights)

    return make


#: What a file of Corten's says about adapters, by what it tries.
DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "a model with adapters of a huge rank": {"r": 10**9},
    "a model with adapters of an endless pattern": {"rank_pattern": {"(a+)+$": 10**9}},
    "a model with adapters of layers that are not there": {"layers": ["encoder.layer.7"]},
    "a model with adapters of one layer many times": {
        "layers": ["encoder.layer.0.attention.self.query"] * 1000
    },
    "a model with adapters of a norm": {"layers": ["embeddings.LayerNorm"]},
    "a model with adapters of settings that are not there": {"settings": {"x": 1}},
}
for name, changes in DESCRIPTIONS.items():
    attack(name, "model")(_model_with(**changes))


def read_adapters(path: Path) -> None:
    """Gives a small model the adapters of a folder, and computes with it."""
    model = corten.transformers.load_lora(small_bert(), path.parent)
    model(input_ids=np.array([[1, 2]]))
