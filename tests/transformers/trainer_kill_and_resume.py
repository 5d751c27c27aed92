"""Kills trainings of a Trainer with SIGKILL at random moments, and compares the bits at the end.

    python tests/transformers/trainer_kill_and_resume.py --kills 30

Each training runs in a process of its own, writes a checkpoint every second step, and is killed while it
starts, between any two instructions of its steps, or while a checkpoint is being written. Started again often
enough it comes to its end, where weights, optimizer, random states, logs and the best checkpoint must be
those of a training that nobody killed. Every start has another number of threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KINDS = ("rows", "stream")


def train(kind, folder, result):
    """Trains, going on from the last checkpoint in `folder`, and writes digests of all that came out."""
    import numpy as np

    import corten
    from corten.transformers import (
        BertConfig,
        BertForSequenceClassification,
        EarlyStoppingCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        get_last_checkpoint,
    )
    from corten.transformers.training.rows import stack

    corten.utils.set_random_seed(3)
    chance = np.random.default_rng(1)
    rows = [
        {"input_ids": chance.integers(1, 30, 6), "labels": int(label)} for label in chance.integers(0, 2, 26)
    ]
    config = BertConfig(
        vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    model = BertForSequenceClassification(config)

    class Masking:
        """Draws random numbers for each batch."""

        def __init__(self):
            self.generator = np.random.default_rng(7)

        def __call__(self, rows):
            batch = stack(rows)
            hidden = self.generator.random(batch["input_ids"].shape) < 0.2
            return {**batch, "input_ids": np.where(hidden, 0, batch["input_ids"])}

    class Slow(TrainerCallback):
        """Says that training runs, and lets it run long enough to be killed."""

        def on_step_end(self, args, state, control, **kwargs):
            if not vars(self).get("said"):
                self.said = print("ready", flush=True) is None
            time.sleep(0.01)

    data = rows
    if kind == "stream":
        columns = {name: np.stack([row[name] for row in rows]) for name in ("input_ids", "labels")}
        data = corten.data.Dataset.from_tensor_slices(columns).shuffle(26)
    args = TrainingArguments(
        folder,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        num_train_epochs=4,
        learning_rate=5e-3,
        lr_scheduler_type="cosine" if kind == "rows" else "reduce_lr_on_plateau",
        lr_scheduler_kwargs={} if kind == "rows" else {"patience": 0},
        warmup_steps=3,
        weight_decay=0.1,
        eval_strategy="steps",
        eval_steps=2,
        save_steps=2,
        save_total_limit=2,
        logging_steps=3,
        load_best_model_at_end=True,
        disable_tqdm=True,
        logging_dir=f"{folder}/logs",
        report_to="csv",
    )
    trainer = Trainer(
        model,
        args,
        data_collator=Masking(),
        train_dataset=data,
        eval_dataset=rows[:9],
        callbacks=[Slow(), EarlyStoppingCallback(5)],
    )
    trainer.pop_callback(trainer.printer)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(folder))

    def plain(log):
        return {
            name: value for name, value in log.items() if "runtime" not in name and "per_second" not in name
        }

    found = {"logs": json.dumps([plain(log) for log in trainer.state.log_history])}
    found["best"] = f"{trainer.state.best_metric} {Path(trainer.state.best_model_checkpoint).name}"
    found["checkpoints"] = sorted(path.name for path in Path(folder).glob("checkpoint-*"))
    lines = (Path(folder) / "logs" / "log.csv").read_text().splitlines()
    found["rows of the log"] = len(lines)
    for group, variables in (("weights", model.variables), ("optimizer", trainer.optimizer.variables)):
        data = b"".join(np.asarray(variable).tobytes() for variable in variables)
        found[group] = hashlib.sha256(data).hexdigest()
    draft = Path(f"{result}.draft")
    draft.write_text(json.dumps(found))
    draft.rename(result)


def start(kind, folder, result, threads):
    environment = {**os.environ, "CORTEN_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, "--train", kind, "--folder", str(folder), "--result", str(result)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for_draft(folder, process):
    """Waits until a checkpoint is being written."""
    until = time.monotonic() + 0.5
    while time.monotonic() < until and process.poll() is None:
        if folder.is_dir() and any(name.endswith(".tmp") for name in os.listdir(folder)):
            return
        time.sleep(0.0003)


def kill_until_done(kind, place, chance, kills):
    """Runs one training to its end with up to `kills` kills; gives what it gave and how many there were."""
    folder, result = place / "out", place / "result.json"
    place.mkdir(parents=True)
    killed = 0
    while True:
        process = start(kind, folder, result, chance.choice((1, 2)))
        if killed < kills:
            moment = chance.choices(("starting", "running", "writing"), (10, 50, 40))[0]
            if moment == "starting":
                time.sleep(chance.uniform(0.0, 0.4))
            else:
                process.stdout.readline()  # "ready", or nothing where the process is over.
                time.sleep(chance.uniform(0.0, 0.15))
                if moment == "writing":
                    wait_for_draft(folder, process)
            if process.poll() is None:
                process.kill()
                killed += 1
        with process:
            process.stdout.read()
        if process.returncode == 0:
            return json.loads(result.read_text()), killed
        if process.returncode != -9:
            raise SystemExit(f"{kind}: the training ended with status {process.returncode}")


def run(kind, kills, seed=0):
    """Compares killed trainings with a whole one; gives the kills and the trainings.

    Raises:
        AssertionError: The results differ.
    """
    chance = random.Random(f"{kind} {seed}")
    with tempfile.TemporaryDirectory() as temporary:
        whole, _ = kill_until_done(kind, Path(temporary) / "whole", chance, 0)
        killed = trainings = 0
        while killed < kills:
            place = Path(temporary) / f"training_{trainings}"
            found, more = kill_until_done(kind, place, chance, kills - killed)
            killed, trainings = killed + more, trainings + 1
            differing = [key for key in whole if found[key] != whole[key]]
            assert not differing, f"{kind}: {differing} differ after {more} kills:\n{whole}\n{found}"
    return killed, trainings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="kills for each kind of data")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--train", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--result", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.folder, options.result)
        return
    for kind in KINDS:
        killed, trainings = run(kind, options.kills, options.seed)
        print(f"{kind}: {killed} kills in {trainings} trainings, all results equal to the bit", flush=True)


if __name__ == "__main__":
    main()
