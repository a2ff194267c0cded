"""Reads DICOM Segmentations of any tool, with highdicom: binary, fractional and label map."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import highdicom
import numpy as np
import pydicom

from liverseg.core.geometry import (
    is_plausible_spacing,
    nearest_axes,
    radiological_spacing,
    spacing_from_affine,
)
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.limits import check_largest_shape
from liverseg.errors import UnreadableInput
from liverseg.io.masks.grid import place
from liverseg.io.masks.mask import MaskLabel

logging.getLogger("highdicom").setLevel(logging.ERROR)  # it logs UIDs of the source

LEAST_FRACTION = 0.5
"""The share of a fractional segment from which a voxel belongs to it."""

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNEVEN = "The slices of the DICOM SEG are not evenly spaced, so that it cannot be read as a volume."
_RELATIVE_TOLERANCE = 0.05  # of the distances between slices


@dataclass(frozen=True)
class SegMask:
    """The segments of a DICOM Segmentation, whose voxels are unpacked one segment at a time."""

    file: highdicom.seg.Segmentation
    sha256: str
    format: str = "dicom seg"

    @cached_property
    def labels(self) -> tuple[MaskLabel, ...]:
        found = []
        for number in self.file.segment_numbers:
            described = self.file.get_segment_description(number)
            region = [str(code.meaning) for code in described.anatomic_regions]
            kind = str(described.segmented_property_type.meaning)
            elsewhere = any("liver" not in meaning.lower() for meaning in region)
            found.append(MaskLabel(int(number), str(described.segment_label), "" if elsewhere else kind))
        return tuple(found)

    @cached_property
    def native(self) -> NativeGrid:
        """The grid of slices, rows and columns; slices between the first and the last may have no frame."""
        geometry = self.file.get_volume_geometry(rtol=_RELATIVE_TOLERANCE, allow_missing_positions=True)
        if geometry is None:
            raise UnreadableInput(_UNEVEN)
        shape = tuple(int(n) for n in geometry.spatial_shape)
        affine = _LPS_TO_RAS @ np.asarray(geometry.affine, float)
        axes, flipped = nearest_axes(affine[:3, :3])
        check_largest_shape(*(shape[axis] for axis in axes))
        return NativeGrid(shape, axes, flipped, affine)

    def frame(self) -> CTImage:
        native = self.native
        assert native.affine is not None
        spacing = radiological_spacing(spacing_from_affine(native.affine), native.axes)
        known = is_plausible_spacing(spacing)
        slices = native.radiological_shape[0]
        return CTImage(
            hu=np.broadcast_to(np.float32(0), native.radiological_shape),
            spacing_mm=spacing if known else None,
            spacing_source="DICOM SEG" if known else "unknown",
            source_format="dicom",
            native=native,
            kind="slice" if slices == 1 else "volume",
            sha256=self.sha256,
        )

    def region(self, labels: Sequence[MaskLabel], ct: CTImage) -> np.ndarray:
        placement = place(self.native, ct, may_skip=True)
        found = np.zeros(self.native.radiological_shape, bool)
        for label in labels:
            volume = self.file.get_volume(
                segment_numbers=[label.number],
                combine_segments=False,
                rtol=_RELATIVE_TOLERANCE,
                allow_missing_positions=True,
            )
            values = np.asarray(volume.array)[..., 0]
            found |= self.native.to_radiological(values >= LEAST_FRACTION)
        return placement.placed(found, ct.shape)


def seg_mask(dataset: pydicom.Dataset, sha256: str) -> SegMask:
    """The mask in the dataset of a DICOM Segmentation. Raises `UnreadableInput` for a damaged one."""
    try:
        file = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
    except Exception as error:  # highdicom raises exceptions of many classes for missing attributes
        raise UnreadableInput("The DICOM SEG is damaged: what the standard requires is missing.") from error
    return SegMask(file, sha256)
