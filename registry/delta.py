"""A file stored as its differences from another file: stretches of that file and bytes of its own.

Two checkpoints with the same weights differ in a few kilobytes of their `model.pt`: the manifest inside,
constants such as the working size, and offsets. A delta is a JSON object. `base` is the name of a folder
beside the checkpoint's; the stretches are of its file of the same name. `parts` are, in order,
`[start, stop]` for these bytes of that file, or a number for as many of the delta's own bytes. `own` has the
latter, compressed with zlib, in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from registry.errors import CheckpointDamaged, ManifestInvalid
from registry.schema import parse_json

SUFFIX = ".delta"
"""`model.pt.delta` stands for `model.pt`."""

_BLOCK = 64
"""Bytes of the blocks looked up in the base: torch starts every entry of an archive at a multiple."""

_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class Delta:
    """A parsed delta."""

    base: str  # name of the folder beside the checkpoint's
    parts: tuple[tuple[int, int] | int, ...]
    own: bytes

    def reach(self) -> int:
        """The number of bytes that are needed of the base's file."""
        return max((part[1] for part in self.parts if not isinstance(part, int)), default=0)

    def apply(self, base: bytes) -> bytes:
        """The file, made from the base's file; raises `CheckpointDamaged` where that is too short."""
        pieces, at = [], 0
        for part in self.parts:
            if isinstance(part, int):
                pieces.append(self.own[at : at + part])
                at += part
            elif part[1] > len(base):
                raise CheckpointDamaged(f"The file of {self.base} is too short for its delta.")
            else:
                pieces.append(base[slice(*part)])
        return b"".join(pieces)


def parse_delta(data: bytes, limit_bytes: int) -> Delta:
    """The delta of a file of at most `limit_bytes`; raises `CheckpointDamaged` for anything else."""
    try:
        raw = parse_json(data)
        base, parts = raw["base"], tuple(p if isinstance(p, int) else (p[0], p[1]) for p in raw["parts"])
        inflate = zlib.decompressobj()
        own = inflate.decompress(base64.b64decode(raw["own"], validate=True), limit_bytes + 1)
    except (ManifestInvalid, KeyError, IndexError, TypeError, ValueError, binascii.Error, zlib.error):
        raise CheckpointDamaged("A file of differences (.delta) of the checkpoint is damaged.") from None
    spans = [(0, part) if isinstance(part, int) else part for part in parts]
    is_sound = (
        isinstance(base, str)
        and _FOLDER.fullmatch(base) is not None
        and all(type(n) is int for span in spans for n in span)
        and all(0 <= start <= stop for start, stop in spans)
        and sum(stop - start for start, stop in spans) <= limit_bytes
        and sum(part for part in parts if isinstance(part, int)) == len(own)
    )
    if not is_sound:
        raise CheckpointDamaged("A file of differences (.delta) of the checkpoint is damaged.")
    return Delta(base, parts, own)


def make_delta(base_name: str, base: bytes, target: bytes) -> bytes:
    """The text of a delta that makes `target` from `base`, the file of the folder `base_name`.

    >>> base = bytes(range(256)) * 4
    >>> parse_delta(make_delta("b0", base, b"new" + base), 2000).apply(base) == b"new" + base
    True
    """
    parts: list[list[int] | int] = []
    own = bytearray()
    for start, stop, at in _matches(base, target):
        if at is None:
            own += target[start:stop]
            parts.append(stop - start)
        else:
            parts.append([at, at + stop - start])
    packed = base64.b64encode(zlib.compress(bytes(own), 9)).decode()
    return (json.dumps({"base": base_name, "parts": parts, "own": packed}) + "\n").encode()


def _matches(base: bytes, target: bytes) -> Iterator[tuple[int, int, int | None]]:
    """Consecutive stretches `start, stop` of the target, and where the base has the same bytes, or None."""
    blocks = {base[at : at + _BLOCK]: at for at in range(0, len(base), _BLOCK)}
    own_from = start = 0
    while start < len(target):
        at = blocks.get(target[start : start + _BLOCK])
        if at is None:
            start += 1
            continue
        stop, end = start, at
        while target[stop : stop + _BLOCK] == base[end : end + _BLOCK] and stop < len(target):
            stop, end = stop + _BLOCK, end + _BLOCK
        stop = min(stop, len(target))
        if own_from < start:
            yield own_from, start, None
        yield start, stop, at
        own_from = start = stop
    if own_from < len(target):
        yield own_from, len(target), None
