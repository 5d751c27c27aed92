"""The parsers that are fuzzed: good inputs, how they are spoiled, and who reads them."""

from __future__ import annotations

import functools
import gzip
import io
import json
import pickle
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import scipy.signal  # noqa: F401 - which a layer loads for its windows: a second that no input takes
from tests.attacks import models, tokenizers
from tests.fuzz.mutators import json_bytes, spoil, spoil_json

import corten
from corten import data, layers, utils
from corten.datasets import readers
from corten.datasets.pickled import SafeUnpickler
from corten.saving import array_files, safetensors
from corten.saving.array_files import read_weights
from corten.saving.files import parse_json
from corten.saving.keras_files import read_keras
from corten.saving.legacy_reader import LegacyModel
from corten.tuner.trials import TrialFile, content_digest
from corten.utils.archives import unpack

_KERAS_FILES = Path(__file__).parent.parent / "keras_files"


class Parser(NamedTuple):
    """A parser to be fuzzed.

    Attributes:
        name: What to call it.
        file: The name of the file that it reads.
        make: Makes an input from a generator.
        read: Reads the file.
        allowance: Memory that an input may take beside ten times its size.
        documented: The errors that a wrong file may raise.
    """

    name: str
    file: str
    make: Callable[[Random], bytes]
    read: Callable[[Path], Any]
    allowance: int = 96 << 20
    documented: tuple[type[Exception], ...] = (ValueError, TypeError, OSError)


# ---- configurations --------------------------------------------------------------------------------------


@functools.cache
def _configurations() -> list[Any]:
    """Small models: those of Keras's files, and one for each layer."""
    from tests.layers.layer_cases import CASES

    found = [models.sequential(models.DENSE)]
    for path in sorted(_KERAS_FILES.glob("*.keras")):
        with zipfile.ZipFile(path) as archive:
            found.append(parse_json(archive.read("config.json"), path.name))
    for case in CASES:
        if len(case.shapes) != 1 or case.call is not None:
            continue
        try:
            start = corten.Input(case.shapes[0][1:], dtype="int32" if case.integers else "float32")
            model = corten.Sequential([start, case.make(name="layer")])
            found.append(json.loads(model.to_json()))
        except (TypeError, ValueError, NotImplementedError):
            continue  # Not every case is one of Sequential models.
    return found


def _config(random: Random) -> bytes:
    found = _configurations()
    config = random.choice(found)
    if random.random() < 0.1:
        return spoil(json_bytes(config), [b"{}", b"[[[", b'"a":'], random)
    return json_bytes(spoil_json(config, found, random))


def _vocabulary(random: Random) -> bytes:
    return spoil("the\nof\nand\né\n".encode() * 3, [b"\xff\xfea\0", b"\r\n\x0c\x85"], random)


# ---- files of tokenizers -----------------------------------------------------------------------------------


@functools.cache
def _tokenizers() -> list[tuple[Any, Any]]:
    """What `tokenizer.json` and `tokenizer_config.json` of all families hold."""
    folders = sorted((Path(__file__).parent.parent / "transformers" / "tokenizers").iterdir())
    found = []
    for folder in folders:
        content = json.loads((folder / "tokenizer.json").read_text())
        if isinstance(
            content["model"]["vocab"], dict
        ):  # Few tokens, so that what surrounds them is spoiled too.
            kept = {token["content"] for token in content["added_tokens"]} | set("abdeht▁Ġ,.!")
            vocabulary = {
                token: number for token, number in content["model"]["vocab"].items() if token in kept
            }
            content["model"]["vocab"] = vocabulary
        else:
            content["model"]["vocab"] = content["model"]["vocab"][:12]
        if "merges" in content["model"]:
            content["model"]["merges"] = [["h", "e"]] if {"h", "e", "he"} <= set(vocabulary) else []
        found.append((content, json.loads((folder / "tokenizer_config.json").read_text())))
    found[0][1]["chat_template"] = "{% for m in messages %}{{ m.role ~ m.content }}{% endfor %}"
    found[0][1]["added_tokens_decoder"] = {"0": {"content": "[PAD]", "special": True}}
    found[0][0]["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Replace", "pattern": {"Regex": " +"}, "content": "_"},
            {"type": "Prepend", "prepend": "a"},
            {"type": "Strip", "strip_left": True, "strip_right": True},
        ],
    }
    return found


def _tokenizer_json(random: Random) -> bytes:
    found = [content for content, _ in _tokenizers()]
    content = random.choice(found)
    if random.random() < 0.2:
        return spoil(json_bytes(content), [b"{}", b"[[[", b'"id":'], random)
    return json_bytes(spoil_json(content, found, random))


