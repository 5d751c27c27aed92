"""Everything in Corten that writes a file: one row each, which the tests of faults go through."""

import contextlib
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import corten
from corten import Input, Sequential, debug, layers


@dataclass(frozen=True)
class Writer:
    """A way to write files.

    Attributes:
        name: Of the row.
        write: Writes version 0 or 1 into a folder; the two differ.
        read: What a reader finds there; None where only the bytes count.
        sites: Functions in `python/corten` that this row goes through, as `file:function`.
        needs: A module without which the row is left out.
        is_log: It grows at its end, and never takes the place of anything.
        is_several: It writes files that do not depend on each other, each as a whole.
    """

    name: str
    write: Callable[[Path, int], Any]
    read: Callable[[Path], Any] | None = None
    sites: tuple[str, ...] = ()
    needs: str = ""
    is_log: bool = False
    is_several: bool = False


@cache
def model(version: int, compiled: bool = True) -> Any:
    corten.utils.set_random_seed(version)
    made = Sequential([Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(2)], name="written")
    if compiled:
        made.compile("adam", "mse")
        made.train_on_batch(np.ones((2, 3), "float32"), np.ones((2, 2), "float32"))
    return made


def fingerprint(arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.asarray(array).tobytes())
    return digest.hexdigest()


def read_model(name: str) -> Callable[[Path], str]:
    return lambda folder: fingerprint(corten.saving.load_model(folder / name).get_weights())


def read_weights(name: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        fresh = model(7, compiled=False)
        fresh.load_weights(folder / name)
        return fingerprint(fresh.get_weights())

    return read


def whole(name: str, **settings: Any) -> Callable[[Path, int], None]:
    return lambda folder, version: model(version).save(folder / name, **settings)


def weights(name: str, **settings: Any) -> Callable[[Path, int], None]:
    return lambda folder, version: model(version).save_weights(folder / name, **settings)


@cache
def source_of_weights() -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for version in (0, 1):
        model(version).save_weights(folder / f"{version}.safetensors")
    return folder


def edited(name: str) -> Callable[[Path, int], None]:
    def write(folder: Path, version: int) -> None:
        corten.saving.KerasFileEditor(source_of_weights() / f"{version}.safetensors").save(folder / name)

    return write


def write_cache(folder: Path, version: int) -> None:
    # A cache that is there is read; writing it anew begins with its absence.
    with contextlib.suppress(FileNotFoundError):
        (folder / "elements").unlink()
    data = corten.data.Dataset.from_tensor_slices(np.arange(4.0) + version)
    list(data.cache(str(folder / "elements")).as_numpy_iterator())


def read_cache(folder: Path) -> str:
    empty = corten.data.Dataset.range(0)
    return fingerprint(empty.cache(str(folder / "elements")).as_numpy_iterator())


@cache
def downloads() -> Path:
    import tempfile

    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    for version in (0, 1):
        (folder / f"{version}.bin").write_bytes(bytes([version]) * 3000)
        with tarfile.open(folder / f"{version}.tar", "w") as archive:
            for name in ("a.txt", "b.txt"):
                information = tarfile.TarInfo(f"inside/{name}")
                information.size = 2000
                archive.addfile(information, io.BytesIO(bytes([65 + version]) * 2000))
    return folder


def write_download(folder: Path, version: int) -> None:
    from corten.utils.file_utils import download

    download((downloads() / f"{version}.bin").as_uri(), folder / "got.bin", show=False)


def write_extracted(folder: Path, version: int) -> None:
    from corten.utils.file_utils import extract_archive

    archive = folder / "files.tar"
    if not archive.exists():
        archive.symlink_to(downloads() / "0.tar")
    extract_archive(archive)


def write_trials(folder: Path, version: int) -> None:
    from corten.tuner.trials import Trial, TrialFile

    trials = [Trial(index, {"units": 4}, seed=index, epochs=1, score=0.5) for index in range(version + 1)]
    TrialFile(folder, {"space": "x"}).write(trials, "min")


def read_trials(folder: Path) -> int:
    from corten.tuner.trials import TrialFile

    return len(TrialFile(folder, {"space": "x"}).read()[0])


def write_image(folder: Path, version: int) -> None:
    pixels = np.random.default_rng(version).integers(0, 255, (20, 20, 3))
    corten.utils.save_img(folder / "picture.png", pixels.astype("float32"))


def write_failed_batch(folder: Path, version: int) -> None:
    # What calls it in `fit` turns a failure into a note, which would hide the error here.
    batch = (np.full((4, 3), version, "float32"), np.zeros((4, 1), "float32"), None)
    debug._save(folder / "fit-epoch0-step3.npz", batch, ValueError("not finite"))


def write_gallery(folder: Path, version: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    images = np.full((1, 4, 4, 3), 100 * version, "uint8")
    corten.visualization.plot_image_gallery(images, rows=1, cols=1, path=folder / "gallery.png", dpi=10)


def write_graph(folder: Path, version: int) -> None:
    corten.utils.plot_model(model(version), folder / "model.dot", show_shapes=bool(version))


def write_log(folder: Path, version: int) -> None:
    logger = corten.callbacks.CSVLogger(folder / "log.csv", append=True)
    logger.on_train_begin()
    logger.on_epoch_end(version, {"loss": 1.0})
    logger.on_train_end()


def write_checkpoint(folder: Path, version: int) -> None:
    callback = corten.callbacks.ModelCheckpoint(folder / "best.weights.npz", save_weights_only=True)
    callback.set_model(model(version))
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 1.0})


