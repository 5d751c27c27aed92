"""Writing values, weights and embeddings to files that TensorBoard shows."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.event_files import EventFile, image_of, projector_config, require_tensorboard
from corten.callbacks.files import check_writable
from corten.saving.files import write_bytes


class TensorBoard(Callback):
    """Writes what happens during training to event files, which the program TensorBoard shows.

    Scalars go to `log_dir/train` and `log_dir/validation` under Keras's names: `epoch_loss`,
    `epoch_learning_rate` and the like per epoch, `batch_loss` per batch where asked for, and
    `evaluation_loss_vs_iterations` for every evaluation. Show them with `tensorboard --logdir log_dir`.

    Args:
        log_dir: Folder for the files, for this callback alone.
        histogram_freq: Write histograms of the weights every so many epochs; 0 for never.
        write_graph: Accepted for compatibility: no graph is written. `model.summary()` and
            `corten.utils.plot_model` show a model.
        write_images: Also write weights of one to three axes as images, where histograms are written;
            black is the smallest value, white the largest.
        write_steps_per_second: Also write how many training steps a second takes.
        update_freq: `'epoch'`, `'batch'`, or a number of batches after which to write `batch_` values.
        profile_batch: Must be 0: Corten has no profile that TensorBoard reads.
        embeddings_freq: Write the weights of `Embedding` layers every so many epochs; 0 for never.
        embeddings_metadata: File with the names of an embedding's rows: one for all layers, or a dict of
            layer names to files. Paths are relative to `log_dir`.

    Raises:
        ImportError: The package tensorboard is missing (`pip install corten[tensorboard]`).
        OSError: The folder cannot be written; raised before training starts.
        ValueError: An argument has a wrong value, or `embeddings_metadata` names no embedding.

    Source: https://keras.io/api/callbacks/tensorboard/

    Example:
        >>> import corten, os, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=TensorBoard(folder))
        >>> os.listdir(folder)
        ['train']
    """

    only_writes = True

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int | tuple[int, int] = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | dict[str, str] | None = None,
    ) -> None:
        if profile_batch != 0:
            raise ValueError(
                f"TensorBoard: profile_batch must be 0, as there is no profile that TensorBoard reads; got "
                f"{profile_batch!r}"
            )
        whole = isinstance(update_freq, int) and not isinstance(update_freq, bool) and update_freq > 0
        if update_freq not in ("epoch", "batch") and not whole:
            raise ValueError(
                "TensorBoard: update_freq must be 'epoch', 'batch' or a number of batches; got "
                f"{update_freq!r}"
            )
        require_tensorboard()
        self.log_dir = Path(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._files: dict[str, EventFile] = {}
        self._training = False
        self._steps = 0
        self._epoch_steps = 0
        self._epoch_began = 0.0
        self._batch_ended = 0.0
        if self.update_freq != "epoch":
            # Looking at batches costs time, so only where it is asked for.
            self.on_train_batch_end = self._on_batch  # type: ignore[method-assign]

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.embeddings_freq:
            self._check_metadata()

    def _embeddings(self) -> list[Any]:
        from corten.layers import Embedding

        layers = self.model._flatten_layers(include_self=False)
        return [layer for layer in layers if isinstance(layer, Embedding)]

    def _check_metadata(self) -> None:
        if not isinstance(self.embeddings_metadata, dict):
            return
        names = [layer.name for layer in self._embeddings()]
        unknown = [name for name in self.embeddings_metadata if name not in names]
        if unknown:
            raise ValueError(
                f"TensorBoard: embeddings_metadata names {', '.join(map(repr, unknown))}, but the Embedding "
                f"layers of the model are {', '.join(map(repr, names)) or 'none'}"
            )

    # ---- files -------------------------------------------------------------------------------------

    def _file(self, part: str) -> EventFile:
        if part not in self._files:
            self._files[part] = EventFile(self.log_dir / part)
        return self._files[part]

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

    def _iterations(self) -> int:
        iterations = getattr(getattr(self.model, "optimizer", None), "iterations", None)
        return self._steps if iterations is None else int(iterations)

    # ---- training ----------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs = None) -> None:
        check_writable(self.log_dir / "events", "TensorBoard")
        self._training = True
        self._steps = self._iterations()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch_steps = self._steps
        self._epoch_began = self._batch_ended = time.perf_counter()

    def _on_batch(self, batch: int, logs: Logs = None) -> None:
        before, self._steps = self._steps, self._epoch_steps + batch + 1
        every = int(self.update_freq)
        now = time.perf_counter()
        if self._steps // every > before // every:
            file = self._file("train")
            for name, value in (logs or {}).items():
                file.scalar(f"batch_{name}", value, self._steps)
            if self.write_steps_per_second:
                rate = (self._steps - before) / max(now - self._batch_ended, 1e-9)
                file.scalar("batch_steps_per_second", rate, self._steps)
        self._batch_ended = now

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._steps = self._epoch_steps + int((self.params or {}).get("steps_done", 0))
        train = self._file("train")
        values = self._collect_learning_rate(dict(logs or {}))
        for name, value in values.items():
            if name.startswith("val_"):
                self._file("validation").scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
            else:
                train.scalar(f"epoch_{name}", value, epoch)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._epoch_began, 1e-9)
            train.scalar("epoch_steps_per_second", (self._steps - self._epoch_steps) / seconds, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for file in self._files.values():
            file.flush()

    def _collect_learning_rate(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Adds the learning rate to the values of an epoch; of a MultiOptimizer that of each optimizer."""
        optimizer = getattr(self.model, "optimizer", None)
        several = getattr(optimizer, "optimizers", None)
        rates = {f"learning_rate_{each.name}": each for each in several or ()}
        if several is None and optimizer is not None:
            rates = {"learning_rate": optimizer}
        for name, each in rates.items():
            logs.setdefault(name, float(np.asarray(each.learning_rate)))
        return logs

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False
        self._close()

    def get_state(self) -> dict[str, Any]:
        return {"steps": self._steps, "epoch_steps": self._epoch_steps}

    def set_state(self, state: dict[str, Any]) -> None:
        self._steps, self._epoch_steps = state["steps"], state["epoch_steps"]

    def on_test_end(self, logs: Logs = None) -> None:
        for name, value in (logs or {}).items():
            self._file("validation").scalar(f"evaluation_{name}_vs_iterations", value, self._iterations())
        if not self._training:
            self._close()

    # ---- weights -----------------------------------------------------------------------------------

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for variable in self.model.weights:
            values = np.asarray(variable)
            if values.dtype.kind not in "biuf" or values.size == 0:
                continue  # Keys of random generators and the like: numbers, but no weights.
            file.histogram(f"{variable.path}/histogram", values, epoch)
            image = image_of(values) if self.write_images else None
            if image is not None:
                file.images(f"{variable.path}/image", image, epoch)

    def _write_embeddings(self) -> None:
        """Writes each embedding as text, and the list of them for TensorBoard's projector."""
        entries = []
        for layer in self._embeddings():
            name = f"{layer.path.replace('/', '_')}.tsv"
            text = io.StringIO()
            np.savetxt(text, np.asarray(layer.embeddings, dtype="float32"), fmt="%.7g", delimiter="\t")
            write_bytes(self.log_dir / name, text.getvalue().encode())
            metadata = self.embeddings_metadata
            if isinstance(metadata, dict):
                metadata = metadata.get(layer.name)
            entries.append((layer.embeddings.path, name, metadata))
        write_bytes(self.log_dir / "projector_config.pbtxt", projector_config(entries).encode())
