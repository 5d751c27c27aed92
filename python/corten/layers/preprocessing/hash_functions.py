"""The hash functions behind `Hashing` and `HashedCrossing`, so that bins are those that Keras gives.

FarmHash's 64-bit fingerprint (https://github.com/google/farmhash) is the one without a salt, SipHash-2-4
(Aumasson and Bernstein 2012, https://www.aumasson.jp/siphash) the one with a salt.
"""

from __future__ import annotations

import struct
from typing import Any

_MASK = (1 << 64) - 1
# FarmHash's three odd constants.
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
# The multiplier of MurmurHash, with which fingerprints are joined.
_JOIN = 0xC6A4A7935BD1E995


def _fetch(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")


def _rotate(value: int, bits: int) -> int:
    return ((value >> bits) | (value << (64 - bits))) & _MASK


def _mix(value: int) -> int:
    return value ^ (value >> 47)


def _hash_16(u: int, v: int, factor: int) -> int:
    a = _mix(((u ^ v) * factor) & _MASK)
    b = _mix(((v ^ a) * factor) & _MASK)
    return (b * factor) & _MASK


def _up_to_16(data: bytes) -> int:
    size = len(data)
    if size >= 8:
        factor = _K2 + size * 2
        a, b = _fetch(data, 0) + _K2 & _MASK, _fetch(data, size - 8)
        c = _rotate(b, 37) * factor + a & _MASK
        d = (_rotate(a, 25) + b) * factor & _MASK
        return _hash_16(c, d, factor & _MASK)
    if size >= 4:
        factor = _K2 + size * 2 & _MASK
        first, last = (int.from_bytes(part, "little") for part in (data[:4], data[-4:]))
        return _hash_16(size + (first << 3) & _MASK, last, factor)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _mix((y * _K2 ^ z * _K0) & _MASK) * _K2 & _MASK
    return _K2


def _up_to_32(data: bytes) -> int:
    size = len(data)
    factor = _K2 + size * 2 & _MASK
    a, b = _fetch(data, 0) * _K1 & _MASK, _fetch(data, 8)
    c, d = _fetch(data, size - 8) * factor & _MASK, _fetch(data, size - 16) * _K2 & _MASK
    u = _rotate(a + b & _MASK, 43) + _rotate(c, 30) + d & _MASK
    v = a + _rotate(b + _K2 & _MASK, 18) + c & _MASK
    return _hash_16(u, v, factor)


def _up_to_64(data: bytes) -> int:
    size = len(data)
    factor = _K2 + size * 2 & _MASK
    a, b = _fetch(data, 0) * _K2 & _MASK, _fetch(data, 8)
    c, d = _fetch(data, size - 8) * factor & _MASK, _fetch(data, size - 16) * _K2 & _MASK
    y = _rotate(a + b & _MASK, 43) + _rotate(c, 30) + d & _MASK
    z = _hash_16(y, a + _rotate(b + _K2 & _MASK, 18) + c & _MASK, factor)
    e, f = _fetch(data, 16) * factor & _MASK, _fetch(data, 24)
    g = (y + _fetch(data, size - 32)) * factor & _MASK
    h = (z + _fetch(data, size - 24)) * factor & _MASK
    u = _rotate(e + f & _MASK, 43) + _rotate(g, 30) + h & _MASK
    return _hash_16(u, e + _rotate(f + a & _MASK, 18) + g & _MASK, factor)


def _weak_32(data: bytes, place: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = struct.unpack_from("<4Q", data, place)
    a = a + w & _MASK
    b = _rotate(b + a + z & _MASK, 21)
    c = a
    a = a + x + y & _MASK
    b = b + _rotate(a, 44) & _MASK
    return a + z & _MASK, b + c & _MASK


def _long(data: bytes) -> int:
    size, seed = len(data), 81
    x, y = seed, seed * _K1 + 113 & _MASK
    z = _mix(y * _K2 + 113 & _MASK) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _fetch(data, 0) & _MASK
    for place in range(0, (size - 1) // 64 * 64, 64):
        x = _rotate(x + y + v[0] + _fetch(data, place + 8) & _MASK, 37) * _K1 & _MASK
        y = _rotate(y + v[1] + _fetch(data, place + 48) & _MASK, 42) * _K1 & _MASK
        x ^= w[1]
        y = y + v[0] + _fetch(data, place + 40) & _MASK
        z = _rotate(z + w[0] & _MASK, 33) * _K1 & _MASK
        v = _weak_32(data, place, v[1] * _K1 & _MASK, x + w[0] & _MASK)
        w = _weak_32(data, place + 32, z + w[1] & _MASK, y + _fetch(data, place + 16) & _MASK)
        x, z = z, x
    factor = _K1 + ((z & 0xFF) << 1) & _MASK
    last = size - 64
    w = (w[0] + (size - 1 & 63) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    x = _rotate(x + y + v[0] + _fetch(data, last + 8) & _MASK, 37) * factor & _MASK
    y = _rotate(y + v[1] + _fetch(data, last + 48) & _MASK, 42) * factor & _MASK
    x ^= w[1] * 9 & _MASK
    y = y + v[0] * 9 + _fetch(data, last + 40) & _MASK
    z = _rotate(z + w[0] & _MASK, 33) * factor & _MASK
    v = _weak_32(data, last, v[1] * factor & _MASK, x + w[0] & _MASK)
    w = _weak_32(data, last + 32, z + w[1] & _MASK, y + _fetch(data, last + 16) & _MASK)
    x, z = z, x
    left = _hash_16(v[0], w[0], factor) + _mix(y) * _K0 + z & _MASK
    return _hash_16(left, _hash_16(v[1], w[1], factor) + x & _MASK, factor)


def fingerprint(data: bytes) -> int:
    """FarmHash's 64-bit fingerprint.

    Example:
        >>> fingerprint(b"A") % 3, fingerprint(b"B") % 3
        (1, 0)
    """
    size = len(data)
    if size <= 16:
        return _up_to_16(data)
    if size <= 32:
        return _up_to_32(data)
    return _up_to_64(data) if size <= 64 else _long(data)


def joined_fingerprint(first: int, second: int) -> int:
    """A fingerprint of two fingerprints in order.

    Example:
        >>> joined_fingerprint(1, 2) != joined_fingerprint(2, 1)
        True
    """
    second = _mix(second * _JOIN & _MASK) * _JOIN & _MASK
    result = ((first ^ _JOIN) ^ second) * _JOIN & _MASK
    return _mix(_mix(result) * _JOIN & _MASK)


def siphash(data: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 with a key of two numbers of 64 bits.

    Example:
        >>> hex(siphash(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)))
        '0xa129ca6149be45e5'
    """
    low, high = (number & _MASK for number in key)
    v0, v1 = low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D
    v2, v3 = low ^ 0x6C7967656E657261, high ^ 0x7465646279746573

    def rounds(count: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0 = v0 + v1 & _MASK
            v2 = v2 + v3 & _MASK
            v1 = _rotate(v1, 51) ^ v0
            v3 = _rotate(v3, 48) ^ v2
            v0 = _rotate(v0, 32)
            v2 = v2 + v1 & _MASK
            v0 = v0 + v3 & _MASK
            v1 = _rotate(v1, 47) ^ v2
            v3 = _rotate(v3, 43) ^ v0
            v2 = _rotate(v2, 32)

    whole = len(data) // 8 * 8
    tail = data[whole:] + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for place in range(0, whole, 8):
        word = _fetch(data, place)
        v3 ^= word
        rounds(2)
        v0 ^= word
    word = _fetch(tail, 0)
    v3 ^= word
    rounds(2)
    v0 ^= word
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def checked_salt(layer: str, salt: Any) -> list[int] | None:
    """A salt as the two numbers of a key.

    Args:
        layer: The layer, for messages.
        salt: An int, two of them, or None.

    Raises:
        ValueError: It is something else.

    Example:
        >>> checked_salt("Hashing", 3), checked_salt("Hashing", None)
        ([3, 3], None)
    """
    if salt is None:
        return None
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    if isinstance(salt, (list, tuple)) and len(salt) == 2 and all(isinstance(item, int) for item in salt):
        return list(salt)
    raise ValueError(
        f"{layer}: the `salt` argument must be an integer, or a tuple of 2 integers; got {salt!r}."
    )


def hash_text(text: str, salt: list[int] | None = None) -> int:
    """The hash of a text: its fingerprint, or SipHash with a salt as its key.

    Example:
        >>> hash_text("A") % 3, hash_text("A", [133, 137]) % 3
        (1, 1)
    """
    data = text.encode()
    return fingerprint(data) if salt is None else siphash(data, (salt[0], salt[1]))
