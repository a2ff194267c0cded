"""gzip files agree with the standard library in both directions."""

from __future__ import annotations

import gzip
import io
import subprocess
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverseg.errors import InputTooLarge
from liverseg.io.fast_gzip import (
    BLOCK_BYTES,
    DAMAGE_ERRORS,
    GzipReader,
    crc32,
    gzip_bytes,
    open_gzip,
    zlib_bytes,
)

RNG = np.random.default_rng(0)


def test_several_blocks_make_one_member_for_any_number_of_threads():
    chunks = [RNG.integers(0, 40, BLOCK_BYTES // 3, np.uint8).tobytes() for _ in range(8)] + [b"", b"end"]
    one, two = gzip_bytes(chunks, 1), gzip_bytes(chunks, 2)
    assert one == two and gzip.decompress(one) == b"".join(chunks)
    assert one.count(b"\x1f\x8b\x08\0\0\0\0\0") == 1
    assert open_gzip(io.BytesIO(one)).read() == b"".join(chunks)
    assert gzip.decompress(gzip_bytes([])) == b""


@settings(deadline=None, max_examples=60)
@given(
    content=st.binary(max_size=3000),
    members=st.integers(1, 4),
    padding=st.sampled_from([b"", b"\0", bytes(600)]),
    reads=st.lists(st.integers(0, 900), max_size=8),
)
def test_reader_gives_the_bytes_of_the_standard_library(content, members, padding, reads):
    cuts = [k * len(content) // members for k in range(members + 1)]
    compressed = b"".join(gzip.compress(content[a:b], 1) for a, b in zip(cuts, cuts[1:], strict=False))
    compressed += padding
    reader, reference = GzipReader(io.BytesIO(compressed)), gzip.GzipFile(fileobj=io.BytesIO(compressed))
    for count in [*reads, 4000]:
        assert reader.read(count) == reference.read(count)
    assert reader.read(1) == b""


def test_truncated_and_damaged_streams_raise():
    packed = gzip.compress(np.random.default_rng(0).bytes(5000), 1)
    for length in (1, 9, 100, len(packed) - 1):
        with pytest.raises(EOFError):
            GzipReader(io.BytesIO(packed[:length])).read(6000)
    for damaged in (packed[:-8] + b"\1" * 8, packed + b"\x1f\x8bgarbage"):
        with pytest.raises((EOFError, *DAMAGE_ERRORS)):
            GzipReader(io.BytesIO(damaged)).read(6000)


def gunzip(data: bytes) -> bytes:
    """What the gunzip program writes; its exit status is not 0 where it ignores trailing bytes."""
    return subprocess.run(["gunzip", "--stdout"], input=data, capture_output=True, check=False).stdout


@pytest.mark.parametrize(
    "trailing", [b"x", b"trailing bytes", bytes(300) + b"after zeros", RNG.bytes(300_000)]
)
@pytest.mark.parametrize("members", [1, 3])
def test_trailing_bytes_are_ignored_as_gunzip_ignores_them(trailing, members):
    content = RNG.bytes(200_000)
    packed = gzip.compress(content, 1) * members + trailing
    reader = GzipReader(io.BytesIO(packed))
    assert reader.read(members * len(content) + 1) == gunzip(packed) == content * members
    assert reader.read(1) == reader.read(1) == b""


def long_head(name: bytes = b"", comment: bytes = b"", extra: bytes = b"", checked: bool = False) -> bytes:
    """The head of a gzip member (RFC 1952) with the given fields."""
    flags = 4 * bool(extra) | 8 * bool(name) | 16 * bool(comment) | 2 * checked
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(5) + b"\xff"
    head += len(extra).to_bytes(2, "little") + extra if extra else b""
    head += b"".join(text + b"\0" for text in (name, comment) if text)
    return head + (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") if checked else head


@pytest.mark.parametrize(
    "fields",
    [
        {"name": b"n" * 5000},
        {"name": b"n" * 300_000, "comment": b"c" * 9000},
        {"extra": bytes(range(256)) * 255},
        {"extra": b"ab", "name": b"a.nii", "comment": b"c" * 4096, "checked": True},
    ],
)
def test_a_long_head_is_skipped(fields):
    content = RNG.bytes(50_000)
    packed = long_head(**fields) + gzip.compress(content, 1)[10:]
    assert GzipReader(io.BytesIO(packed)).read(len(content) + 1) == gunzip(packed) == content
    with pytest.raises(EOFError):
        GzipReader(io.BytesIO(packed[: len(long_head(**fields)) - 1])).read(1)


def test_a_head_without_end_is_refused():
    with pytest.raises(InputTooLarge, match="head"):
        GzipReader(io.BytesIO(long_head(name=b"n" * 2**21))).read(1)


def test_zlib_data_and_checksums_agree_with_zlib():
    content = RNG.bytes(100_000)
    assert zlib.decompress(zlib_bytes(content)) == content
    assert crc32(content) == zlib.crc32(content)
