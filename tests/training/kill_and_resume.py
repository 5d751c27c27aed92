"""Kills a training with SIGKILL at random moments, starts it again, and compares the bits at the end.

    python tests/training/kill_and_resume.py --kills 100

A training runs in a process of its own and writes a checkpoint after every batch. It is killed while it
starts, between any two instructions of its steps, and while a file is being written. Started again often
enough it comes to its end, where weights, optimizer and history must be those of a training that nobody
killed. That is repeated with new trainings until there were so many kills for every model. Every start
has another number of threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS = 6
MODELS = ("images", "sequences", "captured")


# -- the training ---------------------------------------------------------------------------------------


def make(name):
    """Gives a model, its data and its callbacks."""
    import numpy as np

    import corten
    from corten import callbacks, layers, optimizers

    corten.utils.set_random_seed(17)
    rng = np.random.default_rng(8)
    if name == "images":
        x = rng.normal(size=(48, 6, 6, 1)).astype("float32")
        y = (x.mean(axis=(1, 2, 3)) > 0).astype("int32")
        model = corten.Sequential(
            [
                corten.Input((6, 6, 1)),
                layers.RandomFlip(),
                layers.RandomTranslation(0.2, 0.2),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dropout(0.3),
                layers.Dense(2, "softmax"),
            ]
        )
        optimizer = optimizers.SGD(0.05, momentum=0.9, use_ema=True, gradient_accumulation_steps=3)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        own = [
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            callbacks.ReduceLROnPlateau("val_loss", patience=1, factor=0.5),
            callbacks.EarlyStopping("val_accuracy", patience=4, restore_best_weights=True),
        ]
    elif name == "sequences":
        x = rng.normal(size=(48, 5, 3)).astype("float32")
        y = x.sum(axis=(1, 2))[:, None]
        model = corten.Sequential(
            [
                corten.Input((5, 3)),
                layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2),
                layers.Dense(1),
            ]
        )
        schedule = optimizers.schedules.CosineDecay(0.02, 40, alpha=0.1)
        model.compile(optimizers.AdamW(schedule, clipnorm=1.0), "mse", metrics=["mae"])
        own = [callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True)]
    else:
        x = rng.normal(size=(48, 5)).astype("float32")
        y = x.sum(axis=1, keepdims=True)
        model = corten.Sequential(
            [
                corten.Input((5,)),
                layers.Dense(16, "relu"),
                layers.BatchNormalization(),
                layers.Dropout(0.2),
                layers.Dense(1),
            ]
        )
        schedule = optimizers.schedules.ExponentialDecay(0.02, 7, 0.8)
        model.compile(optimizers.Adam(schedule), "mse", metrics=["mae"])
        own = []
    return model, x, y, own


def train(name, folder, result):
    """Trains, going on from what is in `folder`, and writes digests of all that came out."""
    import numpy as np

    from corten import callbacks

    model, x, y, own = make(name)

    class Ready(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if not vars(self).get("said"):
                self.said = print("ready", flush=True) is None

    backup = callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
    history = model.fit(
        x[:36],
        y[:36],
        batch_size=8,
        epochs=EPOCHS,
        validation_data=(x[36:], y[36:]),
        verbose=0,
        callbacks=[Ready(), *own, backup],
    )
    found = {"history": json.dumps(history.history), "epochs": history.epoch}
    for group, variables in (("weights", model.variables), ("optimizer", model.optimizer.variables)):
        data = b"".join(np.asarray(variable).tobytes() for variable in variables)
        found[group] = hashlib.sha256(data).hexdigest()
    draft = Path(f"{result}.draft")
    draft.write_text(json.dumps(found))
    draft.rename(result)


# -- the killing ----------------------------------------------------------------------------------------


def start(name, folder, result, threads):
    source = Path(__file__).resolve()
    environment = {**os.environ, "CORTEN_NUM_THREADS": str(threads)}
    command = [sys.executable, str(source), "--train", name, "--folder", str(folder), "--result", str(result)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for_draft(folder, process):
    """Waits until a file is being written."""
    until = time.monotonic() + 0.5
    while time.monotonic() < until and process.poll() is None:
        try:
            if any(name.endswith(".tmp") for name in os.listdir(folder)):
                return
        except FileNotFoundError:
            pass
        time.sleep(0.0003)


def kill_until_done(name, place, chance, kills):
    """Runs one training to its end with up to `kills` kills.

    Returns:
        What it gave, the number of kills, and how many of them left a file that was being written.
    """
    folder, result = place / "state", place / "result.json"
    folder.mkdir(parents=True)
    killed = drafts = 0
    known = set()
    while True:
        process = start(name, folder, result, chance.choice((1, 2)))
        moment = chance.choices(("starting", "running", "writing"), (15, 45, 40))[0]
        if killed < kills:
            if moment == "starting":
                time.sleep(chance.uniform(0.0, 0.4))
            else:
                process.stdout.readline()  # "ready", or nothing where the process is over.
                if moment == "running":
                    time.sleep(chance.uniform(0.0, 0.12))
                else:
                    time.sleep(chance.uniform(0.0, 0.05))
                    wait_for_draft(folder, process)
            if process.poll() is None:
                process.kill()
                killed += 1
        with process:  # Reads what is left, and waits.
            process.stdout.read()
        code = process.returncode
        left = {path.name for path in folder.iterdir() if path.name.endswith(".tmp")}
        drafts += bool(left - known)
        known = left
        if code == 0:
            return json.loads(result.read_text()), killed, drafts
        if code != -9:
            raise SystemExit(f"{name}: the training ended with status {code}")


def run(name, kills, seed=0):
    """Compares killed trainings of a model with a whole one.

    Returns:
        Kills, trainings, and kills in the middle of writing a file.

    Raises:
        AssertionError: The results differ.
    """
    chance = random.Random(f"{name} {seed}")
    with tempfile.TemporaryDirectory() as temporary:
        whole, _, _ = kill_until_done(name, Path(temporary) / "whole", chance, 0)
        killed = trainings = drafts = 0
        while killed < kills:
            place = Path(temporary) / f"training_{trainings}"
            found, more, half = kill_until_done(name, place, chance, kills - killed)
            killed, trainings, drafts = killed + more, trainings + 1, drafts + half
            differing = [key for key in whole if found[key] != whole[key]]
            assert not differing, f"{name}: {differing} differ after {more} kills"
            shutil.rmtree(place)
    return killed, trainings, drafts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="kills for each model")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=MODELS)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--result", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.folder, options.result)
        return
    for name in options.models:
        began = time.monotonic()
        killed, trainings, drafts = run(name, options.kills, options.seed)
        print(
            f"{name}: {killed} kills in {trainings} trainings, {drafts} of them in the middle of writing a "
            f"file; all results equal to the bit ({time.monotonic() - began:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
