"""Models and weights written to files and read again."""

import numpy as np
from tests.layers.layer_cases import CASES
from tests.soak.jobs.models import inputs_of, model_of, rule

import corten
from corten import callbacks, layers

KINDS = [".corten", ".corten", ".keras", ".h5"]


def trained(generator):
    model = corten.Sequential(
        [corten.Input((5,)), layers.Dense(7, "relu"), layers.Dropout(0.2), layers.Dense(2)]
    )
    model.compile(rule(generator), "mse")
    x, y = generator.normal(size=(24, 5)).astype("float32"), generator.normal(size=(24, 2)).astype("float32")
    model.fit(x, y, verbose=0)
    return model, x, y


def any_layer_in_a_file(generator, folder):
    """A model of any layer, saved and loaded, predicts the same bits."""
    case = CASES[generator.integers(len(CASES))]
    model, _ = model_of(case)
    arrays = inputs_of(case, generator)
    x = arrays if len(arrays) > 1 else arrays[0]
    wanted = model.predict(x, verbose=0)
    model.save(folder / "model.corten")
    np.testing.assert_array_equal(
        corten.models.load_model(folder / "model.corten").predict(x, verbose=0), wanted
    )


def training_goes_on_from_a_file(generator, folder):
    """A loaded model goes on with training as the one that was saved does."""
    model, x, y = trained(generator)
    path = folder / f"model{KINDS[generator.integers(len(KINDS))]}"
    model.save(path)
    again = corten.models.load_model(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    before = again.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(before, model.evaluate(x, y, verbose=0), rtol=1e-6)
    again.fit(x, y, epochs=2, verbose=0)


def weights_alone(generator, folder):
    """Weights in every format."""
    model, x, _ = trained(generator)
    wanted = model.predict(x, verbose=0)
    for ending in (".weights.safetensors", ".npz", ".weights.h5"):
        model.save_weights(folder / f"w{ending}")
        twin = corten.models.clone_model(model)
        twin.load_weights(folder / f"w{ending}")
        np.testing.assert_array_equal(twin.predict(x, verbose=0), wanted)


def checkpoints_and_logs(generator, folder):
    """Callbacks that write files while a model trains."""
    model, x, y = trained(generator)
    watching = [
        callbacks.ModelCheckpoint(folder / "best.corten", save_best_only=True, monitor="loss"),
        callbacks.CSVLogger(str(folder / "log.csv")),
        callbacks.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True),
        callbacks.ReduceLROnPlateau(monitor="loss", patience=1),
        callbacks.BackupAndRestore(folder / "backup"),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    ]
    history = model.fit(x, y, epochs=3, callbacks=watching, validation_data=(x, y), verbose=0)
    best = corten.models.load_model(folder / "best.corten")
    assert best.predict(x, verbose=0).shape == (24, 2)
    assert len((folder / "log.csv").read_text().splitlines()) == 1 + len(history.history["loss"])


def damaged_files(generator, folder):
    """A file with bytes changed loads as it was or is refused."""
    model, x, _ = trained(generator)
    model.save(folder / "model.corten")
    whole = bytearray((folder / "model.corten").read_bytes())
    for _ in range(10):
        broken = bytearray(whole[: int(generator.integers(1, len(whole) + 1))])
        for place in generator.integers(len(broken), size=3):
            broken[place] = int(generator.integers(256))
        (folder / "broken.corten").write_bytes(broken)
        try:
            loaded = corten.models.load_model(folder / "broken.corten")
        except (ValueError, TypeError, OSError):
            continue
        assert loaded.predict(x, verbose=0).shape == (24, 2)


JOBS = [any_layer_in_a_file, training_goes_on_from_a_file, weights_alone, checkpoints_and_logs, damaged_files]
