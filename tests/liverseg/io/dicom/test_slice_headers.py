"""The slices of a file by its header, also of files that cannot be read."""

from __future__ import annotations

import io

import pytest

from liverseg.core import limits
from liverseg.errors import InputTooLarge, UnreadableInput
from liverseg.io.dicom.dataset import NoImage
from liverseg.io.dicom.slice_headers import read_slice_headers

DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"


@pytest.fixture
def content(synthetic_hu, dicom_dataset, dicom_bytes):
    """The bytes of a CT file; takes the arguments of `dicom_dataset`."""
    return lambda *args, **tags: dicom_bytes(dicom_dataset(synthetic_hu(), *args, **tags))


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED, RLE]
)
def test_a_whole_file_has_a_slice_without_a_refusal(syntax, content):
    _, (one,) = read_slice_headers(io.BytesIO(content(syntax)), 3)
    assert (one.file, one.frames, one.refusal, one.is_described) == (3, 1, None, True)


@pytest.mark.parametrize("missing_bytes", [1, 300, 15_000])
def test_a_file_that_ends_before_its_last_pixel_has_a_slice_with_the_reason(missing_bytes, content):
    _, (one,) = read_slice_headers(io.BytesIO(content()[:-missing_bytes]), 0)
    assert one.is_described and one.frame.position_mm == (-100, -100, 50)
    assert "ends before its last pixel" in str(one.refusal)


def test_a_header_without_pixels_has_a_slice_with_the_reason(content):
    whole = content()
    _, (one,) = read_slice_headers(io.BytesIO(whole[: whole.index(b"\xe0\x7f\x10\0OW")]), 0)
    assert one.is_described and "holds no pixels" in str(one.refusal)


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_at_every_length_a_file_is_described_or_has_a_reason(content):
    """The series is known from the length at which its identifier is complete."""
    whole = content(SeriesInstanceUID="1.2.3.4.5.6")
    known = whole.index(b"1.2.3.4.5.6") + 12  # with its padding
    for length in range(300, 1100, 7):
        try:
            _, slices = read_slice_headers(io.BytesIO(whole[:length]), 0)
        except UnreadableInput as error:
            assert str(error).endswith(".") and (length < known or isinstance(error, NoImage))
        else:
            assert length >= known and all(one.refusal is not None for one in slices)


def test_a_ct_object_without_an_image_is_not_a_damaged_file(content):
    complete = content(Rows=None, Columns=None, PixelData=None)
    with pytest.raises(NoImage):
        read_slice_headers(io.BytesIO(complete), 0)
    _, (one,) = read_slice_headers(io.BytesIO(complete[:-3]), 0)  # cut within an element
    assert not one.is_described and "truncated" in str(one.refusal)


def test_a_file_over_the_limit_is_refused_before_it_is_read(content, monkeypatch):
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    with pytest.raises(InputTooLarge, match="larger than 2 GiB"):
        read_slice_headers(io.BytesIO(content()), 0)
