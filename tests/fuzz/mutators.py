"""Ways of spoiling bytes and JSON, drawn from a generator so that each can be drawn again."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

#: Numbers at the edges of what formats and languages hold.
NUMBERS = (
    0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1000, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53,
    2**63 - 1, 2**63, 2**64 - 1, 10**9, 10**12,
)  # fmt: skip
_TEXTS = (
    "", "a", "\0", "../x", "/etc/passwd", "x" * 300, "é\u2028", "\ud800", "Dense", "relu", "float32",
    "float16", "int8", "string", "same", "valid", "causal", "channels_first", "None", "__class__", "function",
    "adam", "mse", "glorot_uniform", "l2", "mixed_bfloat16", "abc,cd->abd", "int8_from_float32",
)  # fmt: skip
_OBJECTS: tuple[Any, ...] = (
    None, True, False, -1, -(2**63), 0.0, -0.5, 1e308, float("nan"), float("inf"), [], {}, [[]], [None],
    {"class_name": "__tuple__", "items": [1, None]}, {"class_name": "__tuple__", "items": 3},
    {"class_name": "__numpy__", "config": {"value": [1.0, "a"], "dtype": "float32"}},
    {"class_name": "__tensor__", "config": {"value": [[1], [2, 3]], "dtype": "int8"}},
    {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}},
    {"class_name": "__slice__", "config": {"start": 0, "stop": "x", "step": 0}},
    {"class_name": "__bytes__", "config": {"value": "€"}},
    {"class_name": "__typespec__", "config": "Dense", "module": "keras.layers"},
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}},
    {"class_name": "function", "config": "relu", "module": "keras.activations"},
    {"class_name": "L2", "config": {"l2": 1e-3}, "module": "keras.regularizers"},
    {"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}, "module": "keras"},
)  # fmt: skip


def spoil(data: bytes, others: list[bytes], random: Random) -> bytes:
    """Changes bytes in one to four places."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = _spoil_once(data, others, random)
    return data


def _spoil_once(data: bytes, others: list[bytes], random: Random) -> bytes:
    size = len(data)
    kind = random.randrange(9)
    if size == 0 or kind == 0:
        return data + random.randbytes(random.randrange(1, 32))
    place = random.randrange(size)
    if random.random() < 0.4:
        place = random.randrange(min(size, 128))  # Headers matter most.
    if kind == 1:
        return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]
    if kind == 2:
        return data[:place] + bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, 0x22, 0x5B))]) + data[place + 1 :]
    if kind == 3:
        return data[:place]
    if kind == 4:
        other = random.choice(others)
        return data[:place] + other[random.randrange(len(other) + 1) :]
    end = min(size, place + random.randrange(1, 64))
    if kind == 5:
        return data[:place] + data[end:]
    if kind == 6:
        where = random.randrange(size)
        return data[:where] + data[place:end] * random.choice((1, 2, 50)) + data[where:]
    if kind == 7:
        width = random.choice((1, 2, 4, 8))
        order: Any = random.choice(("little", "big"))
        number = (random.choice(NUMBERS) % (1 << (8 * width))).to_bytes(width, order)
        return data[:place] + number + data[place + width :]
    return _other_number(data, place, random)


def _other_number(data: bytes, place: int, random: Random) -> bytes:
    """Changes the next number that is written in digits."""
    begin = next((i for i in range(place, min(len(data), place + 200)) if data[i : i + 1].isdigit()), None)
    if begin is None:
        return data[:place] + random.randbytes(4) + data[place + 4 :]
    end = begin
    while end < len(data) and data[end : end + 1].isdigit():
        end += 1
    number = random.choice((*NUMBERS, 10**30, -1))
    return data[:begin] + str(number).encode() + data[end:]


def _places(value: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [value]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], (dict, list)):
                waiting.append(node[key])
    return found


def spoil_json(value: Any, others: list[Any], random: Random) -> Any:
    """Changes one to four values of what JSON holds; `value` itself stays as it is."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = _places(value)
        if not places:
            return random.choice(_OBJECTS)
        node, key = random.choice(places)
        kind = random.randrange(8)
        if kind == 0:
            del node[key]
        elif kind == 1:
            node[key] = random.choice(NUMBERS) * random.choice((1, 1, 1, -1))
        elif kind == 2:
            node[key] = random.choice(_TEXTS)
        elif kind == 3:
            node[key] = copy.deepcopy(random.choice(_OBJECTS))
        elif kind == 4:
            other, there = random.choice(places)
            node[key] = copy.deepcopy(other[there])
        elif kind == 5:
            node[key] = [node[key]] * random.choice((1, 2, 3))
        elif kind == 6:
            other, there = random.choice(_places(random.choice(others)) or [([None], 0)])
            node[key] = copy.deepcopy(other[there])
        else:
            _other_value(node, key, random)
    return value


def _other_value(node: Any, key: Any, random: Random) -> None:
    old = node[key]
    if isinstance(old, bool) or old is None:
        node[key] = random.choice((True, False, None, 0, "true"))
    elif isinstance(old, int):
        node[key] = old + random.choice((-1, 1, 2, 100))
    elif isinstance(old, float):
        node[key] = random.choice((-old, old * 1e30, float("nan"), 0.0))
    elif isinstance(old, str):
        place = random.randrange(len(old) + 1)
        node[key] = old[:place] + random.choice(("", "x", "\0", "/", "9")) + old[place + 1 :]
    elif isinstance(old, list):
        random.shuffle(old)
    else:
        items = list(old.items())
        old.clear()
        old.update({(f"{name}_" if random.random() < 0.2 else name): item for name, item in items})


def json_bytes(value: Any) -> bytes:
    """JSON of a value, with what is no number as Python writes it."""
    return json.dumps(value).encode("utf-8", "surrogatepass")
