"""Makes small models and stores what the pipelines of transformers answer to `pipeline_cases`.

    python -m tests.transformers.make_pipeline_values models  # with transformers 5.24: weights and answers
    python -m tests.transformers.make_pipeline_values former  # with transformers 4.57: tasks it had till then

Needs transformers and PyTorch, which the tests do not.
"""

from __future__ import annotations

import gzip
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.transformers.pipeline_cases import CASES, FORMER, MODELS, TEMPLATE, plain

import transformers

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "reference_values" / "pipelines.npz"
VALUES = FOLDER / "reference_values" / "pipelines.json.gz"


def tokenizer_of(name: str) -> Any:
    """The tokenizer of a model."""
    folder = str(FOLDER / "tokenizers" / MODELS[name][0])
    # Version 4 does not know the form in which version 5 writes further special tokens.
    former = {"extra_special_tokens": {}} if transformers.__version__ < "5" else {}
    found = transformers.AutoTokenizer.from_pretrained(folder, **former)
    if name == "chat":
        found.chat_template = TEMPLATE
    return found


def config_of(name: str) -> dict[str, Any]:
    """The configuration of a model, with the size of its vocabulary."""
    return {**MODELS[name][2], "vocab_size": len(tokenizer_of(name))}


def make_weights() -> None:
    """Makes the models; weights are whole numbers of 64ths, so that the file is small."""
    found: dict[str, Any] = {}
    for seed, (name, (_, kind, _)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        cls = getattr(transformers, kind)
        model = cls(cls.config_class(**config_of(name)))
        generator = torch.Generator().manual_seed(seed + 100)
        for key, value in model.named_parameters():
            change = torch.randn(value.shape, generator=generator) * (0.2 if value.ndim == 1 else 0.0)
            if kind.startswith("T5") and key == "shared.weight":
                # As it is made, a small T5 repeats one token for ever.
                change = torch.randn(value.shape, generator=generator) * 3
            found[f"{name}:{key}"] = (torch.round((value.detach() + change) * 64) / 64).numpy()
    np.savez_compressed(WEIGHTS, **found)


def model_of(name: str) -> Any:
    """A model with the stored weights."""
    cls = getattr(transformers, MODELS[name][1])
    model = cls(cls.config_class(**config_of(name)))
    with np.load(WEIGHTS) as stored:
        prefix = f"{name}:"
        state = {
            key.removeprefix(prefix): torch.tensor(stored[key])
            for key in stored.files
            if key.startswith(prefix)
        }
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    model.tie_weights()
    assert set(missing) <= {*model.state_dict()} - {*dict(model.named_parameters())}, missing
    return model.eval()


def make(task: str, name: str, **settings: Any) -> Any:
    """A pipeline of transformers."""
    return transformers.pipeline(task, model=model_of(name), tokenizer=tokenizer_of(name), **settings)


def main() -> None:
    """Makes the values of one version, and keeps those of the other."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    former = sys.argv[1:] == ["former"]
    if not former and not WEIGHTS.exists():
        make_weights()
    stored = json.loads(gzip.decompress(VALUES.read_bytes())) if VALUES.exists() else {}
    for case, function in (FORMER if former else CASES).items():
        try:
            stored[case] = plain(function(make))
        except Exception as error:
            print(f"{case}: {type(error).__name__}: {str(error)[:200]}")
            stored[case] = None
    text = json.dumps(stored, ensure_ascii=False, separators=(",", ":"))
    VALUES.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
