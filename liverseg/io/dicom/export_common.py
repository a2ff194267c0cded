"""Attributes and encodings that the writers of DICOM results share."""

from __future__ import annotations

import hashlib
import io

import pydicom
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import format_number_as_ds

import liverseg
from liverseg.analysis.measure import labels_digest
from liverseg.analysis.report_text import origin_text
from liverseg.core.image import SliceReference
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.files import result_date

MANUFACTURER = "liverseg"
SERIES_DESCRIPTION = "liverseg, research only: not for clinical use"
EDITED_SERIES_DESCRIPTION = "liverseg, edited by user, research only: not for clinical use"
LABELS_SERIES_DESCRIPTION = "liverseg, labels from a file, research only: not clinical use"
SERIES_NUMBERS = {"SEG": 9801, "RTSTRUCT": 9802, "SR": 9803, "SC": 9804}
"""High numbers, which scanners do not use for their own series."""

EMPTY_KEYWORDS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Type 2 elements of the Patient and General Study modules: they must be present and may be empty."""


def set_anonymous_study(dataset: pydicom.Dataset, slices: tuple[SliceReference, ...]) -> None:
    """Set the study and the frame of reference of the slices, and empty patient and study attributes."""
    for keyword in EMPTY_KEYWORDS:
        setattr(dataset, keyword, "")
    dataset.StudyInstanceUID = slices[0].study_uid
    dataset.FrameOfReferenceUID = slices[0].frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""


def derived_uid(role: str, slices: tuple[SliceReference, ...], seg: Segmentation) -> UID:
    """A reproducible UID: equal whenever the same weights and edits give the same labels for the same images.

    `role` distinguishes the objects of one result. The UID is a hash (see `pydicom.uid.generate_uid`).
    """
    images = hashlib.sha256()
    for one in slices:
        images.update(f"{one.sop_instance_uid}/{one.frame_number}\n".encode())
    sources = [role, liverseg.__version__, seg.checkpoint.ref, seg.checkpoint.sha256, seg.engine]
    edits = [f"rejected {number}" for number in seg.rejected]
    return generate_uid(entropy_srcs=[*sources, images.hexdigest(), labels_digest(seg.labels), *edits])


def series_description(seg: Segmentation) -> str:
    """SeriesDescription: the program, what the result is for, and whether a user edited it."""
    if seg.labels_file is not None:
        return LABELS_SERIES_DESCRIPTION
    return EDITED_SERIES_DESCRIPTION if seg.rejected else SERIES_DESCRIPTION


def is_automatic(seg: Segmentation) -> bool:
    """Whether a network alone made the labels; others have the type SEMIAUTOMATIC."""
    return seg.labels_file is None and not seg.rejected


def edited_description(description: str, seg: Segmentation) -> str:
    """A description, with where the labels come from unless a network made them, and what a user edited."""
    return "; ".join(part for part in (description, origin_text(seg)) if part)


def software_versions(checkpoint: CheckpointIdentity) -> list[str]:
    """The program and the checkpoint, as values of SoftwareVersions."""
    return [f"liverseg {liverseg.__version__}", long_string(checkpoint.ref)]


def serial_number(checkpoint: CheckpointIdentity) -> str:
    """DeviceSerialNumber: the first 16 digits of the sha256 of the weights."""
    return checkpoint.sha256[:16]


def long_string(text: str) -> str:
    r"""A text as one value of VR LO: at most 64 characters, without backslashes.

    >>> long_string("a\\b" + "c" * 80) == "a/b" + "c" * 61
    True
    """
    return text.replace("\\", "/")[:64]


def decimal_strings(values: tuple[float, ...]) -> list[str]:
    """Numbers as decimal strings (VR DS) of at most 16 characters, with the best precision that fits."""
    return [format_number_as_ds(float(value)) for value in values]


def set_dates(dataset: pydicom.Dataset, keywords: tuple[str, ...]) -> None:
    """Set the given dates, where present, to the day of making, and the matching times to midnight.

    The time of day would make the files of equal results differ.
    """
    for keyword in keywords:
        if keyword in dataset:
            setattr(dataset, keyword, f"{result_date():%Y%m%d}")
        if (time := keyword.replace("Date", "Time")) in dataset:
            setattr(dataset, time, "000000")


def file_bytes(dataset: pydicom.Dataset) -> bytes:
    """The dataset encoded as a DICOM file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
