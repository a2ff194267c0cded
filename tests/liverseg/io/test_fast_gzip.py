"""gzip files agree with the standard library in both directions."""

from __future__ import annotations

import gzip
import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    for damaged in (packed[:-8] + b"\1" * 8, packed + b"garbage"):
        with pytest.raises((EOFError, *DAMAGE_ERRORS)):
            GzipReader(io.BytesIO(damaged)).read(6000)


def test_zlib_data_and_checksums_agree_with_zlib():
    content = RNG.bytes(100_000)
    assert zlib.decompress(zlib_bytes(content)) == content
    assert crc32(content) == zlib.crc32(content)
