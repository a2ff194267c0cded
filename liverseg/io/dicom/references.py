"""Checks the references to the source images that DICOM results must contain (pure).

They name the study, the series, the frame of reference and every image that they were made from. The
reader keeps these UIDs, and the position of each slice, for these files only: no report, log, message or
cache contains them, and `repr` does not show them.
"""

from __future__ import annotations

import numpy as np

from liverseg.core.image import CTImage, SliceReference, require_known
from liverseg.errors import InvalidSetting
from liverseg.io.dicom.frame_of_reference import UID_PATTERN

GRID_TOLERANCE = np.array([0.5, 1.0, 1.0])  # slices, rows, columns
"""Largest distance of a slice from its position in the file. A grid beyond it was resampled. The tolerance
allows for headers with rounded positions and for slices that are not quite evenly spaced."""

_IDENTIFIERS = (
    "Study Instance UID",
    "Series Instance UID",
    "Frame of Reference UID",
    "SOP Class UID",
    "SOP Instance UID",
)
"""The names of the elements of `SliceReference.uids`, in its order."""

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def referable_slices(ct: CTImage) -> tuple[SliceReference, ...]:
    """The references of the native slices of `ct`, in order, complete for a DICOM result.

    Raises `InvalidSetting` where `unreferable` has a reason.
    """
    reason = unreferable(ct)
    if reason:
        raise InvalidSetting(f"DICOM results cannot be written: {reason}.")
    return ct.source


def unreferable(ct: CTImage) -> str:
    """Why no DICOM result can refer to the slices of an image, as a clause; "" where one can.

    The input may not be DICOM, the files may lack required UIDs or contradict each other, or the image may
    not be on the grid of the files.
    """
    slices = ct.source
    if ct.source_format != "dicom" or not slices:
        return "the input is not DICOM"
    unusable = _unusable_identifiers(slices)
    if unusable:
        return unusable
    shared = {(one.uids[:3], one.sop_class_uid) for one in slices}
    images = {(one.sop_instance_uid, one.frame_number) for one in slices}
    if len(shared) > 1 or len(images) < len(slices):
        return (
            "the slices do not share one study, frame of reference and kind of image, or two have the same "
            "identifier"
        )
    if ct.spacing_mm is None:
        return "the size of the voxels in the patient is unknown"
    if ct.native.affine is None or any(
        None in (one.orientation, one.position_mm, one.pixel_spacing_mm) for one in slices
    ):
        return "the DICOM file does not say where its slices lie in the patient"
    if not _is_on_file_grid(ct):
        return "the volume was resampled from the DICOM slices, and this format lies on the slices themselves"
    return ""


def _unusable_identifiers(slices: tuple[SliceReference, ...]) -> str:
    """Which identifiers are missing or no UIDs in some slice, as a clause; "" where all are there."""
    columns = zip(*(one.uids for one in slices), strict=True)
    found = dict(zip(_IDENTIFIERS, columns, strict=True))
    missing = [name for name, uids in found.items() if not all(uids)]
    invalid = [name for name, uids in found.items() if not all(map(UID_PATTERN.fullmatch, uids))]
    if len(missing) > 1:
        return f"identifiers that the standard requires are missing: {', '.join(missing)}"
    if missing:
        return f"an identifier that the standard requires is missing: {missing[0]}"
    if len(invalid) > 1:
        return f"identifiers that the standard requires are not valid: {', '.join(invalid)}"
    return f"an identifier that the standard requires is not valid: {invalid[0]}" if invalid else ""


def missing_thickness(slices: tuple[SliceReference, ...]) -> str:
    """Why a SEG, which must give the thickness of its slices, cannot, as a clause; "" where it can."""
    if len(slices) == 1 and slices[0].thickness_mm is None:
        return "the DICOM file does not give the thickness of its slice"
    return ""


def thickness_mm(slices: tuple[SliceReference, ...]) -> float:
    """The thickness of the slices; if the files do not give it, the distance between two slices.

    A SEG must give a thickness. Raises `InvalidSetting` for a lone slice without one.
    """
    reason = missing_thickness(slices)
    if reason:
        raise InvalidSetting(f"A DICOM SEG cannot be written: {reason}.")
    first = slices[0]
    if first.thickness_mm is not None:
        return first.thickness_mm
    along = require_known(first.orientation)
    step = np.subtract(require_known(slices[1].position_mm), require_known(first.position_mm))
    return float(abs(step @ np.cross(along[:3], along[3:])))


def native_slices(ct: CTImage, array: np.ndarray) -> np.ndarray:
    """A (S, H, W) array on the radiological grid as (slices, rows, columns) of the DICOM files."""
    native = ct.native.to_native(array)
    return native.reshape(-1, *native.shape[-2:])


def slices_shown(ct: CTImage, z: int) -> tuple[SliceReference, ...]:
    """The native slices in slice `z` of the radiological grid: itself, or all of a reformatted series."""
    native = ct.native
    if len(native.shape) == 3 and native.axes[0] == 0:
        k = len(ct.source) - 1 - z if native.flipped[0] else z
        return (ct.source[k],)
    return ct.source


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
