"""File formats are recognised by their first bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import liverseg
from liverseg.errors import UnreadableInput
from liverseg.io.sniff import is_dicom, is_nifti, sniff


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "The file is empty."),
        (b"this is not a picture\n", "text"),
        ("Grüße".encode() * 50, "text"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
        (b"\x1f\x8b" + b"\xff" * 50, "gzip"),
        (b"%PDF-1.7\n", "PDF"),
        (bytes(range(256)), "unknown"),
        (bytes(128) + b"DICM", "damaged"),
        (bytes(5000), "unknown"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_other_content_is_refused_in_one_sentence(content, sentence, tmp_path):
    path = tmp_path / "Secret.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableInput, match=sentence) as refusal:
        liverseg.read(path)
    assert "Secret" not in str(refusal.value) and str(refusal.value).endswith(".")


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_other_picture_formats_are_named(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((80, 80), np.uint8)).save(buffer, kind)
    with pytest.raises(UnreadableInput, match=f"(?i){kind}"):
        sniff(buffer.getvalue())


@pytest.mark.parametrize(
    "head, kind",
    [
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"RIFF\x08\0\0\0WEBPVP8 ", "webp"),
        (b"NRRD0005\n", "nrrd"),
        (b"NDims = 2\nDimSize = 64 64\nElementType = MET_SHORT\n", "metaimage"),
        (b"PK\x03\x04", "zip"),
        (bytes(128) + b"DICM", "dicom"),
        (b"\x08\0\x05\0CS" + bytes(10), "dicom"),  # explicit VR, without a preamble
        (b"\x08\0\x05\0\x0a\0\0\0" + bytes(10), "dicom"),  # implicit VR, without a preamble
    ],
)
def test_formats_are_recognised_by_their_signature(head, kind):
    assert sniff(head) == kind
    assert is_dicom(head) == (kind == "dicom")


def test_nifti_headers_are_recognised_in_both_byte_orders():
    for order in ("<", ">"):
        first = np.array([348], order + "i4").tobytes() + bytes(340)
        second = np.array([540], order + "i4").tobytes()
        assert is_nifti(first + b"n+1\0") and is_nifti(second + b"n+2\0" + bytes(532))
        assert not is_nifti(first + b"ni1\0"), "half of a .hdr and .img pair"
