"""Attacks by data: IDX, CSV, images, sounds, texts, vocabularies, caches, results of a search."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tests.attacks.arrays import npy
from tests.attacks.table import attack


def idx(*sizes: int, kind: int = 8, data: bytes = b"") -> bytes:
    """An IDX file of a shape."""
    return bytes([0, 0, kind, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes) + data


IDX: dict[str, bytes] = {
    "2**32 images": idx(2**32 - 1, 28, 28),
    "a shape that wraps around": idx(2**31, 2**31, 4, data=bytes(16)),
    "a shape that wraps around to nothing": idx(2**31, 2**31, 2**31, 2**31),
    "255 axes": idx(*[1] * 255, data=b"x"),
    "an unknown type": idx(1, kind=99, data=b"x"),
    "a header that is cut off": idx(1, 2, 3)[:9],
    "too much data": idx(1, data=bytes(100)),
    "nothing": b"",
    "packed zeros": gzip.compress(idx(1 << 28, data=bytes(1 << 28))),
    "packed zeros that are more than the header says": gzip.compress(idx(4, data=bytes(1 << 28))),
    "a damaged packing": gzip.compress(idx(4, data=bytes(4)))[:-9] + b"xxxxxxxxx",
    "a packing that is cut off": gzip.compress(idx(4, data=bytes(range(4))))[:-12],
}
for _label, _data in IDX.items():

    def _idx(folder: Path, data: bytes = _data) -> Path:
        (folder / "images-idx3-ubyte").write_bytes(data)
        return folder / "images-idx3-ubyte"

    attack(f"idx: {_label}", "idx")(_idx)

CSV: dict[str, Any] = {
    "a million columns of one name": lambda: b"a," * 500_000 + b"a\n1\n",
    "very many columns": lambda: b",".join(b"%d" % i for i in range(200_000)) + b"\n1\n",
    "one text as wide as the file, and many rows": lambda: b"a\n" + b"x" * 100_000 + b"\n" + b"y\n" * 100_000,
    "NUL": lambda: b"a,b\n1\0,2\n\0\n",
    "a quote that does not end": lambda: b'a,b\n"' + b"x" * 3_000_000,
    "a field of three megabytes": lambda: b"a\n" + b"x" * 3_000_000 + b"\n",
    "bytes that are no UTF-8": lambda: b"a\n\xff\xfe\n",
    "rows of other lengths": lambda: b"a,b\n1\n",
    "nothing": lambda: b"",
}
for _label, _make in CSV.items():

    def _csv(folder: Path, make: Any = _make) -> Path:
        (folder / "table.csv").write_bytes(make())
        return folder / "table.csv"

    # Wide texts are no attack that can be refused: they must not take more memory than they have.
    attack(f"csv: {_label}", "csv memory" if "wide" in _label else "csv")(_csv)


def jpeg(width: int, height: int) -> bytes:
    """A JPEG file of 6 by 5 pixels that says a size."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (6, 5)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def png(width: int, height: int, data: bytes | None = None) -> bytes:
    """A PNG file that says a size, with any data."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = zlib.compress(bytes(1 << 16)) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(canary) (w) file\n%%EOF\n"
IMAGES: dict[str, bytes] = {
    "10**10 pixels": png(100_000, 100_000),
    "2**62 pixels": png(2**31 - 1, 2**31 - 1),
    "150 million pixels": png(15_000, 10_000),
    "cut off": png(64, 64)[:60],
    "damaged data": png(64, 64, b"no zlib"),
    "a PostScript program": _EPS,
    "no image": b"<html>",
    "nothing": b"",
    "a bitmap that says 2**30 pixels": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 2**15, 2**15, 1, 24, 0, 0, 0, 0, 0, 0),
    "a GIF of no size": b"GIF89a\0\0\0\0\0\0\0;",
    # Only the screen is so large; the frame in it is a single pixel.
    "a GIF of 27 million pixels in 35 bytes": b"GIF89a"
    + struct.pack("<HHBBB", 1082, 24731, 0x80, 0, 0)
    + bytes([0, 0, 0, 255, 255, 255, 0x2C])
    + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    + b"\2\2\x44\1\0;",
    "a JPEG of 17 million pixels in 600 bytes": jpeg(255, 65286),
    "an icon with a picture of 27 million pixels inside": b"\0\0\1\0\1\0"
    + struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 24, 1 << 10, 22)
    + png(1082, 24731),
}
for _label, _data in IMAGES.items():

    def _image(folder: Path, data: bytes = _data) -> Path:
        (folder / "images" / "a").mkdir(parents=True)
        (folder / "images" / "a" / "picture.png").write_bytes(data)
        return folder / "images" / "a" / "picture.png"

    attack(f"image: {_label}", "image")(_image)
    attack(f"folder of images: {_label}", "images")(_image)


@attack("folder of images: a line of a million pixels", "images memory")
def _line(folder: Path) -> Path:
    (folder / "images" / "a").mkdir(parents=True)
    place = folder / "images" / "a" / "picture.png"
    place.write_bytes(png(1_000_000, 1, zlib.compress(bytes(1 + 3_000_000))))
    return place


def wav(size: int, rate: int = 8000, channels: int = 1, data: bytes = bytes(64), kind: int = 1) -> bytes:
    """A WAV file that says a size."""
    form = struct.pack("<HHIIHH", kind, channels, rate, (rate * 2) & 0xFFFFFFFF, 2 * channels & 0xFFFF, 16)
    body = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def flac(samples: int) -> bytes:
    """The header of a FLAC file that says a number of samples."""
    packed = (44100 << 44) | (0 << 41) | (15 << 36) | samples
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + bytes([0x80, 0, 0, 34]) + info


SOUNDS: dict[str, tuple[str, bytes]] = {
    "a rate of 1": ("sound.wav", wav(64, rate=1)),
    "a rate of 0": ("sound.wav", wav(64, rate=0)),
    "no channels": ("sound.wav", wav(64, channels=0)),
    "an unknown packing": ("sound.wav", wav(64, kind=0x7777)),
    "a header that is cut off": ("sound.wav", wav(64)[:30]),
    "2**36 samples": ("sound.flac", flac(2**36 - 1)),
    "no sound": ("sound.wav", b"RIFF"),
    "nothing": ("sound.ogg", b""),
}
for _label, (_name, _data) in SOUNDS.items():

    def _sound(folder: Path, name: str = _name, data: bytes = _data) -> Path:
        (folder / "sounds" / "a").mkdir(parents=True)
        (folder / "sounds" / "a" / name).write_bytes(data)
        return folder / "sounds" / "a" / name

    attack(f"sound: {_label}", "sounds")(_sound)


@attack("sound: a data size of 2 GB", "sounds memory")
def _long_sound(folder: Path) -> Path:
    (folder / "sounds" / "a").mkdir(parents=True)
    (folder / "sounds" / "a" / "sound.wav").write_bytes(wav(2**31 - 64))
    return folder / "sounds" / "a" / "sound.wav"


@attack("text: bytes that are no UTF-8", "texts")
def _text(folder: Path) -> Path:
    (folder / "texts" / "a").mkdir(parents=True)
    (folder / "texts" / "a" / "text.txt").write_bytes(b"\xff\xfe\xfd")
    return folder / "texts" / "a" / "text.txt"


@attack("text: one text as long as all others together, a hundred times", "texts memory")
def _long_text(folder: Path) -> Path:
    (folder / "texts" / "a").mkdir(parents=True)
    for number in range(32):
        content = "x" * (4_000_000 if number == 0 else 3)
        (folder / "texts" / "a" / f"{number}.txt").write_text(content)
    return folder / "texts" / "a" / "0.txt"


for _label, _data in {
    "bytes that are no UTF-8": b"a\n\xff\n",
    "a term twice": b"a\na\n",
    "nothing": b"",
}.items():

    def _vocabulary(folder: Path, data: bytes = _data) -> Path:
        (folder / "words.txt").write_bytes(data)
        return folder / "words.txt"

    attack(f"vocabulary: {_label}", "vocabulary")(_vocabulary)

_MAGIC = b"CORTEN-CACHE-2\n"
_TERABYTE = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n")
_OBJECTS = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n")
_ONE = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n") + bytes(4)


def _element(plan: Any, content: bytes, **changed: Any) -> bytes:
    """An element of a cache whose checksum is right, and so is its length, if none is given."""
    checksum = zlib.crc32(content, zlib.crc32(json.dumps(plan).encode()))
    record = {"plan": plan, "bytes": len(content), "crc32": checksum, **changed}
    return _MAGIC + json.dumps(record).encode() + b"\n" + content


_END = b'{"count": 1}\n'
CACHES: dict[str, bytes] = {
    "an array of a terabyte": _element(None, _TERABYTE) + _END,
    "pickled objects": _element(None, _OBJECTS) + _END,
    "a plan that is no plan": _element({"keys": 3, "items": [None]}, _ONE) + _END,
    "a plan of more than is there": _element([None, None], _ONE) + _END,
    "a plan nested deeply": _MAGIC + b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "a plan that is no JSON": _MAGIC + b"import os\n",
    "cut off": _element(None, _ONE),
    "a length below zero": _element(None, _ONE, bytes=-1) + _END,
    "a length of thirty digits": _element(None, _ONE, bytes=-(10**30)) + _END,
    "a length without end": _element(None, _ONE, bytes=float("inf")) + _END,
    "an older format": b"CORTEN-CACHE-1\n" + b"null\n" + _ONE,
    "another file": b"\x80\x04K\x01.",
}
for _label, _data in CACHES.items():

    def _cache(folder: Path, data: bytes = _data) -> Path:
        (folder / "data.cache").write_bytes(data)
        return folder / "data.cache"

    attack(f"cache: {_label}", "cache")(_cache)

TRIALS: dict[str, Any] = {
    "a list": [],
    "trials that are numbers": {"version": 1, "settings": {}, "trials": [1], "direction": "min"},
    "settings that are a number": {"version": 1, "settings": 3, "trials": [], "direction": "min"},
    "a trial without a score": {"version": 1, "settings": {}, "trials": [{}], "direction": "min"},
    "a trial with more than it has": {
        "version": 1,
        "settings": {},
        "direction": "min",
        "trials": [
            {"score": 1, "scores": {}, "history": {}, "number": 0, "parameters": {}, "seed": 1, "x": 1}
        ],
    },
    "another version": {"version": 9, "settings": {}, "trials": [], "direction": "min"},
}
for _label, _content in TRIALS.items():

    def _trials(folder: Path, content: Any = _content) -> Path:
        (folder / "results.json").write_text(json.dumps(content))
        return folder / "results.json"

    attack(f"search results: {_label}", "trials")(_trials)


@attack("search results: nested deeply", "trials")
def _deep_trials(folder: Path) -> Path:
    (folder / "results.json").write_bytes(b"[" * 100_000 + b"]" * 100_000)
    return folder / "results.json"


@attack("cifar: a pickle that runs a command", "cifar")
def _cifar(folder: Path) -> Path:
    (folder / "data_batch_1").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    return folder / "data_batch_1"


@attack("cifar: a pickle of a number", "cifar")
def _number(folder: Path) -> Path:
    (folder / "data_batch_1").write_bytes(b"K\x01.")
    return folder / "data_batch_1"


@attack("cifar: bytes that repeat themselves", "cifar")
def _repeated(folder: Path) -> Path:
    # One text of a megabyte is made into bytes ten thousand times.
    text = b"X" + (1 << 20).to_bytes(4, "little") + b"x" * (1 << 20)
    one = b"c_codecs\nencode\nq\x00" + text + b"q\x01X\x06\x00\x00\x00latin1q\x02\x86R"
    more = b"h\x00h\x01h\x02\x86R" * 10_000
    (folder / "data_batch_1").write_bytes(b"\x80\x02(" + one + more + b"l.")
    return folder / "data_batch_1"


def array_bytes() -> bytes:
    """A small array in NumPy's format."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(3))
    return buffer.getvalue()
