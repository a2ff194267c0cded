"""The parts of a picture file are counted before it is decoded."""

from __future__ import annotations

import pytest

import liverseg
from fuzzing.malformed_pictures import chunks_of, png_of
from fuzzing.seeds import of_kind
from liverseg.core import limits
from liverseg.errors import InputTooLarge


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
