"""Makes the golden files: a small file of every kind that this version of Corten writes, and what is in it.

`python -m tests.golden.make_golden` writes them to `tests/golden/VERSION`. Those of a released version stay
as they are: users have such files, and the tests read them for as long as Corten reads that format.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

import corten
from corten import Input, Sequential, layers

HERE = Path(__file__).parent
X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
TEXT = np.array([["red"], ["green"], ["grey"]])


def trained(units: int = 4) -> Sequential:
    """A small model after three steps with momentum, which has a state of its own."""
    corten.utils.set_random_seed(1)
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(units, activation="relu", name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(2, name="out"),
        ],
        name="golden",
    )
    model.compile("adam", "mse")
    for _ in range(3):
        model.train_on_batch(X, X[:, :2])
    return model


def words() -> Sequential:
    """A model with a vocabulary."""
    lookup = layers.StringLookup(output_mode="one_hot", name="words")
    lookup.adapt(np.array(["red", "green", "red", "blue"]))
    corten.utils.set_random_seed(2)
    model = Sequential(
        [Input((1,), dtype="string"), lookup, layers.Dense(2, name="out")], name="golden_words"
    )
    model(TEXT)
    return model


def quantized() -> Sequential:
    """A model with weights of eight bits."""
    corten.utils.set_random_seed(3)
    model = Sequential(
        [Input((3,)), layers.Dense(4, name="hidden"), layers.Dense(2, name="out")], name="golden8"
    )
    model.quantize("int8")
    return model


def main() -> None:
    """Writes the files of this version."""
    folder = HERE / corten.__version__
    heading = rf"^## {re.escape(corten.__version__)}, unreleased$"
    changelog = (HERE.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    if folder.exists() and not re.search(heading, changelog, re.MULTILINE):
        sys.exit(f"{folder} has the files of a released version; they stay as they are.")
    folder.mkdir(exist_ok=True)
    model = trained()
    for name in ("model.corten", "model.keras", "model.h5"):
        model.save(folder / name)
    for name in ("model.weights.safetensors", "model.weights.npz", "model.weights.h5"):
        model.save_weights(folder / name)
    for old in folder.glob("shards_*"):
        old.unlink()
    model.save_weights(folder / "shards.weights.json", max_shard_size=100 / 2**30)
    words().save(folder / "words.corten")
    quantized().save(folder / "quantized.corten")
    from corten.training.checkpoint.files import write_checkpoint

    arrays = {str(index): array for index, array in enumerate(model.get_weights())}
    write_checkpoint(folder / "checkpoint.safetensors", {"step": 3}, arrays)
    (folder / "elements.cache").unlink(missing_ok=True)
    list(corten.data.Dataset.from_tensor_slices(X).cache(str(folder / "elements.cache")))
    expected = {
        "model": model.predict(X, verbose=0).tolist(),
        "weights": [array.tolist() for array in model.get_weights()],
        "optimizer": [np.asarray(variable).tolist() for variable in model.optimizer.variables],
        "words": words().predict(TEXT, verbose=0).tolist(),
        "quantized": quantized().predict(X, verbose=0).tolist(),
    }
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main()
