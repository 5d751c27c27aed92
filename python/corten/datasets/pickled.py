"""Numbers, text, lists, dicts and plain arrays out of pickled data, in which nothing is run.

A pickle is a program: it can name any function to call, and set the state of what it made. Here no object of
NumPy's is handed its state from the file: an array's dtype could be told that it holds no objects, and bytes
would be taken for addresses. What stands in for arrays and dtypes are records that are checked.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any, BinaryIO

import numpy as np

from corten.saving import npy_files

_RECONSTRUCT_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_KINDS = frozenset("iufbOSU")
# Runs of numbers, nearly all there is in the files that are read.
_NUMBERS = re.compile(rb"(?:K.|M..|J....|N|\x88|\x89|G.{8})+", re.DOTALL)
_ALONE = frozenset(b"(.012]l})tadesuRb\x85\x86\x87\x93\x94")
# Bytes that follow an instruction, those that say how many more follow, and lines that follow.
_FIXED = {0x80: 1, ord("q"): 1, ord("h"): 1, ord("r"): 4, ord("j"): 4, 0x95: 8}
_COUNTED = {
    ord("U"): 1, ord("C"): 1, 0x8C: 1, 0x8A: 1, ord("T"): 4, ord("B"): 4, ord("X"): 4, 0x8B: 4, 0x8D: 8,
    0x8E: 8,
}  # fmt: skip
_LINES = {ord("c"): 2, **{ord(letter): 1 for letter in "ILFSVpg"}}


def check_instructions(data: bytes, name: str) -> None:
    """Checks each instruction of a pickle without carrying it out.

    Raises:
        ValueError: One is not among the few that plain data needs, or would take memory that the file does
            not account for.
    """
    place, puts = 0, 0
    while place < len(data):
        run = _NUMBERS.match(data, place)
        if run:
            place = run.end()
            continue
        code = data[place]
        start, place = place + 1, place + 1
        if code in _ALONE:
            puts += code == 0x94
            if code == ord("."):
                return
        elif code in _FIXED:
            place += _FIXED[code]
        elif code in _COUNTED:
            width = _COUNTED[code]
            place += width + int.from_bytes(data[start : start + width], "little")
        elif code in _LINES:
            for _ in range(_LINES[code]):
                place = data.find(b"\n", place) + 1
                if place == 0:
                    raise ValueError(f"{name}: its pickled data is cut off")
        else:
            raise ValueError(f"{name} has an instruction ({code:#x}) that plain data does not need; refused")
        if place > len(data):
            break
        if code in b"qrp":
            operand = data[start:place]
            text = operand.strip()
            if code == ord("p") and not (text.isdigit() and len(text) < 12):
                raise ValueError(f"{name}: its pickled data is damaged")
            index = int(text) if code == ord("p") else int.from_bytes(operand, "little")
            puts += 1
            # The table is as long as its largest number.
            if index > puts:
                raise ValueError(f"{name} numbers what it keeps in a way that fills memory; refused")
    raise ValueError(f"{name}: its pickled data is cut off")


class SafeUnpickler(pickle.Unpickler):
    """Reads pickled numbers, text, lists, dicts and plain NumPy arrays; refuses everything else.

    Args:
        file: The pickled data, read to its end.
        name: How messages call it.
        encoding: How text written by Python 2 is read.
    """

    def __init__(self, file: BinaryIO | io.BytesIO, name: str, encoding: str = "ASCII") -> None:
        self._data = file.read()
        super().__init__(io.BytesIO(self._data), encoding=encoding)
        self._name = name
        self._latin1 = _Latin1Bytes(len(self._data))

    def load(self) -> Any:
        """Gives what was pickled.

        Raises:
            ValueError: It is damaged, or more than plain data.
        """
        check_instructions(self._data, self._name)
        try:
            return _arrays_in(super().load())
        except ValueError as error:
            raise ValueError(f"{self._name}: {error}") from None
        except (
            pickle.UnpicklingError, EOFError, TypeError, AttributeError, LookupError, ArithmeticError,
            RecursionError, MemoryError,
        ) as error:  # fmt: skip
            raise ValueError(f"{self._name}: its pickled data is damaged ({error!r})") from None

    def find_class(self, module: str, name: str) -> Any:
        """Gives what stands for one of the allowed names."""
        if module in _RECONSTRUCT_MODULES and name == "_reconstruct":
            return _MAKE_ARRAY
        if module == "numpy" and name == "ndarray":
            return _NDARRAY
        if module == "numpy" and name == "dtype":
            return _MAKE_DTYPE
        if module == "_codecs" and name == "encode":
            return self._latin1
        raise ValueError(
            f"asks for {module[:80]}.{name[:80]}, which plain data does not need; refused, as it could run "
            "code"
        )

    def persistent_load(self, pid: Any) -> Any:
        """Refuses references to things outside the file."""
        raise ValueError(f"refers to something outside the file ({pid!r}); refused")


class _Name:
    """What stands for a class that is only named."""

    __slots__ = ()


class _Dtype:
    """A dtype as the file says it; its byte order comes by its state."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 5 or any(part is not None for part in state[2:5]):
            raise ValueError("a pickled dtype has fields; refused")
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in {"<", ">", "|", "="}:
            raise ValueError(f"a pickled dtype has the byte order {order!r}; refused")
        self.text = order + self.text.lstrip("<>|=")


