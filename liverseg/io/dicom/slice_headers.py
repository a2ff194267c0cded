"""The slices of a CT file by its header, without its pixels, also of a file that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.filereader import read_partial
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian

from liverseg.core import limits
from liverseg.errors import InputTooLarge, LiversegError, NotCT, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads, inflate
from liverseg.io.dicom.dataset import NoImage, is_ct_class, open_dataset, open_header, refuse_unless_ct
from liverseg.io.dicom.pixels import check_decodable
from liverseg.io.dicom.slices import Slice, slices_of, undescribed_slice
from liverseg.io.dicom.transfer_syntax import UNCOMPRESSED

_IDENTIFIERS = [
    Tag(keyword)
    for keyword in (
        *("SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID"),
        *("SeriesNumber", "NumberOfFrames"),
    )
]
"""The elements that say to which series a file belongs, in the order of their tags."""

_DAMAGED = "The file is truncated or damaged and cannot be read."


def read_slice_headers(stream: BinaryIO, file: int) -> tuple[pydicom.Dataset, list[Slice]]:
    """The header of a DICOM file, without pixels, and the CT slices in it. `file` becomes `Slice.file`.

    A file of a known series that cannot be read gives slices with the reason in `Slice.refusal`. Raises NotCT
    or NoImage for a file that does not belong to a CT series. Raises another LiversegError for a file that
    cannot be read if its series is unknown.
    """
    with as_refusal():
        if stream.seek(0, os.SEEK_END) > limits.MAX_FILE_BYTES:
            raise InputTooLarge("The file is larger than 2 GiB.")
        stream.seek(0)
        stream = inflate(stream)
    try:
        with as_refusal():
            return _described(stream, file)
    except (NotCT, NoImage):
        raise
    except LiversegError as error:
        identifiers = _identifiers(stream)
        if identifiers is None:
            raise
        return identifiers, [undescribed_slice(identifiers, file, error)]


def _described(stream: BinaryIO, file: int) -> tuple[pydicom.Dataset, list[Slice]]:
    """As `read_slice_headers`, for a file that is not deflated. Raises a LiversegError if it is damaged."""
    dataset, is_cut_short = open_header(stream)
    pixels_start = stream.tell()
    rest_bytes = max(stream.seek(0, os.SEEK_END) - pixels_start, 0)
    if not is_cut_short:
        _refuse_without_image(dataset, rest_bytes)
    refuse_unless_ct(dataset, pixels=False)
    if not is_ct_class(dataset):  # other classes may be valid without pixels
        stream.seek(0)
        refuse_unless_ct(open_dataset(stream))
    slices = slices_of(dataset, file)
    if int(dataset.Rows) < 1 or int(dataset.Columns) < 1:
        raise UnreadableInput("The DICOM file is damaged: its image has no rows or no columns.")
    refusal = _pixel_refusal(dataset, rest_bytes)
    return dataset, [replace(one, refusal=refusal) for one in slices]


def _identifiers(stream: BinaryIO) -> pydicom.Dataset | None:
    """The elements that say to which series a damaged file belongs; None if it does not say it.

    Raises NotCT for an image that is not CT.
    """
    stream.seek(0)
    try:
        dataset = read_partial(
            CountedReads(stream),
            stop_when=lambda tag, vr, length: tag > _IDENTIFIERS[-1],  # the rest may be damaged
            force=True,
            specific_tags=_IDENTIFIERS,
        )
        is_ct = str(dataset.get("Modality") or "CT").upper() == "CT"
        is_known = _has_whole_series_uid(dataset)
    except Exception:  # pydicom raises errors of many types on damaged bytes
        return None
    if not is_ct:
        raise NotCT("This is not a CT image; liverseg reads CT.")
    return dataset if is_known else None


@contextmanager
def as_refusal() -> Iterator[None]:
    """Turn an exception that damaged bytes raise into UnreadableInput.

    Every `LiversegError`, OSError and MemoryError passes.
    """
    try:
        yield
    except (LiversegError, OSError, MemoryError):
        raise
    except Exception as error:  # pydicom raises errors of many types on damaged bytes
        raise UnreadableInput(_DAMAGED) from error


def _has_whole_series_uid(dataset: pydicom.Dataset) -> bool:
    """Whether the file has a SeriesInstanceUID that it does not end within."""
    if "SeriesInstanceUID" not in dataset:
        return False
    element = dataset.get_item("SeriesInstanceUID")
    if isinstance(element, RawDataElement) and len(element.value or b"") < element.length:
        return False
    return bool(dataset.get("SeriesInstanceUID"))


def _refuse_without_image(dataset: pydicom.Dataset, rest_bytes: int) -> None:
    """Raise NoImage for a complete CT object with no element of an image, as some programs write."""
    is_complete = bool(dataset.get("SeriesInstanceUID")) and not rest_bytes
    if is_complete and is_ct_class(dataset) and "Rows" not in dataset and "Columns" not in dataset:
        raise NoImage("The DICOM file holds no image.")


def _pixel_refusal(dataset: pydicom.Dataset, rest_bytes: int) -> UnreadableInput | None:
    """Why the pixels cannot be read, by the header and the number of bytes that follow it; else None."""
    try:
        with as_refusal():
            syntax = check_decodable(dataset)
            if not rest_bytes:
                raise UnreadableInput("The DICOM file holds no pixels, or is truncated before them.")
            frames = max(int(dataset.get("NumberOfFrames") or 1), 1)
            bits = int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) * frames
            head_bytes = 8 if syntax == ImplicitVRLittleEndian else 12  # of the pixel data element
            if syntax in UNCOMPRESSED and rest_bytes < head_bytes + bits // 8:
                raise UnreadableInput("The DICOM file is truncated: it ends before its last pixel.")
    except UnreadableInput as error:
        return error
    return None
