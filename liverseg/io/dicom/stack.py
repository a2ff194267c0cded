"""Arranges parallel DICOM slices into a regular volume: order, grid, spacing and affine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from liverseg.core import limits
from liverseg.core.geometry import (
    PLACEHOLDER_THICKNESS_MM,
    dicom_affine,
    directions_from_dicom,
    is_axial,
    is_plausible_spacing,
    nearest_axes,
    plane_angles_deg,
    radiological_spacing,
)
from liverseg.core.image import THICKNESS_UNKNOWN, NativeGrid
from liverseg.errors import NotCT, UnreadableInput
from liverseg.io.dicom.concatenation import concatenation_warnings
from liverseg.io.dicom.frame_header import FrameHeader
from liverseg.io.dicom.positions import check_even, slice_normal, unrounded
from liverseg.io.dicom.quantity import refuse_unless_hu

_MAX_SIDEWAYS_DEVIATION = 0.0175  # as a share of the distance between slices: 1 degree
_MIN_REPORTED_SHEAR_DEG = 1.0
_MIN_REPORTED_TILT_DEG = 0.5
_MIN_REPORTED_TURN_DEG = 1.0
_MAX_GANTRY_TILT_DEG = 35.0  # gantries tilt up to 30°
_MIN_GAP_RATIO = 1.5  # of the distance of slices to their thickness
_DEFAULT_ORIENTATION = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class SliceStack:
    """Frames in order: `order[k]` is the index of the frame that becomes native slice k."""

    order: tuple[int, ...]
    native: NativeGrid  # shape (rows, columns) for one slice, (slices, rows, columns) for several
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns of the radiological grid
    spacing_source: str
    warnings: tuple[str, ...]
    orientation_known: bool = True


class _Arrangement(NamedTuple):
    """Order of frames along the slice normal."""

    order: tuple[int, ...]
    distance_mm: float | None  # between slices; of a lone slice its thickness
    shear_deg: float
    is_rounded: bool = False  # positions are rounded to whole mm, and `distance_mm` is not
    shift_mm: float = 0.0  # of the first slice along the normal, to undo its rounding


def stack_frames(frames: list[FrameHeader]) -> SliceStack:
    """Order, grid and spacing of one or several frames of one series.

    Coronal and sagittal series are turned into axial slices. Slices that a gantry tilt shears against each
    other keep their sheared grid, whose spacing is the distance between the planes. Both give a warning.

    Raises NotCT for values that are no HU, for a lone slice that is not axial, and for a coronal or sagittal
    series of too few slices.
    Raises UnreadableInput, with the reason, if several slices do not form a regular volume: different sizes
    or orientations, missing positions, two slices at one position, a missing slice, or a sideways shift.
    """
    for frame in frames:
        refuse_unless_hu(frame.quantity)
    first = frames[0]
    warnings: list[str] = []
    if first.orientation is None:
        if len(frames) > 1:
            raise UnreadableInput("The DICOM slices do not say how they lie in the patient (no orientation).")
        warnings.append(
            "The DICOM file does not say how the slice lies in the patient: the usual orientation is assumed."
        )
    directions = directions_from_dicom(first.orientation or _DEFAULT_ORIENTATION)  # slice, row, column
    axes, flipped = nearest_axes(directions)
    if len(frames) == 1:
        if axes[0] != 0 or not is_axial(directions, 0):
            raise NotCT(
                "The DICOM image is not axial (it is coronal, sagittal or far oblique); liverseg reads axial "
                "CT."
            )
        arrangement = _Arrangement((0,), first.thickness_mm, 0.0)
    else:
        arrangement = _arrange(frames)
        warnings += _distance_warnings(first, arrangement)
    warnings += concatenation_warnings(frame.concatenation for frame in frames)
    depth = arrangement.distance_mm
    tilt, turn = plane_angles_deg(directions, axes, 0)
    if arrangement.shear_deg > _MIN_REPORTED_SHEAR_DEG:
        warnings.append(
            f"The slices are sheared against each other by {arrangement.shear_deg:.0f}° (gantry tilt): they "
            "are read, measured and written on this grid, as they are stored."
        )
    elif max(tilt, abs(first.gantry_tilt_deg)) > _MIN_REPORTED_TILT_DEG:
        warnings.append(
            "The slice is tilted against the body's axes (gantry tilt); it is read as it is stored."
        )
    if turn > _MIN_REPORTED_TURN_DEG:
        warnings.append(
            f"The slices are turned by {turn:.0f}° within their plane against the body's axes; they are read "
            "as they are stored."
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
    affine = None if spacing is None else _affine([frames[k] for k in arrangement.order], arrangement)
    native = NativeGrid((len(frames), first.rows, first.columns), axes, flipped, affine)
    if len(frames) == 1:  # a two-dimensional image: its slice axis becomes the third axis, of length 1
        if affine is not None:
            affine = affine[:, [1, 2, 0, 3]]
        native = NativeGrid(native.shape[1:], tuple((a - 1) % 3 for a in axes), flipped, affine)
    if axes[0] != 0:
        warnings.append(_reformat_warning(native, spacing))
    if spacing is None:
        warnings.append(
            "The DICOM file does not give a usable pixel size in the patient (PixelSpacing): sizes can only "
            "be given in pixels."
        )
    known = first.orientation is not None
    return SliceStack(arrangement.order, native, spacing, source, tuple(warnings), known)


def plane_name(axes: tuple[int, int, int]) -> str:
    """The anatomical plane of slices with these `NativeGrid.axes`.

    >>> plane_name((0, 1, 2)), plane_name((1, 0, 2)), plane_name((1, 2, 0))
    ('axial', 'coronal', 'sagittal')
    """
    return ("axial", "coronal", "sagittal")[axes.index(0)]


def _reformat_warning(native: NativeGrid, spacing: tuple[float, float, float] | None) -> str:
    """The warning on a coronal or sagittal series. Raises NotCT if its axial slices would be too small."""
    _, rows, columns = native.radiological_shape
    plane = plane_name(native.axes)
    if min(rows, columns) < limits.MIN_SIDE_PX:
        raise NotCT(
            f"The DICOM series is {plane} and has only {native.shape[0]} slices, too few to be turned into "
            "axial ones; give the axial series."
        )
    size = "" if spacing is None else f", with pixels of {spacing[1]:.2g} × {spacing[2]:.2g} mm"
    return f"The series is {plane}: it was turned into axial slices{size}; an axial series is more reliable."


def _distance_warnings(first: FrameHeader, arrangement: _Arrangement) -> list[str]:
    """Warnings about slices that leave gaps between them, and about rounded positions."""
    distance = arrangement.distance_mm
    assert distance is not None, "several slices have one"
    warnings = []
    if first.thickness_mm is not None and distance > _MIN_GAP_RATIO * first.thickness_mm:
        warnings.append(
            f"The slices are {distance:.3g} mm apart and {first.thickness_mm:.3g} mm thick: what lies "
            "between was not imaged, or every other slice is missing. Volumes are estimates, and small "
            "lesions may be missed."
        )
    elif first.spacing_between_mm is not None and distance > _MIN_GAP_RATIO * first.spacing_between_mm:
        warnings.append(
            f"The slices are {distance:.3g} mm apart, and their header says {first.spacing_between_mm:.3g} "
            "mm: slices may be missing between them."
        )
    if arrangement.is_rounded:
        warnings.append(
            "The positions of the slices are rounded to whole millimetres: they were read as evenly spaced, "
            f"every {distance:.3g} mm."
        )
    return warnings


def _affine(ordered: list[FrameHeader], arrangement: _Arrangement) -> np.ndarray | None:
    """(4, 4) affine from (slice, row, column) of ordered frames to RAS mm; None without a position."""
    first, last = ordered[0], ordered[-1]
    if first.orientation is None or first.position_mm is None:
        return None
    position, normal = np.array(first.position_mm), slice_normal(first.orientation)
    if len(ordered) > 1:
        step = np.subtract(last.position_mm, position) / (len(ordered) - 1)
    else:
        step = normal * (arrangement.distance_mm or PLACEHOLDER_THICKNESS_MM)
    if arrangement.is_rounded:
        step += normal * (arrangement.distance_mm - step @ normal)
        position = position + normal * arrangement.shift_mm
    return dicom_affine(first.orientation, tuple(position), first.pixel_spacing_mm, step)


def _arrange(frames: list[FrameHeader]) -> _Arrangement:
    """Frames in ascending order along the slice normal. Raises UnreadableInput for an irregular series."""
    _check_alike(frames)
    first = frames[0]
    normal = slice_normal(first.orientation)
    positions = np.array([frame.position_mm for frame in frames])
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    check_even(heights[order])
    steps = len(frames) - 1
    distance = float(heights[order[-1]] - heights[order[0]]) / steps
    rounded = unrounded(heights[order], (first.spacing_between_mm, first.thickness_mm))
    # A gantry tilt shifts each slice sideways by the same amount; any other shift is not a regular grid.
    in_plane = positions[order] - heights[order, None] * normal  # (n, 3)
    drift = (in_plane[-1] - in_plane[0]) / steps
    expected = in_plane[0] + np.arange(len(frames))[:, None] * drift
    deviation = np.linalg.norm(in_plane - expected, axis=1).max()
    if deviation > max(
        _MAX_SIDEWAYS_DEVIATION * distance + 0.01, 0.5 * min(first.pixel_spacing_mm or (0.0,))
    ):
        raise UnreadableInput("The DICOM slices are shifted sideways against each other, and not evenly.")
    shear = float(np.degrees(np.arctan2(np.linalg.norm(drift), distance)))
    if shear > _MAX_GANTRY_TILT_DEG:
        raise UnreadableInput(
            f"The DICOM slices are sheared against each other by {shear:.0f}°, more than a gantry tilts."
        )
    in_order = tuple(int(k) for k in order)
    return (
        _Arrangement(in_order, distance, shear)
        if rounded is None
        else (_Arrangement(in_order, rounded[0], shear, True, rounded[1]))
    )


def _check_alike(frames: list[FrameHeader]) -> None:
    """Raise UnreadableInput unless all frames have a position and one size, orientation and pixel spacing."""
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
