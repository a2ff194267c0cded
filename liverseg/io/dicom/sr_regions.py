"""What the measurements of a structured report are of: segments of a DICOM SEG, or outlines on the images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from highdicom.sr import (
    GraphicTypeValues,
    ImageRegion,
    ReferencedSegment,
    SourceImageForRegion,
    SourceSeriesForSegmentation,
)
from pydicom.uid import SegmentationStorage

from liverseg.analysis.lesions import lesion_volume
from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.io.dicom.contours import closed_contours
from liverseg.io.dicom.references import native_slices, referable_slices
from liverseg.io.dicom.seg import SegIdentity

MAX_OUTLINES = 1000
"""A label in more pieces than this, which is noise, has no region of its own."""


@dataclass(frozen=True)
class Region:
    """Where a measurement was made: outlines, or a segment. Neither: there is no voxel to show."""

    outlines: tuple[ImageRegion, ...] = ()
    segment: ReferencedSegment | None = None


def label_regions(ct: CTImage, seg: Segmentation, written: SegIdentity | None) -> tuple[Region, Region]:
    """The regions of the labels liver and tumour: segments where a DICOM SEG is written along, else outlines.

    The liver is also the segment of unsure lesions, whose label it is.
    """
    slices = referable_slices(ct)
    if written is None:
        labels = native_slices(ct, seg.labels)
        found = [tuple(islice(_outlines(labels, slices, k), MAX_OUTLINES + 1)) for k in (LIVER, TUMOUR)]
        liver, tumour = (Region(part if len(part) <= MAX_OUTLINES else ()) for part in found)
        return liver, tumour
    series = SourceSeriesForSegmentation(slices[0].series_uid)
    liver, tumour = (
        Region(
            segment=ReferencedSegment(
                SegmentationStorage,
                written.sop_instance_uid,
                numbers,  # type: ignore[arg-type]  # the standard allows several
                source_series=series,
            )
        )
        for numbers in ([n for n in written.segments if n != TUMOUR], [TUMOUR])
    )
    return liver, tumour


def lesion_regions(ct: CTImage, seg: Segmentation, most: int) -> dict[int, Region]:
    """The outlines of the first `most` lesions on the native slices, by their number.

    They are outlines even where a SEG is written along: its segments hold several lesions, and a reference to
    a segment must not be limited to some frames (PS3.3 table 10-3).
    """
    slices, numbers = referable_slices(ct), native_slices(ct, lesion_volume(seg))
    outlines: dict[int, list[ImageRegion]] = {}
    for k, plane in enumerate(numbers):
        for number in np.unique(plane[(plane > 0) & (plane <= most)]).tolist() if plane.any() else ():
            found = _outlines(numbers[k : k + 1], slices[k : k + 1], number)
            outlines.setdefault(number, []).extend(found)
    return {number: Region(tuple(found)) for number, found in outlines.items()}


def _outlines(values: np.ndarray, slices: tuple[SliceReference, ...], value: int) -> Iterator[ImageRegion]:
    """Closed lines along the edges of the pixels of a value, (column, row) from the corner of the image."""
    for plane, one in zip(values, slices, strict=True):
        mask = plane == value
        for corners in closed_contours(mask) if mask.any() else ():
            points = np.vstack([corners, corners[:1]])[:, ::-1].astype(np.float64)
            frames = None if one.frame_number is None else [one.frame_number]
            source = SourceImageForRegion(one.sop_class_uid, one.sop_instance_uid, frames)
            yield ImageRegion(GraphicTypeValues.POLYLINE, points, source)
