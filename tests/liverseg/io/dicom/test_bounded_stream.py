"""Limits on the reads of a stream and on inflated data."""

from __future__ import annotations

import io
import zlib

import pytest

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads, inflate


def test_reads_are_counted(monkeypatch):
    monkeypatch.setattr(limits, "MAX_DICOM_READS", 3)
    stream = CountedReads(io.BytesIO(b"abcdef"))
    assert [stream.read(1), stream.read(2**62), stream.read()] == [b"a", b"bcdef", b""]
    stream.check()
    with pytest.raises(InputTooLarge, match="far more elements"):
        stream.read(1)
    with pytest.raises(InputTooLarge):
        stream.check()


@pytest.fixture
def deflated(synthetic_hu, dicom_dataset, dicom_bytes):
    """(content of a deflated file, the same dataset without compression)"""
    return tuple(
        dicom_bytes(dicom_dataset(synthetic_hu(), syntax, SOPInstanceUID="1.2.3", StudyID="1"))
        for syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1")
    )


def test_only_deflated_files_are_inflated(deflated):
    packed, plain = deflated
    stream = io.BytesIO(plain)
    assert inflate(stream) is stream and stream.tell() == 0
    elements = inflate(io.BytesIO(packed)).read()[132:]
    assert elements[-2000:] == plain[-2000:] and len(packed) < len(plain)


def test_damaged_truncated_and_oversized_data_are_refused(deflated, monkeypatch):
    packed, _ = deflated
    with pytest.raises(UnreadableInput, match="truncated"):
        inflate(io.BytesIO(packed[:-200]))
    start = next(k for k in range(132, 1000) if _is_deflate(packed[k:]))
    with pytest.raises(UnreadableInput, match="damaged"):
        inflate(io.BytesIO(packed[:start] + b"\xff" * 500))
    monkeypatch.setattr(limits, "MAX_MEMBER_BYTES", 5000)
    with pytest.raises(InputTooLarge, match="unpacks to far more"):
        inflate(io.BytesIO(packed))


def _is_deflate(data: bytes) -> bool:
    try:
        inflater = zlib.decompressobj(wbits=-15)
        return len(inflater.decompress(data)) > 5000 and inflater.eof
    except zlib.error:
        return False