def _tokenizer_config(random: Random) -> bytes:
    found = [config for _, config in _tokenizers()]
    config = random.choice(found)
    if random.random() < 0.2:
        return spoil(json_bytes(config), [b"{}", b"[[[", b'"a":'], random)
    return json_bytes(spoil_json(config, found, random))


def _read_tokenizer(path: Path) -> None:
    if path.name != "tokenizer.json" and not path.with_name("tokenizer.json").exists():
        path.with_name("tokenizer.json").write_bytes(json_bytes(_tokenizers()[0][0]))
    tokenizer = corten.transformers.AutoTokenizer.from_pretrained(path.parent)
    # What a file says of a tokenizer shows when it is used.
    encoded = tokenizer(["the head", "a b", ""], ["b", "a", ""], truncation=True, max_length=12)
    tokenizer.decode(encoded["input_ids"][0])
    if tokenizer.chat_template is not None:
        tokenizer.apply_chat_template([{"role": "user", "content": "a"}])


# ---- files of models ---------------------------------------------------------------------------------------


@functools.cache
def _weights() -> list[bytes]:
    half = {
        "a/vars/0": np.ones((2, 3), "float16"),
        "a/vars/1": np.zeros(0, "int64"),
        "b": np.ones((), "bool"),
    }
    return [
        safetensors.dump(models.weights(), {"layer_names": '{"layers/dense/": "d"}'}),
        safetensors.dump(half),
    ]


def _safetensors(random: Random) -> bytes:
    seed = random.choice(_weights())
    if random.random() < 0.3:
        return spoil(seed, _weights(), random)
    size = int.from_bytes(seed[:8], "little")
    header = json_bytes(spoil_json(json.loads(seed[8 : 8 + size]), [{}], random))
    return len(header).to_bytes(8, "little") + header + seed[8 + size :]


def _written(write: Callable[..., Path], *parts: Any) -> bytes:
    path = _scratch() / "made"
    write(path, *parts)
    return path.read_bytes()


@functools.cache
def _scratch() -> Path:
    import tempfile

    return Path(
        tempfile.mkdtemp(prefix="corten-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    )


def _corten(random: Random) -> bytes:
    kind = random.random()
    config = models.sequential(models.DENSE)
    if kind < 0.2:
        return spoil(_written(models.write_corten, config), [b"PK\x03\x04" + bytes(30)], random)
    if kind < 0.4:
        return _written(models.write_corten, config, _safetensors(random))
    if kind < 0.7:
        config = spoil_json(config, _configurations(), random)
        return _written(models.write_corten, json_bytes(config))
    return _written(models.write_corten, _config(random))


@functools.cache
def _h5_seeds() -> list[bytes]:
    names = ("dense.weights.h5", "dense.h5", "two_inputs.h5", "recurrent.h5")
    small = [models.h5_bytes(models.weights()), array_files.h5_bytes(models.weights())]
    small.append(_written(models.write_h5, models.sequential(models.DENSE)))
    # The small ones are read some times faster.
    return [(_KERAS_FILES / name).read_bytes() for name in names] + small * 3


def _h5(random: Random) -> bytes:
    return spoil(random.choice(_h5_seeds()), _h5_seeds(), random)


def _keras(random: Random) -> bytes:
    kind = random.random()
    config = models.sequential(models.DENSE)
    if kind < 0.5:
        return spoil(_written(models.write_keras, config), [b"PK\x03\x04" + bytes(30)], random)
    if kind < 0.8:
        return _written(models.write_keras, spoil_json(config, [config], random))
    return _written(models.write_keras, config, _h5(random))


def _read_h5(path: Path) -> None:
    read_weights(path)
    LegacyModel(path)


def _sharded(random: Random) -> bytes:
    listed = {"metadata": {"total_size": 40}, "weight_map": {"/layers/dense/vars": ["m_00000.weights.h5"]}}
    if random.random() < 0.3:
        return spoil(json_bytes(listed), [b"{}"], random)
    return json_bytes(spoil_json(listed, [{"a": "../x"}], random))


def _read_sharded(path: Path) -> None:
    shard = path.with_name("m_00000.weights.h5")
    if not shard.exists():
        shard.write_bytes(models.h5_bytes(models.weights()))
    corten.saving.KerasFileEditor(path)


# ---- data --------------------------------------------------------------------------------------------------


@functools.cache
def _npz_seeds() -> list[bytes]:
    lists = np.empty(2, object)
    lists[:] = [[1, 2, 300], [4]]
    found = []
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, x=np.ones((2, 3), "float32"), y=np.arange(4), z=np.array(["a", "bc"]), o=lists)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    np.savez(buffer, **{"layers/dense/vars/0": models.KERNEL})
    return [*found, buffer.getvalue()]


def _npz(random: Random) -> bytes:
    if random.random() < 0.4:
        return spoil(random.choice(_npz_seeds()), _npz_seeds(), random)
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(random.choice(_npz_seeds()))) as good,
        zipfile.ZipFile(buffer, "w") as bad,
    ):
        for name in good.namelist():
            content = good.read(name)
            bad.writestr(
                name, spoil(content, [b"\x93NUMPY\x01\0"], random) if random.random() < 0.5 else content
            )
    return buffer.getvalue()