class _Array:
    """An array as the file says it."""

    __slots__ = ("value",)
    value: np.ndarray[Any, Any]

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("the state of a pickled array is none; refused")
        _, shape, kind, fortran, content = state
        if not isinstance(kind, _Dtype) or not isinstance(shape, tuple) or len(shape) > 32:
            raise ValueError("the state of a pickled array is none; refused")
        if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
            raise ValueError(f"a pickled array has the shape {shape!r:.100}; refused")
        count = 1
        for length in shape:
            count *= length
        dtype = np.dtype(kind.text)
        order: Any = "F" if fortran else "C"
        if dtype.kind == "O":
            if not isinstance(content, list) or len(content) != count:
                raise ValueError("a pickled array does not hold what its shape says")
            objects = np.empty(count, object)
            for index, item in enumerate(content):
                objects[index] = item
            self.value = objects.reshape(shape, order=order)
            return
        data = content.encode("latin1") if isinstance(content, str) else content
        if not isinstance(data, bytes) or len(data) != count * dtype.itemsize:
            raise ValueError("a pickled array does not hold what its shape says")
        flat: np.ndarray[Any, Any] = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
        npy_files.check_letters(flat, "a pickled array")
        self.value = flat.reshape(shape, order=order)


class _MakeArray:
    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, typecode: Any) -> _Array:
        if kind is not _NDARRAY or not isinstance(shape, tuple) or shape != (0,):
            raise ValueError("a pickled array must start as an empty plain array; refused")
        array = _Array()
        array.value = np.empty(0, np.int8)
        return array


class _MakeDtype:
    __slots__ = ()

    def __call__(self, text: Any, *flags: Any) -> _Dtype:
        name = text.decode("latin1") if isinstance(text, bytes) else text
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?[a-zA-Z]\d{0,9}", name):
            raise ValueError(f"a pickled array has the dtype {name!r:.100}; refused")
        if name.lstrip("<>|=")[0] not in _KINDS:
            raise ValueError(f"a pickled array has the dtype {name!r}; refused")
        return _Dtype(name)


class _Latin1Bytes:
    """How Python 3 writes bytes in the old protocol: as text of the same codes."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = size

    def __call__(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
            raise ValueError("pickled bytes must be given as latin1 text; refused")
        # One text could be made into bytes over and over.
        self._left -= len(text)
        if self._left < 0:
            raise ValueError("makes more bytes than the file has; refused")
        return text.encode("latin1")


_NDARRAY = _Name()
_MAKE_ARRAY = _MakeArray()
_MAKE_DTYPE = _MakeDtype()
_STAND_INS = (_Name, _Dtype, _MakeArray, _MakeDtype, _Latin1Bytes)


def _arrays_in(value: Any) -> Any:
    """Puts arrays where records of arrays are: the value itself, or what a dict holds."""
    if isinstance(value, dict):
        return {key: _arrays_in(item) if isinstance(item, _Array) else item for key, item in value.items()}
    if isinstance(value, _Array):
        if value.value.dtype.kind == "O" and any(_is_stand_in(item) for item in value.value.flat):
            raise ValueError("a pickled array holds more than plain data; refused")
        return value.value
    if _is_stand_in(value):
        raise ValueError("holds no data")
    return value


def _is_stand_in(value: Any) -> bool:
    return isinstance(value, (_Array, *_STAND_INS))
