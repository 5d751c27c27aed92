"""Reads what `make_decoder_values.py` stored."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from corten import transformers
from corten.transformers.pretrained_files import assign_weights

FOLDER = Path(__file__).parent / "reference_values"
CLASSES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "t5": "T5ForConditionalGeneration",
    "t5_gated": "T5ForConditionalGeneration",
}
DECODERS = ("gpt2", "llama", "qwen2", "qwen3")


@cache
def values(name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        return dict(stored)


def part(name, kind):
    """The arrays of one kind (`weight`, `gradient`, `input`, `ids`) by name."""
    prefix = f"{kind}:"
    return {key.removeprefix(prefix): value for key, value in values(name).items() if key.startswith(prefix)}


@cache
def model(name):
    cls = getattr(transformers, CLASSES[name])
    made = cls(cls.config_class(**json.loads(str(values(name)["config"]))))
    info = assign_weights(made, part(name, "weight"), "reference values")
    assert not any(info.values()), info
    return made


def relative(found, wanted):
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30)
