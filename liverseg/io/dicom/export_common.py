"""What the DICOM objects of liverseg have in common."""

from __future__ import annotations

import hashlib
import io

import pydicom
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import format_number_as_ds

import liverseg
from liverseg.analysis.measure import labels_digest
from liverseg.core.image import SliceReference
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.io.files import day_of_making

MANUFACTURER = "liverseg"
SERIES_DESCRIPTION = "liverseg, research only: not for clinical use"
SERIES_NUMBERS = {"SEG": 9801, "RTSTRUCT": 9802}
"""High, so as not to be taken for a series of the scanner."""

EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""What the Patient and General Study modules want to be there, and allow to be empty (type 2)."""


def anonymous_study(dataset: pydicom.Dataset, slices: tuple[SliceReference, ...]) -> None:
    """Give a dataset the study of the slices and their frame of reference, and a patient without a name."""
    for keyword in EMPTY:
        setattr(dataset, keyword, "")
    dataset.StudyInstanceUID = slices[0].study_uid
    dataset.FrameOfReferenceUID = slices[0].frame_of_reference_uid
    dataset.PositionReferenceIndicator = ""


def derived_uid(role: str, slices: tuple[SliceReference, ...], seg: Segmentation) -> UID:
    """A UID that is the same whenever the same weights give the same labels of the same images.

    `role` tells the objects of one result apart. Made of a hash, as `pydicom.uid.generate_uid` does.
    """
    images = hashlib.sha256()
    for one in slices:
        images.update(f"{one.sop_instance_uid}/{one.frame_number}\n".encode())
    what = [role, liverseg.__version__, seg.checkpoint.ref, seg.checkpoint.sha256, seg.engine]
    return generate_uid(entropy_srcs=[*what, images.hexdigest(), labels_digest(seg.labels)])


def software_versions(checkpoint: CheckpointIdentity) -> list[str]:
    """The program and the weights, as SoftwareVersions has them."""
    return [f"liverseg {liverseg.__version__}", long_string(checkpoint.ref)]


def serial_number(checkpoint: CheckpointIdentity) -> str:
    """What tells one such device from another: the weights, by the start of their sha256."""
    return checkpoint.sha256[:16]


def long_string(text: str) -> str:
    r"""A text as VR LO takes it: one value of at most 64 characters.

    >>> long_string("a\\b" + "c" * 80) == "a/b" + "c" * 61
    True
    """
    return text.replace("\\", "/")[:64]


def decimals(values: tuple[float, ...]) -> list[str]:
    """Numbers as decimal strings (VR DS) of at most 16 characters, as exact as these can be."""
    return [format_number_as_ds(float(value)) for value in values]


def dated(dataset: pydicom.Dataset, keywords: tuple[str, ...]) -> None:
    """Set the dates that a dataset has to the day of making, and the times beside them to its beginning.

    The second at which a result was written is nobody's concern, and would make each run's file another.
    """
    for keyword in keywords:
        if keyword in dataset:
            setattr(dataset, keyword, f"{day_of_making():%Y%m%d}")
        if (time := keyword.replace("Date", "Time")) in dataset:
            setattr(dataset, time, "000000")


def file_bytes(dataset: pydicom.Dataset) -> bytes:
    """The dataset as a DICOM file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
