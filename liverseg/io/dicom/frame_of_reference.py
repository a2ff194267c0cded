"""A frame of reference for slices whose files do not name one (pure).

3D-IRCADb's own DICOM and other anonymised series lack FrameOfReferenceUID, which a CT image must have. The
frame is the coordinate system of the positions in a series, not an object that somebody keeps, so a derived
object may name it: PS3.3 A.1.2.3 has all images of a series share one frame, and slices with one orientation
and positions on one line, which is all that the reader builds a volume from, have it in common.

The identifiers of study, series and images are not made: a SEG or an RTSTRUCT quotes them to point at objects
in an archive, and no archive would have the ones that were made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from pydicom.uid import generate_uid

from liverseg.core.image import SliceReference

UID_PATTERN = re.compile(r"[0-9][0-9.]{0,63}")

MADE_WARNING = (
    "The DICOM files do not name a frame of reference: DICOM results name one that was made from the "
    "identifiers of study and series."
)
SHARED_WARNING = (
    "Some DICOM files of the series do not name a frame of reference: DICOM results name that of the others."
)


def with_frame_of_reference(slices: Sequence[SliceReference]) -> tuple[tuple[SliceReference, ...], str]:
    """The references with a frame of reference for those without a valid one, and a warning on it.

    Where the others name one frame, it is that. Otherwise its UID is a hash of the UIDs of study and series,
    so that every result of the series has the same. The references stay as they are, without a warning, where
    nothing is missing, and where the slices do not prove one frame: they name several, lack a position or a
    valid study or series UID, or belong to several series.
    """
    own = tuple(slices)
    named = {one.frame_of_reference_uid for one in own}
    valid = {uid for uid in named if UID_PATTERN.fullmatch(uid)}
    invalid = named - valid - {""}
    if named == valid or len(valid) + len(invalid) > 1:
        return own, ""
    origins = {(one.study_uid, one.series_uid) for one in own}
    has_positions = all(None not in (one.orientation, one.position_mm) for one in own)
    if len(origins) > 1 or not has_positions:
        return own, ""
    (origin,) = origins
    if not all(map(UID_PATTERN.fullmatch, origin)):
        return own, ""
    made = str(generate_uid(entropy_srcs=["liverseg frame of reference", *origin]))
    uid, warning = (valid.pop(), SHARED_WARNING) if valid else (made, MADE_WARNING)
    return tuple(replace(one, frame_of_reference_uid=uid) for one in own), warning
