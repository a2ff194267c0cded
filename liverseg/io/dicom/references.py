"""Checks the references to the source images that a DICOM SEG or RTSTRUCT must contain (pure).

Both objects name the study, the series, the frame of reference and every image that they were made from. The
reader keeps these UIDs, and the position of each slice, for these two files only: no report, log, message or
cache contains them, and `repr` does not show them.
"""

from __future__ import annotations

import re

import numpy as np

from liverseg.core.image import CTImage, SliceReference, require_known
from liverseg.errors import InvalidSetting

GRID_TOLERANCE = np.array([0.5, 1.0, 1.0])  # slices, rows, columns
"""Largest distance of a slice from its position in the file. A grid beyond it was resampled. The tolerance
allows for headers with rounded positions and for slices that are not quite evenly spaced."""

_UID_KEYWORDS = (
    "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPClassUID", "SOPInstanceUID",
)  # fmt: skip
"""The elements of `SliceReference.uids`, in its order."""

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def referable_slices(ct: CTImage) -> tuple[SliceReference, ...]:
    """The references of the native slices of `ct`, in order, complete for a SEG or an RTSTRUCT.

    Raises `InvalidSetting` if the input is not DICOM, if the files lack required UIDs or contradict each
    other, or if the image is not on the grid of the files.
    """
    slices = ct.source
    if ct.source_format != "dicom" or not slices:
        raise InvalidSetting(
            "DICOM SEG and RTSTRUCT refer to the DICOM images they are made from, and this input is not "
            "DICOM: leave out the formats seg and rtstruct."
        )
    lacking = _lacking_identifiers(slices)
    if lacking:
        raise InvalidSetting(
            "The DICOM file lacks an identifier that a SEG or RTSTRUCT must quote "
            f"({', '.join(lacking)}): leave out the formats seg and rtstruct."
        )
    shared = {(one.uids[:3], one.sop_class_uid) for one in slices}
    images = {(one.sop_instance_uid, one.frame_number) for one in slices}
    if len(shared) > 1 or len(images) < len(slices):
        raise InvalidSetting(
            "The DICOM slices do not share one study, frame of reference and kind of image, or two have the "
            "same identifier: a SEG or RTSTRUCT cannot refer to them."
        )
    if ct.native.affine is None or any(
        None in (one.orientation, one.position_mm, one.pixel_spacing_mm) for one in slices
    ):
        raise InvalidSetting(
            "The DICOM file does not say where its slices lie in the patient, as a SEG or RTSTRUCT must: "
            "leave out the formats seg and rtstruct."
        )
    if not _is_on_file_grid(ct):
        raise InvalidSetting(
            "The volume was resampled from the DICOM slices: a SEG or RTSTRUCT, which lies on the slices "
            "themselves, cannot be written from it."
        )
    return slices


def _lacking_identifiers(slices: tuple[SliceReference, ...]) -> list[str]:
    """The keywords of the UIDs that a slice lacks, or that are no UIDs."""
    return [
        keyword
        for keyword, uids in zip(_UID_KEYWORDS, zip(*(one.uids for one in slices), strict=True), strict=True)
        if not all(map(_UID.fullmatch, uids))
    ]


def thickness_mm(slices: tuple[SliceReference, ...]) -> float:
    """The thickness of the slices; if the files do not give it, the distance between two slices.

    A SEG must give a thickness. Raises `InvalidSetting` for a lone slice without one.
    """
    first = slices[0]
    if first.thickness_mm is not None:
        return first.thickness_mm
    if len(slices) == 1:
        raise InvalidSetting(
            "The DICOM file does not give the slice's thickness, which a SEG must: leave out the format seg."
        )
    along = require_known(first.orientation)
    step = np.subtract(require_known(slices[1].position_mm), require_known(first.position_mm))
    return float(abs(step @ np.cross(along[:3], along[3:])))


def native_slices(ct: CTImage, array: np.ndarray) -> np.ndarray:
    """A (S, H, W) array on the radiological grid as (slices, rows, columns) of the DICOM files."""
    native = ct.native.to_native(array)
    return native.reshape(-1, *native.shape[-2:])


def _is_on_file_grid(ct: CTImage) -> bool:
    """Whether the affine puts each native slice where its reference says, within `GRID_TOLERANCE`."""
    shape, affine = ct.native.shape, ct.native.affine
    assert affine is not None
    if len(shape) == 2:  # a lone slice; the third axis of its affine is the slice axis
        shape, affine = (1, *shape), affine[:, [2, 0, 1, 3]]
    if len(shape) != 3 or shape[0] != len(ct.source):
        return False
    corners = np.array([[0, 0], [shape[1], shape[2]]], float)
    to_index = np.linalg.inv(_RAS_TO_LPS @ affine)
    for k, one in enumerate(ct.source):
        for row, column in corners:
            point = one.corner_affine() @ [row, column, 1.0]
            deviation = to_index @ [*point, 1.0] - [k, row - 0.5, column - 0.5, 1.0]
            if (np.abs(deviation[:3]) > GRID_TOLERANCE).any():
                return False
    return True