def _read_npz(path: Path) -> None:
    errors: list[Exception] = []
    for read in (readers.read_npz, read_weights):
        try:
            read(path)
        except ValueError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]  # Refused is what neither of the two reads.


@functools.cache
def _pickles() -> list[bytes]:
    lists = np.empty(2, object)
    lists[:] = [[1, 2, 300, 70000], ["a", 1.5, None, True]]
    batch = {b"data": np.zeros((1, 3072), "uint8"), b"labels": [3]}
    return [pickle.dumps(value, protocol) for value in (lists, batch, np.ones(3)) for protocol in (0, 2, 4)]


def _pickled(random: Random) -> bytes:
    return spoil(random.choice(_pickles()), _pickles(), random)


@functools.cache
def _idx_seeds() -> list[bytes]:
    images = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]) + bytes(range(18))
    floats = bytes([0, 0, 13, 1, 0, 0, 0, 2]) + bytes(8)
    return [images, floats, gzip.compress(images), gzip.compress(floats)]


def _idx(random: Random) -> bytes:
    data = spoil(random.choice(_idx_seeds()), _idx_seeds(), random)
    return gzip.compress(data, 1) if random.random() < 0.3 else data


_TABLES = [
    b'age,city,paid\n31,Rome,1.5\n40,"Bo""nn",\n,,\n',
    b"a;b\r\n1;2\r\n",
    "\ufeffx,y\n1e9,nan\n-5,é\n".encode(),
]


def _csv(random: Random) -> bytes:
    return spoil(random.choice(_TABLES), _TABLES, random)


@functools.cache
def _images() -> list[bytes]:
    from PIL import Image

    found = []
    for form, mode in (
        ("PNG", "RGB"), ("PNG", "P"), ("JPEG", "RGB"), ("GIF", "P"), ("BMP", "RGB"), ("WEBP", "RGB"),
        ("TIFF", "RGB"), ("PPM", "RGB"), ("PNG", "I;16"), ("TGA", "RGB"),
    ):  # fmt: skip
        buffer = io.BytesIO()
        Image.new(mode, (6, 5)).save(buffer, form)
        found.append(buffer.getvalue())
    return found


def _read_image(path: Path) -> None:
    # What `image_dataset_from_directory` does with each file, without its threads.
    array = utils.img_to_array(utils.load_img(path))
    corten.ops.image.resize(array, (4, 4))


def _image(random: Random) -> bytes:
    return spoil(random.choice(_images()), _images(), random)


