"""Small files that would make a reader decompress, allocate or loop without limit are refused."""

from __future__ import annotations

import gzip
import io
import random
import zipfile

import numpy as np
import pytest

import liverseg
from fuzzing import dicom_bombs, malformed_archives, malformed_nifti
from fuzzing.dicom_elements import encode_element, encode_file, valid_file
from fuzzing.seeds import of_kind, zipped
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads


def refused(tmp_path, content, kind=InputTooLarge):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(kind) as refusal:
        liverseg.read(path)
    return str(refusal.value)


def test_gzip_bombs_are_refused_before_their_end(tmp_path):
    head = bytearray(next(seed for seed in of_kind("nifti") if seed.name == "nifti").data[:352])
    head[42:48] = np.array([512, 512, 1000], "<i2").tobytes()
    assert "unpacks to far more" in refused(tmp_path, malformed_nifti.bomb(bytes(head), 512))


def test_empty_gzip_members_are_refused_and_small_ones_read(tmp_path):
    empty = gzip.compress(b"", 1)
    plain = next(seed for seed in of_kind("nifti") if seed.name == "nifti").data
    sound = gzip.compress(plain, 1)
    assert "far more parts" in refused(tmp_path, sound + empty * 2000)
    blocks = [gzip.compress(plain[k : k + 500], 1) for k in range(0, len(plain), 500)]
    (tmp_path / "b").write_bytes(b"".join(blocks))
    assert liverseg.read(tmp_path / "b").shape == (5, 96, 96)


def test_dicom_headers_with_too_many_elements_are_refused(tmp_path, monkeypatch):
    stream = CountedReads(io.BytesIO(b"abc"))
    assert stream.read(2**62) == b"abc" and stream.read() == b""
    head, elements = valid_file()
    flood = head + encode_element(0x00080005, b"CS", b"") * 1000 + encode_file(b"", elements)
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 1000
    nested = encode_element(0x00081115, b"SQ", items + b"\xfe\xff\xdd\xe0\0\0\0\0", 0xFFFFFFFF)
    frames = encode_element(0x52009230, b"SQ", items)
    monkeypatch.setattr(limits, "MAX_DICOM_READS", 900)
    for content in (
        flood,
        encode_file(head, elements[:1]) + nested + encode_file(b"", elements[1:]),
    ):
        assert "far more elements" in refused(tmp_path, content)
    described = encode_file(head, elements[:-1]) + frames + encode_file(b"", elements[-1:])
    assert "describes its frames" in refused(tmp_path, described)
    (tmp_path / "a").write_bytes(encode_file(head, elements))
    assert liverseg.read(tmp_path / "a").shape == (1, 96, 96)


def test_deflated_and_run_length_encoded_dicom_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNCHECKED_UNPACKED_BYTES", 2**20)
    assert "unpacks to far more" in refused(tmp_path, dicom_bombs.deflate_bomb(random.Random(0)))
    bombs = (dicom_bombs.run_length_bomb(random.Random(k)) for k in range(9))
    assert "run lengths" in refused(tmp_path, next(b for b in bombs if len(b) > 10**6), UnreadableInput)


def test_zips_with_bombs_overlaps_or_slow_methods_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "UNCHECKED_UNPACKED_BYTES", 2**20)
    zeros = malformed_nifti.zeros_block()
    noise = ("noise", np.random.default_rng(0).bytes(200_000), 0)
    hidden = malformed_archives.archive_of([("a", zeros, 16 * 2**20), noise])
    assert "unpacks to far more" in refused(tmp_path, hidden)
    overlapping = malformed_archives.archive_of([(str(k), zeros, 10_000) for k in range(50)], overlap=True)
    assert "damaged" in refused(tmp_path, overlapping, UnreadableInput)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = zipped([("a.dcm", of_kind("series")[0].files[0])], method)
        assert "packed in a way" in refused(tmp_path, content, UnreadableInput)
    monkeypatch.setattr(limits, "MAX_MEMBER_BYTES", 1000)
    assert "unpacks to far more" in refused(tmp_path, of_kind("zip")[0].data)


def test_only_the_beginning_of_a_zip_member_of_another_format_is_decompressed(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_MEMBER_BYTES", 50_000)
    members = [(f"{k}.dcm", content) for k, content in enumerate(of_kind("series")[0].files)]
    (tmp_path / "a.zip").write_bytes(zipped([*members, ("movie", b"x" * 60_000)], zipfile.ZIP_STORED))
    ct = liverseg.read(tmp_path / "a.zip")
    assert ct.shape == (5, 96, 96) and "1 file that is not a CT slice" in " ".join(ct.warnings)