def write_training_state(folder: Path, version: int) -> None:
    from corten.training.checkpoint.files import write_checkpoint

    arrays = {str(index): array for index, array in enumerate(model(version).get_weights())}
    write_checkpoint(folder / "checkpoint-00000001.safetensors", {"step": version}, arrays)


def read_training_state(folder: Path) -> Any:
    from corten.training.checkpoint.files import read_checkpoint

    return read_checkpoint(folder / "checkpoint-00000001.safetensors")[0]


def trainer(folder: Path, version: int) -> Any:
    from corten.transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    config = BertConfig(
        vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
    )
    corten.utils.set_random_seed(version)
    made = Trainer(
        BertForSequenceClassification(config), TrainingArguments("out", seed=version, save_total_limit=1)
    )
    made.state.global_step = 1
    made._checkpoint_folder = lambda: folder / "checkpoint-1"
    return made


def write_trainer_checkpoint(folder: Path, version: int) -> None:
    trainer(folder, version)._save_checkpoint()


def read_trainer_checkpoint(folder: Path) -> Any:
    from corten.transformers import BertForSequenceClassification
    from corten.transformers.training.checkpoints import read_training

    state, _ = read_training(folder / "checkpoint-1")
    loaded = BertForSequenceClassification.from_pretrained(folder / "checkpoint-1")
    return state["decisive"]["seed"], fingerprint(loaded.get_weights())


def adapted(version: int) -> Any:
    from corten.transformers import BertConfig, BertModel, add_lora

    config = BertConfig(
        vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
    )
    corten.utils.set_random_seed(version)
    return add_lora(BertModel(config), r=2)


def write_adapters(folder: Path, version: int) -> None:
    from corten.transformers import save_lora

    save_lora(adapted(version), folder)


def write_trainer_log(folder: Path, version: int) -> None:
    from corten.transformers import CSVCallback, TrainerControl, TrainerState, TrainingArguments

    callback, args = CSVCallback(folder), TrainingArguments("out")
    state = TrainerState(global_step=version, log_history=[{"step": 0, "loss": 2.0}])
    callback.on_train_begin(args, state, TrainerControl())
    callback.on_log(args, state, TrainerControl(), logs={"loss": 1.0})


def write_trainer_metrics(folder: Path, version: int) -> None:
    made = trainer(folder, version)
    made.args.output_dir = str(folder)
    made.save_metrics("train", {"train_loss": float(version)}, combined=False)


class Answer(io.BytesIO):
    """What a server of models says."""

    headers: dict[str, str] = {}


def write_downloaded(folder: Path, version: int) -> None:
    from corten.transformers import hub

    hub._write(Answer(b"weights" * 20 + bytes([version])), folder / "model.safetensors", "")
    hub._note(folder / "main", f"commit {version}")


def write_tokenizer(folder: Path, version: int) -> None:
    from corten.transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *("abcdefgh" * 20), f"word{version}"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    template = f"{{{{ messages }}}}{version}"
    tokenizer = BertTokenizer(vocabulary, model_max_length=8 + version, chat_template=template)
    tokenizer.save_pretrained(folder)


def write_projector(folder: Path, version: int) -> None:
    made = Sequential([Input((2,)), layers.Embedding(4, 3, name="words")], name="text")
    made.layers[0].embeddings.assign(np.full((4, 3), float(version)))
    callback = corten.callbacks.TensorBoard(folder, embeddings_freq=1)
    callback.set_model(made)
    callback._write_embeddings()


def write_onnx(folder: Path, version: int) -> None:
    model(version).export(folder / "model.onnx", verbose=False)


def write_generation_config(folder: Path, version: int) -> None:
    from corten.transformers import GenerationConfig

    GenerationConfig(max_new_tokens=5 + version).save_pretrained(folder)


def read_generation_config(folder: Path) -> Any:
    from corten.transformers import GenerationConfig

    return GenerationConfig.from_pretrained(folder).max_new_tokens


