"""Reads the geometry and the rescale of each frame of a CT dataset."""

from __future__ import annotations

from dataclasses import dataclass

import pydicom

from liverseg.core.geometry import is_orientation
from liverseg.errors import UnreadableInput
from liverseg.io.dicom.concatenation import ConcatenationPart, concatenation_part_of
from liverseg.io.dicom.elements import float_values
from liverseg.io.dicom.quantity import Quantity, quantity_of
from liverseg.io.dicom.rescale import Rescale, rescale_of


@dataclass(frozen=True)
class FrameHeader:
    """Geometry and rescale of one frame; None for what the file does not give."""

    rows: int
    columns: int
    orientation: tuple[float, ...] | None  # ImageOrientationPatient, LPS
    position_mm: tuple[float, ...] | None  # ImagePositionPatient, LPS
    pixel_spacing_mm: tuple[float, ...] | None  # between rows, between columns
    thickness_mm: float | None
    gantry_tilt_deg: float
    rescale: Rescale | None
    quantity: Quantity = Quantity()
    has_modality_lut: bool = False
    spacing_between_mm: float | None = None  # SpacingBetweenSlices
    concatenation: ConcatenationPart | None = None


@dataclass(frozen=True)
class _Groups:
    """The datasets that hold the attributes of a frame: functional groups, or the image itself."""

    orientation: pydicom.Dataset
    position: pydicom.Dataset
    measures: pydicom.Dataset
    rescale: pydicom.Dataset
    describing: tuple[pydicom.Dataset, ...]  # the frame's own groups, the shared ones, the image


def frame_headers(dataset: pydicom.Dataset) -> list[FrameHeader]:
    """The header of the one frame of a CT image, or of each frame of an Enhanced CT image.

    Raises UnreadableInput if several frames lack per-frame geometry, or if a rescale is damaged.
    """
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    count = int(dataset.get("NumberOfFrames") or 1)
    if not per_frame:
        if count > 1:
            raise UnreadableInput("This DICOM file holds several frames without the position of each one.")
        return [_frame_header(dataset, _Groups(dataset, dataset, dataset, dataset, (dataset,)))]
    if len(per_frame) != count:
        raise UnreadableInput("The DICOM file is damaged: it does not describe each of its frames.")
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]

    def group(frame: pydicom.Dataset, keyword: str) -> pydicom.Dataset:
        return (frame.get(keyword) or shared.get(keyword) or [pydicom.Dataset()])[0]

    return [
        _frame_header(
            dataset,
            _Groups(
                orientation=group(frame, "PlaneOrientationSequence"),
                position=group(frame, "PlanePositionSequence"),
                measures=group(frame, "PixelMeasuresSequence"),
                rescale=group(frame, "PixelValueTransformationSequence"),
                describing=(frame, shared, dataset),
            ),
        )
        for frame in per_frame
    ]


def _frame_header(image: pydicom.Dataset, groups: _Groups) -> FrameHeader:
    orientation = float_values(groups.orientation, "ImageOrientationPatient", 6)
    # SpacingBetweenSlices is negative where slices are stored from head to feet.
    thickness, between = (
        abs((float_values(groups.measures, keyword, 1) or (0.0,))[0])
        for keyword in ("SliceThickness", "SpacingBetweenSlices")
    )
    return FrameHeader(
        rows=int(image.Rows),
        columns=int(image.Columns),
        orientation=orientation if orientation and is_orientation(orientation) else None,
        position_mm=float_values(groups.position, "ImagePositionPatient", 3),
        pixel_spacing_mm=float_values(groups.measures, "PixelSpacing", 2),
        thickness_mm=thickness or between or None,
        gantry_tilt_deg=(float_values(image, "GantryDetectorTilt", 1) or (0.0,))[0],
        rescale=rescale_of(groups.rescale) or rescale_of(image),
        quantity=quantity_of(*groups.describing),
        has_modality_lut=bool(image.get("ModalityLUTSequence")),
        spacing_between_mm=between or None,
        concatenation=concatenation_part_of(image),
    )


def with_common_rescale(frames: list[FrameHeader]) -> tuple[list[Rescale | None], set[int]]:
    """The rescale of each slice of a volume, and the indices of slices that got it from the others.

    A slice without rescale among slices that have one is a fault of the file. Raises UnreadableInput if the
    others do not share one rescale.
    """
    rescales = [frame.rescale for frame in frames]
    lacking = {k for k, frame in enumerate(frames) if frame.rescale is None and not frame.has_modality_lut}
    given = {rescale for rescale in rescales if rescale is not None}
    if not lacking or not given:
        return rescales, set()
    if len(given) > 1:
        raise UnreadableInput(
            f"{len(lacking)} of the {len(frames)} DICOM slices have no rescale to HU, and those of the "
            "others differ, so that none can be used for them."
        )
    (common,) = given
    return [common if k in lacking else rescale for k, rescale in enumerate(rescales)], lacking
