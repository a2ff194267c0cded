"""Damage that knows nothing of formats: bytes cut off, flipped, moved, repeated, set to extremes."""

from __future__ import annotations

import random
import struct

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
_FLOATS = (float("nan"), float("inf"), float("-inf"), 1e38, -1e38, 1e-40, 0.0, -0.0)
_HEAD = 700  # where the headers of all formats are


def damaged(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """`data` after one to four kinds of damage; `other` is a second file to splice with."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_KINDS)(data, rng, other)
    return data


def place_in(data: bytes, rng: random.Random) -> int:
    """An offset, most often near the start."""
    end = max(len(data), 1)
    return rng.randrange(min(end, _HEAD) if rng.random() < 0.6 else end)


def cut_off(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Truncated."""
    return data[: place_in(data, rng)]


def flip_bits(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """One to 64 bits flipped."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 64))):
        changed[place_in(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Some bytes set to any value."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 4, 32))):
        changed[place_in(data, rng)] = rng.randrange(256)
    return bytes(changed)


def set_extreme(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A whole number or a float of two to eight bytes set to an extreme, in either byte order."""
    order = rng.choice("<>")
    if rng.random() < 0.7:
        width, code = rng.choice(((1, "B"), (2, "H"), (4, "I"), (8, "Q")))
        word = struct.pack(order + code, rng.choice(_EXTREMES) & (256**width - 1))
    else:
        word = struct.pack(order + rng.choice("fd"), rng.choice(_FLOATS[:3] + _FLOATS[5:]))
    start = place_in(data, rng)
    return data[:start] + word + data[start + len(word) :]


def splice(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: place_in(data, rng)] + other[place_in(other, rng) :]


def implant(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A piece of another file in the middle."""
    start, length = place_in(other, rng), rng.choice((4, 64, 1024))
    here = place_in(data, rng)
    return data[:here] + other[start : start + length] + data[here:]


def repeat(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A piece repeated many times."""
    start = place_in(data, rng)
    piece = data[start : start + rng.choice((1, 8, 200))]
    return data[:start] + piece * rng.choice((2, 100, 3000)) + data[start:]


def remove(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A piece missing."""
    start = place_in(data, rng)
    return data[:start] + data[start + rng.choice((1, 4, 100, 5000)) :]


def blank(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A piece all zeros or all ones."""
    start, length = place_in(data, rng), rng.choice((16, 400, 9000))
    filling = rng.choice((b"\0", b"\xff")) * len(data[start : start + length])
    return data[:start] + filling + data[start + length :]


def append(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Something behind the end: noise, or another whole file (a polyglot)."""
    return data + (rng.randbytes(rng.choice((1, 100, 10_000))) if rng.random() < 0.5 else other)


def prepend(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Something before the beginning: a few bytes, or another whole file (a polyglot)."""
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