SHARDS = {"max_shard_size": 60 / 2**30}
WRITERS = [
    Writer(
        "corten",
        whole("m.corten"),
        read_model("m.corten"),
        ("saving/files.py:write_archive", "saving/files.py:write", "saving/model_io.py:save_model"),
    ),
    Writer(
        "keras",
        whole("m.keras"),
        read_model("m.keras"),
        ("saving/keras_files.py:write_keras", "saving/keras_files.py:write"),
        needs="h5py",
    ),
    Writer(
        "keras_folder",
        whole("model", zipped=False),
        read_model("model"),
        ("saving/folders.py:write_folder", "saving/folders.py:write", "saving/folders.py:_put_in_place"),
        needs="h5py",
    ),
    Writer(
        "legacy_h5",
        whole("m.h5"),
        read_model("m.h5"),
        ("saving/legacy_writer.py:write_legacy",),
        needs="h5py",
    ),
    Writer(
        "safetensors",
        weights("w.safetensors"),
        read_weights("w.safetensors"),
        (
            "saving/model_io.py:save_weights",
            "saving/atomic.py:write_bytes",
            "saving/atomic.py:_written",
            "saving/atomic.py:write",
        ),
    ),
    Writer("npz", weights("w.npz"), read_weights("w.npz")),
    Writer("weights_h5", weights("w.weights.h5"), read_weights("w.weights.h5"), needs="h5py"),
    Writer(
        "shards",
        weights("w.weights.json", **SHARDS),
        read_weights("w.weights.json"),
        ("saving/sharded.py:_replace",),
        needs="h5py",
    ),
    Writer(
        "editor",
        edited("e.safetensors"),
        read_weights("e.safetensors"),
        ("saving/file_editor.py:save",),
    ),
    Writer("editor_h5", edited("e.weights.h5"), read_weights("e.weights.h5"), needs="h5py"),
    Writer("onnx", write_onnx, None, ("export/onnx_file.py:_save",), needs="onnx"),
    Writer("cache", write_cache, read_cache, ("data/disk_cache.py:elements",)),
    Writer("download", write_download, None, ("utils/file_utils.py:download",)),
    Writer(
        "archive",
        write_extracted,
        None,
        ("utils/file_utils.py:extract_archive", "utils/archives.py:_write_inside"),
    ),
    Writer("trials", write_trials, read_trials, ("tuner/trials.py:write",)),
    Writer("failed_batch", write_failed_batch, None, ("debug.py:_save",)),
    Writer("image", write_image, None, ("utils/image_utils.py:save_img",), needs="PIL"),
    Writer("gallery", write_gallery, None, ("visualization/galleries.py:_save",), needs="matplotlib"),
    Writer("graph", write_graph, None, ("utils/dot_graph.py:write",)),
    Writer(
        "log",
        write_log,
        None,
        ("callbacks/files.py:append_bytes", "callbacks/logging.py:set_state"),
        is_log=True,
    ),
    Writer(
        "training_state",
        write_training_state,
        read_training_state,
        ("training/checkpoint/files.py:write_checkpoint",),
    ),
    Writer("checkpoint", write_checkpoint, read_weights("best.weights.npz")),
    Writer(
        "generation_config",
        write_generation_config,
        read_generation_config,
        ("transformers/generation/configuration.py:save_pretrained",),
    ),
    Writer(
        "projector",
        write_projector,
        None,
        ("callbacks/tensorboard.py:_write_embeddings",),
        needs="tensorboard",
        is_several=True,
    ),
    Writer(
        "downloaded",
        write_downloaded,
        None,
        ("transformers/hub.py:_write", "transformers/hub.py:_note"),
        is_several=True,
    ),
    Writer(
        "trainer_checkpoint",
        write_trainer_checkpoint,
        read_trainer_checkpoint,
        (
            "transformers/configuration.py:save_pretrained",
            "transformers/pretrained_files.py:_write_weights",
            "transformers/pretrained_files.py:save_model",
            "transformers/trainer_callback.py:save_to_json",
            "transformers/training/checkpoints.py:remove_old",
            "transformers/training/checkpoints.py:save_weights",
            "transformers/training/saving_part.py:_save_checkpoint",
            "transformers/training/saving_part.py:save_model",
            "transformers/training/saving_part.py:write",
        ),
    ),
    Writer(
        "adapters",
        write_adapters,
        None,
        ("transformers/lora/files.py:save_lora",),
        is_several=True,
    ),
    Writer(
        "trainer_log",
        write_trainer_log,
        None,
        ("transformers/training/loggers.py:_write_all",),
        is_log=True,
    ),
    Writer(
        "trainer_metrics",
        write_trainer_metrics,
        None,
        ("transformers/training/saving_part.py:save_metrics",),
    ),
    Writer(
        "tokenizer",
        write_tokenizer,
        None,
        ("transformers/tokenization/files.py:write_tokenizer",),
        needs="tokenizers",
        is_several=True,
    ),
]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, temporary ones too, without links."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"(folder)"
        for path in sorted(folder.rglob("*"))
        if not path.is_symlink()
    }


def leftovers(folder: Path) -> list[str]:
    """Temporary files and folders."""
    return [name for name in contents(folder) if "tmp" in name or ".part" in name]


def newest(folder: Path) -> str:
    return json.dumps(sorted(os.listdir(folder)))
