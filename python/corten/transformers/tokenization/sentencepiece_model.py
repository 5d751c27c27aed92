"""The `.model` files of SentencePiece: a small part of protobuf, read within bounds.

The messages and the numbers of their fields are those of SentencePiece's published
`sentencepiece_model.proto` (Kudo and Richardson 2018, arXiv:1808.06226); the wire format is that of
protobuf's documentation.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from corten.transformers.tokenization import files

#: Published models have a few megabytes.
MAX_BYTES = 64 << 20
#: Pieces of a vocabulary, the bytes of one, and those of all together.
MAX_PIECES = 1 << 21
MAX_PIECE_BYTES = 256
MAX_TEXT_BYTES = 16 << 20

UNIGRAM, BPE = 1, 2
_MODEL_TYPES = {1: "unigram", 2: "BPE", 3: "word", 4: "char"}
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
# A field's value: a number, or where its bytes are.
_Value = int | tuple[int, int]


class SentencePieceModel(NamedTuple):
    """What a `.model` file says.

    Attributes:
        pieces: The pieces and their scores, in the order of their numbers.
        kinds: Of each piece: `NORMAL`, `UNKNOWN`, `CONTROL`, `USER_DEFINED`, `UNUSED` or `BYTE`.
        model_type: `UNIGRAM` or `BPE`.
        charsmap: The table by which characters are normalised; empty for none.
        adds_prefix: Whether a blank is put before a text.
        removes_blanks: Whether blanks at the ends, and all but one of several, are left out.
        byte_fallback: Whether characters outside the vocabulary become bytes.
    """

    pieces: list[tuple[str, float]]
    kinds: list[int]
    model_type: int
    charsmap: bytes
    adds_prefix: bool
    removes_blanks: bool
    byte_fallback: bool

    def of_kind(self, kind: int) -> list[str]:
        """Return the pieces of a kind.

        Args:
            kind: One of the kinds.
        """
        return [piece for (piece, _), one in zip(self.pieces, self.kinds, strict=True) if one == kind]

    def merges(self) -> list[tuple[str, str]]:
        """Return the pairs of pieces that make up others, the ones with the highest score first."""
        usable = [
            (piece, score)
            for (piece, score), kind in zip(self.pieces, self.kinds, strict=True)
            if kind in (NORMAL, USER_DEFINED)
        ]
        numbers = {piece: number for number, (piece, _) in enumerate(self.pieces)}
        known = {piece for piece, _ in usable}
        found = []
        for piece, score in usable:
            for place in range(1, len(piece)):
                left, right = piece[:place], piece[place:]
                if left in known and right in known:
                    found.append((-score, numbers[piece], numbers[left], numbers[right], left, right))
        return [(left, right) for *_, left, right in sorted(found)]


def read_model(path: Path) -> SentencePieceModel:
    """Read a `.model` file.

    Args:
        path: The file.

    Raises:
        ValueError: It is damaged, or of a kind that tokenizers cannot be made of.
    """
    data = files.read_bytes(path, MAX_BYTES)
    try:
        return _parsed(data)
    except ValueError as error:
        raise ValueError(f"{path}: is no SentencePiece model that can be read: {error}") from None


def _parsed(data: bytes) -> SentencePieceModel:
    pieces: list[tuple[str, float]] = []
    kinds: list[int] = []
    trainer: dict[int, _Value] = {}
    normalizer: dict[int, _Value] = {}
    for number, value in _fields(data, 0, len(data)):
        if number not in (1, 2, 3):
            continue
        if isinstance(value, int):
            raise ValueError(f"field {number} is a number and not a message.")
        if number == 1:
            if len(pieces) >= MAX_PIECES:
                raise ValueError(f"it has more than {MAX_PIECES} pieces.")
            piece, score, kind = _piece(data, *value, len(pieces))
            pieces.append((piece, score))
            kinds.append(kind)
        else:
            # The last value of a field counts, as protobuf has it.
            (trainer if number == 2 else normalizer).update(_fields(data, *value))
    if not pieces:
        raise ValueError("it has no pieces.")
    # Each place of a piece may be one where two others meet.
    if sum(len(piece) for piece, _ in pieces) > MAX_TEXT_BYTES:
        raise ValueError(f"its pieces have more than {MAX_TEXT_BYTES} characters together.")
    if len({piece for piece, _ in pieces}) != len(pieces):
        raise ValueError("a piece occurs twice.")
    if kinds.count(UNKNOWN) != 1:
        raise ValueError(f"it has {kinds.count(UNKNOWN)} pieces for what is unknown, and must have one.")
    if UNUSED in kinds:
        raise ValueError("its vocabulary is restricted (it has unused pieces), which is not supported.")
    model_type = _number(trainer, 3, UNIGRAM)
    if model_type not in (UNIGRAM, BPE):
        raise ValueError(f"its type is {_MODEL_TYPES.get(model_type, model_type)}; unigram and BPE are read.")
    if _number(trainer, 24, 0) or not _number(normalizer, 5, 1):
        raise ValueError("blanks are not at the begin of its pieces, which is not supported.")
    charsmap = b""
    if 2 in normalizer:
        place = normalizer[2]
        if isinstance(place, int):
            raise ValueError("its table of characters is a number.")
        charsmap = data[slice(*place)]
        if charsmap:
            files.check_charsmap("its normaliser", charsmap)
    return SentencePieceModel(
        pieces,
        kinds,
        model_type,
        charsmap,
        bool(_number(normalizer, 3, 1)),
        bool(_number(normalizer, 4, 1)),
        bool(_number(trainer, 35, 0)),
    )


def _piece(data: bytes, start: int, end: int, index: int) -> tuple[str, float, int]:
    text, score, kind = "", 0.0, NORMAL
    for number, value in _fields(data, start, end):
        if number == 1:
            if isinstance(value, int) or not 0 < value[1] - value[0] <= MAX_PIECE_BYTES:
                raise ValueError(f"piece {index} is no text of 1 to {MAX_PIECE_BYTES} bytes.")
            try:
                text = data[slice(*value)].decode()
            except UnicodeDecodeError:
                raise ValueError(f"piece {index} is not UTF-8.") from None
        elif number == 2:
            if isinstance(value, int) or value[1] - value[0] != 4:
                raise ValueError(f"the score of piece {index} is no 32-bit number.")
            (score,) = struct.unpack_from("<f", data, value[0])
        elif number == 3:
            if not isinstance(value, int) or not NORMAL <= value <= BYTE:
                raise ValueError(f"piece {index} is of a kind that is not known.")
            kind = value
    if not text or not math.isfinite(score):
        raise ValueError(f"piece {index} has no text, or a score that is no number.")
    return text, score, kind


def _number(message: dict[int, _Value], field: int, default: int) -> int:
    value = message.get(field, default)
    if not isinstance(value, int):
        raise ValueError(f"setting {field} is no whole number.")
    return value


def _fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, _Value]]:
    """Give the fields of a message: numbers as such, all else as where its bytes are."""
    while place < end:
        key, place = _varint(data, place, end)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError(f"a field at byte {place} has the number 0.")
        if wire == 0:
            value, place = _varint(data, place, end)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, place = _varint(data, place, end)
        if size is None:
            raise ValueError(f"a field at byte {place} is of the wire type {wire}, which is not used.")
        if size > end - place:
            raise ValueError(f"a field at byte {place} says it has {size} bytes, and {end - place} are left.")
        yield number, (place, place + size)
        place += size


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= end:
            raise ValueError("it ends within a number.")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, place
    raise ValueError(f"a number at byte {place} is too long.")


def normalizer_of(model: SentencePieceModel, package: Any) -> Any:
    """Return what the package tokenizers calls a normalizer for a model; None if nothing is changed.

    Args:
        model: The model.
        package: The package tokenizers.
    """
    kinds = package.normalizers
    parts = [kinds.Precompiled(model.charsmap)] if model.charsmap else []
    if model.removes_blanks:
        parts += [kinds.Strip(left=True, right=True), kinds.Replace(package.Regex(" {2,}"), " ")]
    return kinds.Sequence(parts) if parts else None
