"""The parts of a picture file are counted before it is decoded."""

from __future__ import annotations

import numpy as np
import pytest

import liverseg
from fuzzing.gdcm_encoder import encode
from fuzzing.malformed_pictures import chunks_of, png_of
from fuzzing.seeds import of_kind
from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput


def test_too_many_chunks_scans_segments_or_bytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PICTURE_PARTS", 50)
    monkeypatch.setattr(limits, "MAX_JPEG_SCANS", 10)
    png = next(seed for seed in of_kind("picture") if seed.name == "png").data
    chunks = list(chunks_of(png))
    flood = png_of([chunks[0], *[(b"abCd", b"")] * 60, *chunks[1:]])
    jpeg = next(seed for seed in of_kind("picture") if seed.name == "jpeg-progressive").data
    scan = jpeg.rindex(b"\xff\xda")
    scans = jpeg[:scan] + jpeg[scan:-2] * 12 + jpeg[-2:]
    segments = jpeg[:2] + b"\xff\xfe\0\x02" * 60 + jpeg[2:]
    for content in (flood, scans, segments, jpeg[:2] + b"\xff" * 100 + jpeg[2:]):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(InputTooLarge, match="far more parts"):
            liverseg.read(tmp_path / "a")
    monkeypatch.setattr(limits, "MAX_PICTURE_BYTES", len(png) - 1)
    (tmp_path / "a").write_bytes(png)
    with pytest.raises(InputTooLarge, match="far larger"):
        liverseg.read(tmp_path / "a")


@pytest.mark.parametrize(
    "syntax, bits, name",
    [
        ("1.2.840.10008.1.2.4.51", 12, "a JPEG of 12 bits"),
        ("1.2.840.10008.1.2.4.70", 16, "a lossless JPEG"),
        ("1.2.840.10008.1.2.4.80", 12, "JPEG-LS"),
    ],
)
def test_a_jpeg_that_is_not_decoded_is_named(syntax, bits, name, synthetic_hu, tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode((synthetic_hu() + 1024).astype(np.uint16), syntax, bits))
    with pytest.raises(UnreadableInput, match=f"This is {name}.* save the picture as PNG"):
        liverseg.read(tmp_path / "a.jpg")


def test_a_jpeg_of_8_bits_is_decoded_whatever_its_process(synthetic_hu, tmp_path):
    grey = np.clip(synthetic_hu() // 2 + 100, 0, 255).astype(np.uint8)
    (tmp_path / "a.jpg").write_bytes(encode(grey, "1.2.840.10008.1.2.4.50", 8))
    assert liverseg.read(tmp_path / "a.jpg").shape == (1, 80, 96)
