"""Small files that would make a reader unpack, allocate or loop without end: refused, in a sentence."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liverseg
from fuzzing import archive_lies, dicom_bombs, dicom_lies, nifti_lies, picture_lies
from fuzzing.seeds import of_kind
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads
from liverseg.io.fast_gzip import DAMAGE, GzipReader


def refused(tmp_path, content, kind=InputTooLarge):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(kind) as refusal:
        liverseg.read(path)
    return str(refusal.value)


@settings(deadline=None, max_examples=60)
@given(
    content=st.binary(max_size=3000),
    members=st.integers(1, 4),
    padding=st.sampled_from([b"", b"\0", bytes(600)]),
    reads=st.lists(st.integers(0, 900), max_size=8),
)
def test_gzip_is_unpacked_as_python_does(content, members, padding, reads):
    cuts = [k * len(content) // members for k in range(members + 1)]
    packed = b"".join(gzip.compress(content[a:b], 1) for a, b in zip(cuts, cuts[1:], strict=False))
    ours, pythons = (
        GzipReader(io.BytesIO(packed + padding)),
        gzip.GzipFile(fileobj=io.BytesIO(packed + padding)),
    )
    for count in [*reads, 4000]:
        assert ours.read(count) == pythons.read(count)
    assert ours.read(1) == b""


def test_gzip_that_ends_or_errs_is_noticed():
    packed = gzip.compress(np.random.default_rng(0).bytes(5000), 1)
    for length in (1, 9, 100, len(packed) - 1):
        with pytest.raises(EOFError):
            GzipReader(io.BytesIO(packed[:length])).read(6000)
    for damaged in (packed[:-8] + b"\1" * 8, packed + b"garbage"):
        with pytest.raises((EOFError, *DAMAGE)):
            GzipReader(io.BytesIO(damaged)).read(6000)


def test_a_gzip_bomb_is_refused_long_before_its_end(tmp_path):
    head = bytearray(next(seed for seed in of_kind("nifti") if seed.name == "nifti").data[:352])
    head[42:48] = np.array([512, 512, 1000], "<i2").tobytes()
    assert "unpacks to far more" in refused(tmp_path, nifti_lies.bomb(bytes(head), 512))


def test_gzip_members_without_content_are_refused(tmp_path):
    empty = gzip.compress(b"", 1)
    plain = next(seed for seed in of_kind("nifti") if seed.name == "nifti").data
    sound = gzip.compress(plain, 1)
    assert "far more parts" in refused(tmp_path, sound + empty * 2000)
    blocks = [gzip.compress(plain[k : k + 500], 1) for k in range(0, len(plain), 500)]
    (tmp_path / "b").write_bytes(b"".join(blocks))
    assert liverseg.read(tmp_path / "b").shape == (5, 96, 96)


def test_png_chunks_and_jpeg_parts_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PICTURE_PARTS", 50)
    monkeypatch.setattr(limits, "MAX_JPEG_SCANS", 10)
    png = next(seed for seed in of_kind("picture") if seed.name == "png").data
    chunks = list(picture_lies.chunks_of(png))
    flood = picture_lies.png_of([chunks[0], *[(b"abCd", b"")] * 60, *chunks[1:]])
    jpeg = next(seed for seed in of_kind("picture") if seed.name == "jpeg-progressive").data
    scan = jpeg.rindex(b"\xff\xda")
    scans = jpeg[:scan] + jpeg[scan:-2] * 12 + jpeg[-2:]
    segments = jpeg[:2] + b"\xff\xfe\0\x02" * 60 + jpeg[2:]
    for content in (flood, scans, segments, jpeg[:2] + b"\xff" * 100 + jpeg[2:]):
        assert "far more parts" in refused(tmp_path, content)
    monkeypatch.setattr(limits, "MAX_PICTURE_BYTES", len(png) - 1)
    assert "far larger" in refused(tmp_path, png)


def test_reads_of_a_dicom_header_are_counted_and_bounded(tmp_path, monkeypatch):
    stream = CountedReads(io.BytesIO(b"abc"))
    assert stream.read(2**62) == b"abc" and stream.read() == b""
    sound = next(seed for seed in of_kind("dicom") if seed.name == "dicom").data
    head, elements = dicom_lies.split(sound)
    flood = head + dicom_lies.element(0x00080005, b"CS", b"") * 1000 + dicom_lies.joined(b"", elements)
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 1000
    nested = dicom_lies.element(0x00081115, b"SQ", items + b"\xfe\xff\xdd\xe0\0\0\0\0", 0xFFFFFFFF)
    frames = dicom_lies.element(0x52009230, b"SQ", items)
    monkeypatch.setattr(limits, "MAX_DICOM_READS", 900)
    for content in (
        flood,
        dicom_lies.joined(head, elements[:1]) + nested + dicom_lies.joined(b"", elements[1:]),
    ):
        assert "far more elements" in refused(tmp_path, content)
    described = dicom_lies.joined(head, elements[:-1]) + frames + dicom_lies.joined(b"", elements[-1:])
    assert "describes its frames" in refused(tmp_path, described)
    (tmp_path / "a").write_bytes(sound)
    assert liverseg.read(tmp_path / "a").shape == (1, 96, 96)


def test_deflated_and_run_length_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNCHECKED_UNPACKED_BYTES", 2**20)
    assert "unpacks to far more" in refused(tmp_path, dicom_bombs.deflate_bomb(random.Random(0)))
    made = (dicom_bombs.run_length_bomb(random.Random(k)) for k in range(9))
    assert "run lengths" in refused(tmp_path, next(b for b in made if len(b) > 10**6), UnreadableInput)


def test_zips_that_hide_a_bomb_overlap_or_ask_for_gigabytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNCHECKED_UNPACKED_BYTES", 2**20)
    packed = nifti_lies.zeros_block()
    noise = ("noise", np.random.default_rng(0).bytes(200_000), 0, b"")
    hidden = archive_lies.archive_of([("a", packed, 16 * 2**20, b""), noise])
    assert "unpacks to far more" in refused(tmp_path, hidden)
    overlapping = archive_lies.archive_of([(str(k), packed, 10_000, b"") for k in range(50)], overlap=True)
    assert "damaged" in refused(tmp_path, overlapping, UnreadableInput)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = archive_lies.zipped([("a.dcm", of_kind("series")[0].files[0])], method)
        assert "packed in a way" in refused(tmp_path, content, UnreadableInput)
    monkeypatch.setattr(limits, "MAX_MEMBER_BYTES", 1000)
    assert "unpacks to far more" in refused(tmp_path, of_kind("zip")[0].data)


def test_of_a_member_that_is_no_dicom_only_the_beginning_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_MEMBER_BYTES", 50_000)
    members = [(f"{k}.dcm", content) for k, content in enumerate(of_kind("series")[0].files)]
    (tmp_path / "a.zip").write_bytes(
        archive_lies.zipped([*members, ("movie", b"x" * 60_000)], zipfile.ZIP_STORED)
    )
    ct = liverseg.read(tmp_path / "a.zip")
    assert ct.shape == (5, 96, 96) and "1 file that is not a CT slice" in " ".join(ct.warnings)
