"""Damage independent of the format: bytes are cut off, flipped, moved, repeated or set to extreme values.

Every function takes the bytes of a file, a random generator and a second file to take bytes from.
"""

from __future__ import annotations

import random
import struct

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_FLOATS = (float("nan"), float("inf"), float("-inf"), 1e38, -1e38, 1e-40, 0.0, -0.0)
_HEADER_BYTES = 700  # headers of all formats lie within


def damaged(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """`data` after one to four kinds of damage; `other` is a second file to take bytes from."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_KINDS)(data, rng, other)
    return data


def random_offset(data: bytes, rng: random.Random) -> int:
    """An offset in `data`, in most cases within the header."""
    end = max(len(data), 1)
    return rng.randrange(min(end, _HEADER_BYTES) if rng.random() < 0.6 else end)


def cut_off(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Truncate."""
    return data[: random_offset(data, rng)]


def flip_bits(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Flip 1 to 64 bits."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        changed[random_offset(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Set 1 to 32 bytes to random values."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 32))):
        changed[random_offset(data, rng)] = rng.randrange(256)
    return bytes(changed)


def set_extreme(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Overwrite 1 to 8 bytes with an extreme integer or float, in either byte order."""
    order = rng.choice("<>")
    if rng.random() < 0.7:
        width, code = rng.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
        word = struct.pack(order + code, rng.choice(_EXTREMES) & (256**width - 1))
    else:
        word = struct.pack(order + rng.choice("fd"), rng.choice(_FLOATS[:3] + _FLOATS[5:]))
    start = random_offset(data, rng)
    return data[:start] + word + data[start + len(word) :]


def splice(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Join the beginning of one file to the end of the other."""
    return data[: random_offset(data, rng)] + other[random_offset(other, rng) :]


def implant(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Insert a piece of the other file."""
    start, length = random_offset(other, rng), rng.choice((4, 64, 1024))
    position = random_offset(data, rng)
    return data[:position] + other[start : start + length] + data[position:]


def repeat(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Repeat a piece up to 3000 times."""
    start = random_offset(data, rng)
    piece = data[start : start + rng.choice((1, 8, 200))]
    return data[:start] + piece * rng.choice((2, 100, 3000)) + data[start:]


def remove(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Remove a piece."""
    start = random_offset(data, rng)
    return data[:start] + data[start + rng.choice((1, 4, 100, 5000)) :]


def blank(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Overwrite a piece with zero or one bits."""
    start, length = random_offset(data, rng), rng.choice((16, 400, 9000))
    filling = rng.choice((b"\0", b"\xff")) * len(data[start : start + length])
    return data[:start] + filling + data[start + length :]


def append(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Append noise, or the other file (a polyglot)."""
    return data + (rng.randbytes(rng.choice((1, 100, 10_000))) if rng.random() < 0.5 else other)


def prepend(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Prepend a few bytes, or the other file (a polyglot)."""
    return rng.choice((b"\0", b"MZ", b"\xef\xbb\xbf", b"#!/bin/sh\n", bytes(128), other)) + data


_KINDS = (
    cut_off,
    flip_bits,
    flip_bits,
    set_bytes,
    set_bytes,
    set_extreme,
    set_extreme,
    splice,
    implant,
    repeat,
    remove,
    blank,
    append,
    prepend,
)
