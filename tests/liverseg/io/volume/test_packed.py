"""zlib and bzip2 streams of untrusted origin."""

from __future__ import annotations

import bz2
import io
import zlib

import pytest

from liverseg.errors import InputTooLarge
from liverseg.io.fast_gzip import DAMAGE_ERRORS
from liverseg.io.volume.packed import Bzip2Reader, ZlibReader

CONTENT = bytes(range(256)) * 2000
READERS = {"zlib": (zlib.compress, ZlibReader), "bzip2": (bz2.compress, Bzip2Reader)}


def read_in_pieces(reader, size: int) -> bytes:
    pieces = []
    while piece := reader.read(size):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("size", [7777, len(CONTENT), len(CONTENT) + 1])
def test_content_is_read_in_pieces_of_any_size(size, name):
    pack, reader = READERS[name]
    assert read_in_pieces(reader(io.BytesIO(pack(CONTENT) + b"bytes after the end")), size) == CONTENT


def test_several_streams_of_bzip2_are_one_file():
    streams = b"".join(bz2.compress(part) for part in (CONTENT[:10], b"", CONTENT[10:]))
    assert read_in_pieces(Bzip2Reader(io.BytesIO(streams)), 100_000) == CONTENT


@pytest.mark.parametrize("name", READERS)
def test_damage_and_a_missing_end_are_noticed(name):
    pack, reader = READERS[name]
    packed = pack(CONTENT)
    with pytest.raises(EOFError):
        read_in_pieces(reader(io.BytesIO(packed[: len(packed) // 2])), 10_000)
    for damaged in (b"text" * 100, packed[:-2] + bytes([packed[-2] ^ 0xFF, packed[-1]])):
        with pytest.raises(DAMAGE_ERRORS):
            read_in_pieces(reader(io.BytesIO(damaged)), 10_000)


@pytest.mark.parametrize("name", READERS)
def test_bombs_and_floods_are_stopped(name):
    pack, reader = READERS[name]
    bomb = reader(io.BytesIO(pack(bytes(80 * 2**20))))
    with pytest.raises(InputTooLarge, match="unpack to far more"):
        while bomb.read(2**20):
            pass
    with pytest.raises(InputTooLarge, match="far more parts"):
        read_in_pieces(Bzip2Reader(io.BytesIO(bz2.compress(b"") * 3000)), 100)
