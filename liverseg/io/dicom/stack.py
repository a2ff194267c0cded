"""How DICOM slices lie in the patient, and the order and spacing in which they make a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pydicom

from liverseg.core import limits
from liverseg.core.geometry import (
    PLACEHOLDER_THICKNESS_MM,
    dicom_affine,
    directions_from_dicom,
    is_axial,
    is_orientation,
    is_plausible_spacing,
    nearest_axes,
    radiological_spacing,
    tilt_deg,
)
from liverseg.core.image import THICKNESS_UNKNOWN, NativeGrid
from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.dicom.dataset import numbers
from liverseg.io.dicom.pixels import Rescale, rescale_of
from liverseg.io.dicom.positions import refuse_uneven

_OFF_SIDEWAYS = 0.0175  # of the distance between slices: 1 degree
_SHEAR_WORTH_A_WARNING_DEG = 1.0
_MAX_GANTRY_TILT_DEG = 35.0  # gantries reach 30
_UPRIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_TILT_WORTH_A_WARNING_DEG = 0.5


@dataclass(frozen=True)
class Frame:
    """Geometry and rescale of one slice; None where the file does not say."""

    rows: int
    columns: int
    orientation: tuple[float, ...] | None  # ImageOrientationPatient, LPS
    position_mm: tuple[float, ...] | None  # ImagePositionPatient, LPS
    pixel_spacing_mm: tuple[float, ...] | None  # between rows, between columns
    thickness_mm: float | None
    gantry_tilt_deg: float
    rescale: Rescale | None


@dataclass(frozen=True)
class Stack:
    """Slices in order: `order[k]` is the frame that becomes native slice k."""

    order: tuple[int, ...]
    native: NativeGrid  # of (rows, columns) for one slice, (slices, rows, columns) for several
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns
    spacing_source: str
    warnings: tuple[str, ...]


def frames_of(dataset: pydicom.Dataset) -> list[Frame]:
    """The frames of a CT file: one, or those of an Enhanced CT with per-frame geometry."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    count = int(dataset.get("NumberOfFrames") or 1)
    if not per_frame:
        if count > 1:
            raise UnreadableInput("This DICOM file holds several frames without saying where each one lies.")
        return [_frame(dataset, dataset, dataset, dataset, dataset)]
    if len(per_frame) != count:
        raise UnreadableInput("The DICOM file is damaged: it does not describe each of its frames.")
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [pydicom.Dataset()])[0]

    def group(frame: pydicom.Dataset, keyword: str) -> pydicom.Dataset:
        return (frame.get(keyword) or shared.get(keyword) or [pydicom.Dataset()])[0]

    return [
        _frame(
            dataset,
            group(frame, "PlaneOrientationSequence"),
            group(frame, "PlanePositionSequence"),
            group(frame, "PixelMeasuresSequence"),
            group(frame, "PixelValueTransformationSequence"),
        )
        for frame in per_frame
    ]


def _frame(
    image: pydicom.Dataset,
    plane: pydicom.Dataset,
    place: pydicom.Dataset,
    measures: pydicom.Dataset,
    transform: pydicom.Dataset,
) -> Frame:
    orientation = numbers(plane, "ImageOrientationPatient", 6)
    spacing = numbers(measures, "PixelSpacing", 2)
    # the second has a sign where slices are stored from head to feet
    depths = [abs((numbers(measures, k, 1) or (0.0,))[0]) for k in ("SliceThickness", "SpacingBetweenSlices")]
    return Frame(
        rows=int(image.Rows),
        columns=int(image.Columns),
        orientation=orientation if orientation and is_orientation(orientation) else None,
        position_mm=numbers(place, "ImagePositionPatient", 3),
        pixel_spacing_mm=spacing,
        thickness_mm=next((depth for depth in depths if depth > 0), None),
        gantry_tilt_deg=(numbers(image, "GantryDetectorTilt", 1) or (0.0,))[0],
        rescale=rescale_of(transform) or rescale_of(image),
    )


def stack(frames: list[Frame]) -> Stack:
    """Order, grid and spacing of one or several slices of one series.

    Slices of a coronal or sagittal series are turned into axial ones, slices that a gantry tilt shears
    against each other keep their tilted grid, whose affine is sheared and whose spacing is the distance
    between the planes; both with a warning. Raises NotCT for a lone slice that is not axial,
    UnreadableInput (with the reason) when several slices do not make a regular volume: other sizes or
    orientations, no positions, a position twice, a missing slice, or slices shifted sideways.
    """
    first = frames[0]
    warnings: list[str] = []
    if first.orientation is None:
        if len(frames) > 1:
            raise UnreadableInput("The DICOM slices do not say how they lie in the patient (no orientation).")
        warnings.append(
            "The DICOM file does not say how the slice lies in the patient: the usual orientation is assumed."
        )
    directions = directions_from_dicom(first.orientation or _UPRIGHT)  # slice, row, column
    axes, flipped = nearest_axes(directions)
    if len(frames) == 1 and (axes[0] != 0 or not is_axial(directions, 0)):
        raise NotCT(
            "The DICOM image is not axial (it is coronal, sagittal or far oblique), liverseg reads axial CT."
        )
    order, depth, shear = ((0,), first.thickness_mm, 0.0) if len(frames) == 1 else _order(frames)
    tilt = max(tilt_deg(directions, axes), abs(first.gantry_tilt_deg))
    if shear > _SHEAR_WORTH_A_WARNING_DEG:
        warnings.append(
            f"The slices are sheared against each other by {shear:.0f}° (gantry tilt): they are read, "
            "measured and written on this grid, as they are stored."
        )
    elif tilt > _TILT_WORTH_A_WARNING_DEG:
        warnings.append(
            "The slice is tilted against the body's axes (gantry tilt); it is read as it is stored."
        )
    spacing, source = None, "unknown"
    if first.pixel_spacing_mm is not None:
        candidate = radiological_spacing((depth or PLACEHOLDER_THICKNESS_MM, *first.pixel_spacing_mm), axes)
        if is_plausible_spacing(candidate):
            spacing = candidate
            source = "DICOM PixelSpacing" + ("" if depth else THICKNESS_UNKNOWN)
    if spacing is not None and depth is None:
        warnings.append(
            "The DICOM file does not give the slice's thickness: only areas can be given, no volumes."
        )
    affine = None if spacing is None else _affine([frames[k] for k in order], depth)
    native = NativeGrid((len(frames), first.rows, first.columns), axes, flipped, affine)
    if len(frames) == 1:  # a plain picture: its slice axis is a third one of length 1
        if affine is not None:
            affine = affine[:, [1, 2, 0, 3]]
        native = NativeGrid(native.shape[1:], tuple((a - 1) % 3 for a in axes), flipped, affine)
    if axes[0] != 0:
        warnings.append(_turned(native, spacing))
    if spacing is None:
        warnings.append(
            "The DICOM file does not give a usable pixel size in the patient (PixelSpacing): sizes can only "
            "be given in pixels."
        )
    return Stack(order, native, spacing, source, tuple(warnings))