@functools.cache
def _sounds() -> list[bytes]:
    import soundfile

    found = []
    for form, kind in (("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.sin(np.arange(200) / 5), 8000, format=form, subtype=kind)
        found.append(buffer.getvalue())
    return found


def _sound(random: Random) -> bytes:
    return spoil(random.choice(_sounds()), _sounds(), random)


def _all(dataset: Any) -> None:
    for _ in dataset:
        pass


@functools.cache
def _archives() -> list[bytes]:
    found = []
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
            for name in ("a.txt", "folder/" + "n" * 120, "b"):
                member = tarfile.TarInfo(name)
                member.size = 5
                archive.addfile(member, io.BytesIO(b"12345"))
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("a.txt", "12345")
        bundle.writestr("folder/b.txt", "12345" * 20)
    return [*found, buffer.getvalue()]


def _archive(random: Random) -> bytes:
    data = spoil(random.choice(_archives()), _archives(), random)
    return gzip.compress(data, 1) if random.random() < 0.1 else data


def _unpack(path: Path) -> None:
    import shutil

    folder = path.with_name("unpacked")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack(path, folder)


@functools.cache
def _caches() -> list[bytes]:
    path = _scratch() / "cache"
    path.unlink(missing_ok=True)
    rows = {"a": np.ones((3, 2), "float32"), "b": np.array(["x", "yz", ""])}
    _all(data.Dataset.from_tensor_slices((rows, np.arange(3))).cache(str(path)))
    return [path.read_bytes()]


def _cache(random: Random) -> bytes:
    return spoil(_caches()[0], _caches(), random)


_TRIAL = {
    "number": 0, "parameters": {"a": 1}, "seed": 5, "epochs": 2, "score": 0.5,
    "scores": {"1": 0.5, "2": None}, "history": {"loss": [1.0, None]},
}  # fmt: skip


def _trials(random: Random) -> bytes:
    stored = {"version": 1, "settings": {"a": 1}, "direction": "min", "trials": [_TRIAL, _TRIAL]}
    if random.random() < 0.2:
        return spoil(json_bytes(stored), [b"{}"], random)
    spoiled = spoil_json(stored, [stored], random)
    if isinstance(spoiled, dict):
        spoiled["sha256"] = content_digest(spoiled)
    return json_bytes(spoiled)


def _quiet(read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    def quiet(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)

    return quiet


def _with_memory(size: int, read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """Reads with a limit: what is not bounded by the bytes of a file is bounded by what its reader allows."""

    def within(path: Path) -> None:
        before = corten.memory.limit()
        corten.memory.set_limit(corten.memory.stats()["allocated"] + size)
        try:
            read(path)
        finally:
            corten.memory.set_limit(before)

    return within


@functools.cache
def _sentencepiece_models() -> list[bytes]:
    folder = Path(__file__).parent.parent / "transformers" / "sentencepiece"
    return [tokenizers.GOOD_PIECES, *(path.read_bytes() for path in sorted(folder.glob("*.model")))]


def _sentencepiece(random: Random) -> bytes:
    return spoil(random.choice(_sentencepiece_models()), _sentencepiece_models(), random)


def _read_sentencepiece(path: Path) -> None:
    from corten.transformers.tokenization import sentencepiece, sentencepiece_model
    from corten.transformers.tokenization.backend import guarded

    model = sentencepiece_model.read_model(path)
    if model.model_type == sentencepiece_model.BPE:
        backend = guarded("fuzz", sentencepiece.LlamaTokenizer._of_model, model, model.adds_prefix)
    else:
        backend = guarded("fuzz", sentencepiece._of_unigram, model, model.pieces)
    guarded("fuzz", backend.encode, " A\ufb01ne  caf\u00e9 \u2460 \U0001f642 a")


def _in_folder(function: Callable[..., Any], **options: Any) -> Callable[[Path], Any]:
    return lambda path: _all(function(path.parent, labels=None, shuffle=False, verbose=False, **options))


PARSERS = {
    parser.name: parser._replace(read=_quiet(parser.read))
    for parser in (
        Parser(
            "safetensors", "m.safetensors", _safetensors, lambda path: safetensors.parse(path.read_bytes())
        ),
        # Variables may take 64 MB beside ten times the weights, and as much again while they are made.
        Parser("corten", "m.corten", _corten, corten.models.load_model, allowance=(96 + 64) << 20),
        Parser("keras", "m.keras", _keras, read_keras),
        Parser("h5", "m.weights.h5", _h5, _read_h5),
        Parser("sharded", "m.weights.json", _sharded, _read_sharded),
        # Text alone: how large a model it may describe, the reader says.
        Parser(
            "config",
            "m.json",
            _config,
            _with_memory(
                16 << 20,
                lambda path: corten.models.model_from_json(path.read_text("utf-8", "surrogatepass")),
            ),
            documented=(ValueError, TypeError, MemoryError),
        ),
        Parser("tokenizer", "tokenizer.json", _tokenizer_json, _read_tokenizer),
        Parser("tokenizer config", "tokenizer_config.json", _tokenizer_config, _read_tokenizer),
        Parser("sentencepiece", "spiece.model", _sentencepiece, _read_sentencepiece),
        Parser("npz", "m.npz", _npz, _read_npz),
        Parser(
            "pickled", "batch", _pickled, lambda path: SafeUnpickler(path.open("rb"), "batch", "bytes").load()
        ),
        Parser("idx", "images-idx3-ubyte", _idx, readers.read_idx),
        Parser("csv", "table.csv", _csv, data.read_csv),
        # Eight million pixels are read from any file: 27 bytes for each, as bytes, float32 and a tensor.
        Parser(
            "image",
            "picture.png",
            _image,
            _read_image,
            allowance=(96 << 20) + 27 * 8_000_000,
        ),
        Parser("text", "text.txt", _vocabulary, _in_folder(utils.text_dataset_from_directory)),
        Parser(
            "sound", "sound.wav", _sound, _in_folder(utils.audio_dataset_from_directory, sampling_rate=16000)
        ),
        Parser(
            "vocabulary", "words.txt", _vocabulary, lambda path: layers.StringLookup(vocabulary=str(path))
        ),
        Parser("archive", "data.bin", _archive, _unpack),
        Parser(
            "cache", "data.cache", _cache, lambda path: _all(data.Dataset.from_tensor_slices([1]).cache(path))
        ),
        Parser("trials", "results.json", _trials, lambda path: TrialFile(path.parent, {"a": 1}).read()),
    )
}
