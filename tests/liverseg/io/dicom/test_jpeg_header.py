"""The size and precision that a codestream declares."""

from __future__ import annotations

import pytest

from liverseg.errors import UnreadableInput
from liverseg.io.dicom.jpeg_header import codestream_precision, codestream_size


def test_the_frame_header_is_found_behind_other_segments_and_fill_bytes():
    jpeg = bytes.fromhex("ffd8 ffe0 0004 0000 ffff c1 000b 0c 0060 0080 01")
    assert codestream_size(jpeg) == (96, 128) and codestream_precision(jpeg) == 12


def test_a_jpeg_2000_size_is_the_reference_grid_without_its_offset():
    size = [160, 108, 32, 12, 160, 108, 0, 0]  # right, bottom, left, top; the tile's size and offset
    grid = b"".join(number.to_bytes(4, "big") for number in size)
    codestream = bytes.fromhex("ff4f ff51 0029 0000") + grid + bytes.fromhex("0001 8b 01 01")
    assert codestream_size(codestream) == (96, 128)
    assert codestream_precision(codestream) == 12  # 11 is stored, with the sign in the highest bit


def test_a_damaged_codestream_is_refused():
    for damaged in (b"", b"\xff\xd8", b"\xff\xd8\xff\xda\x00\x00", b"\xff\x4f\xff\x51\x00"):
        with pytest.raises(UnreadableInput):
            codestream_size(damaged)
