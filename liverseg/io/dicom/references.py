"""What a DICOM image says of itself that a result made from it must quote (pure).

DICOM SEG and RTSTRUCT name the study, the series, the frame of reference and every image that they were
made from. That is all that is kept here, with where each slice lies. It is for those two files and
for nothing else: no report, log, message or cache holds it, and `repr` does not show it.
"""

from __future__ import annotations

import re

import numpy as np

from liverseg.core.image import CTImage, SliceReference, stated
from liverseg.errors import InvalidSetting

GRID_TOLERANCE = np.array([0.5, 1.0, 1.0])  # slices, rows, columns
"""A grid whose slices lie further than this from where the files say is not the files' own. Below it there is
room for headers that round and for slices that are not quite evenly spaced."""

_UID = re.compile(r"[0-9][0-9.]{0,63}")
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def referable_slices(ct: CTImage) -> tuple[SliceReference, ...]:
    """The references of `ct`'s slices, native slice by native slice, fit for a SEG or an RTSTRUCT.

    Raises `InvalidSetting`, in one sentence, where there are none (the input is not DICOM), where the files
    lack or contradict what must be quoted, and where the image is not on the files' own grid.
    """
    slices = ct.source
    if ct.source_format != "dicom" or not slices:
        raise InvalidSetting(
            "DICOM SEG and RTSTRUCT refer to the DICOM images they are made from, and this input is not "
            "DICOM: leave out the formats seg and rtstruct."
        )
    if not all(_UID.fullmatch(uid) for one in slices for uid in one.uids):
        raise InvalidSetting(
            "The DICOM file lacks an identifier (of its study, series, frame of reference or itself) that a "
            "SEG or RTSTRUCT must quote: leave out the formats seg and rtstruct."
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
    if not _on_own_grid(ct):
        raise InvalidSetting(
            "The volume was resampled from the DICOM slices: a SEG or RTSTRUCT, which lies on the slices "
            "themselves, cannot be written from it."
        )
    return slices


def thickness_mm(slices: tuple[SliceReference, ...]) -> float:
    """The thickness of the slices; where the files do not give it, the distance between two.

    A SEG must give one: raises `InvalidSetting` for a lone slice that does not.
    """
    first = slices[0]
    if first.thickness_mm is not None:
        return first.thickness_mm
    if len(slices) == 1:
        raise InvalidSetting(
            "The DICOM file does not give the slice's thickness, which a SEG must: leave out the format seg."
        )
    along = stated(first.orientation)
    step = np.subtract(stated(slices[1].position_mm), stated(first.position_mm))
    return float(abs(step @ np.cross(along[:3], along[3:])))


def native_slices(ct: CTImage, array: np.ndarray) -> np.ndarray:
    """A (S, H, W) array of the radiological grid as (slices, rows, columns) of the DICOM files."""
    native = ct.native.to_native(array)
    return native.reshape(-1, *native.shape[-2:])


def _on_own_grid(ct: CTImage) -> bool:
    """Whether native slice k is the k-th reference's: the count agrees, and where the affine puts each."""
    shape, affine = ct.native.shape, ct.native.affine
    assert affine is not None
    if len(shape) == 2:  # a lone slice; its affine's third axis is the one between slices
        shape, affine = (1, *shape), affine[:, [2, 0, 1, 3]]
    if len(shape) != 3 or shape[0] != len(ct.source):
        return False
    corners = np.array([[0, 0], [shape[1], shape[2]]], float)
    to_index = np.linalg.inv(_RAS_TO_LPS @ affine)
    for k, one in enumerate(ct.source):
        for row, column in corners:
            place = one.corner_affine() @ [row, column, 1.0]
            found = to_index @ [*place, 1.0] - [k, row - 0.5, column - 0.5, 1.0]
            if (np.abs(found[:3]) > GRID_TOLERANCE).any():
                return False
    return True