def plane_of(axes: tuple[int, int, int]) -> str:
    """The name of the plane of slices whose `NativeGrid.axes` these are.

    >>> plane_of((0, 1, 2)), plane_of((1, 0, 2)), plane_of((1, 2, 0))
    ('axial', 'coronal', 'sagittal')
    """
    return ("axial", "coronal", "sagittal")[axes.index(0)]


def _turned(native: NativeGrid, spacing: tuple[float, float, float] | None) -> str:
    """The sentence on a coronal or sagittal series; refuses one of too few slices to be seen from below."""
    _, rows, columns = native.radiological_shape
    plane = plane_of(native.axes)
    if min(rows, columns) < limits.MIN_SIDE_PX:
        raise NotCT(
            f"The DICOM series is {plane} and has only {native.shape[0]} slices, too few to be turned into "
            "axial ones; give the axial series."
        )
    size = "" if spacing is None else f", with pixels of {spacing[1]:.2g} × {spacing[2]:.2g} mm"
    return f"The series is {plane}: it was turned into axial slices{size}; an axial series is more reliable."


def _affine(frames: list[Frame], depth: float | None) -> np.ndarray | None:
    """(4, 4) affine from (slice, row, column) indices of frames in order to RAS mm, where they say it."""
    first, last = frames[0], frames[-1]
    if first.orientation is None or first.position_mm is None:
        return None
    if len(frames) > 1:
        step = np.subtract(last.position_mm, first.position_mm) / (len(frames) - 1)
    else:
        normal = np.cross(first.orientation[:3], first.orientation[3:])
        step = normal * (depth or PLACEHOLDER_THICKNESS_MM)
    return dicom_affine(first.orientation, first.position_mm, first.pixel_spacing_mm, step)


def slice_normal(orientation: tuple[float, ...]) -> np.ndarray:
    """(3,) LPS unit vector across slices of an ImageOrientationPatient."""
    normal = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def _order(frames: list[Frame]) -> tuple[tuple[int, ...], float, float]:
    """Frame indices by rising position along the slice normal; the distance of slices in mm; shear in °."""
    first = frames[0]
    for frame in frames:
        if frame.position_mm is None or frame.orientation is None:
            raise UnreadableInput("A DICOM slice does not say where it lies in the patient (no position).")
        if (frame.rows, frame.columns) != (first.rows, first.columns):
            raise UnreadableInput("The DICOM slices of the series are not all of one size in pixels.")
        if not np.allclose(frame.orientation, first.orientation, atol=1e-3):
            raise UnreadableInput("The DICOM slices of the series are not parallel to each other.")
        if (frame.pixel_spacing_mm is None) != (first.pixel_spacing_mm is None) or (
            first.pixel_spacing_mm
            and not np.allclose(frame.pixel_spacing_mm, first.pixel_spacing_mm, rtol=1e-3)
        ):
            raise UnreadableInput("The DICOM slices of the series do not all have the same pixel spacing.")
    normal = slice_normal(first.orientation)
    positions = np.array([frame.position_mm for frame in frames])
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    refuse_uneven(heights[order])
    steps = len(frames) - 1
    distance = float(heights[order[-1]] - heights[order[0]]) / steps
    # A gantry tilt moves each slice sideways by the same length; anything else is no one grid.
    beside = positions[order] - heights[order, None] * normal  # (n, 3) in the plane
    drift = (beside[-1] - beside[0]) / steps
    off = np.linalg.norm(beside - beside[0] - np.arange(len(frames))[:, None] * drift, axis=1).max()
    if off > max(_OFF_SIDEWAYS * distance + 0.01, 0.5 * min(first.pixel_spacing_mm or (0.0,))):
        raise UnreadableInput("The DICOM slices are shifted sideways against each other, and not evenly.")
    shear = float(np.degrees(np.arctan2(np.linalg.norm(drift), distance)))
    if shear > _MAX_GANTRY_TILT_DEG:
        raise UnreadableInput(
            f"The DICOM slices are sheared against each other by {shear:.0f}°, more than a gantry tilts."
        )
    return tuple(int(k) for k in order), distance, shear
