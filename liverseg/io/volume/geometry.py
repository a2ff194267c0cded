"""Orientation and spacing of a volume file, with checks for headers that are known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.geometry import (
    PLACEHOLDER_THICKNESS_MM,
    is_plausible_spacing,
    nearest_axes,
    plane_angles_deg,
    radiological_spacing,
    spacing_from_affine,
)
from liverseg.core.image import THICKNESS_UNKNOWN
from liverseg.io.volume.affine import HeaderAffine, is_thickness

_FALSE_IDENTITY_SIDE_PX = 256  # in smaller images 1 mm in every direction is plausible
_MAX_TILT_DEG = 10.0
_MIN_REPORTED_SHEAR_DEG = 1.0


@dataclass(frozen=True)
class VolumeGeometry:
    """Orientation and spacing of an image."""

    affine: np.ndarray  # (4, 4) from voxel index to RAS mm
    codes: tuple[int, int]  # NIfTI's sform_code and qform_code; (0, 0) where it is assumed
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns
    spacing_source: str
    warnings: tuple[str, ...] = ()
    orientation_known: bool = True


def volume_geometry(
    title: str, chosen: HeaderAffine, shape: tuple[int, ...], mm_per_unit: float = 1.0
) -> VolumeGeometry:
    """The geometry of an image of `shape` in a file of the format `title`, from what its header gives.

    `mm_per_unit` is the header's unit of length. Without an orientation, 1 mm in every direction counts as
    unknown, because programs write it where they do not know the spacing.
    """
    warnings = list(chosen.warnings)
    from_header = any(chosen.codes)
    if not from_header:
        warnings.append(
            f"The {title} header does not say how the image lies in the patient: left, right, front and back "
            "are assumed."
        )
    affine = np.diag([mm_per_unit, mm_per_unit, mm_per_unit, 1.0]) @ chosen.affine
    axes, _ = nearest_axes(affine[:3, :3])
    if from_header:
        warnings += _angle_warnings(affine, axes)
    native_spacing = list(spacing_from_affine(affine))
    # The planes of a sheared grid (gantry tilt) are closer to each other than their voxel centres.
    plane_distance_mm = abs(np.linalg.det(affine[:3, :3])) / np.prod([native_spacing[a] for a in axes[1:]])
    if not np.isclose(plane_distance_mm, native_spacing[axes[0]], rtol=1e-4):
        native_spacing[axes[0]] = float(plane_distance_mm)
    spacing, source = None, "unknown"
    thin_axis = 2 if len(shape) == 2 else next((a for a in range(3) if shape[a] == 1), None)
    # A two-dimensional file does not declare a third size; NIfTI's value there is 1 by default.
    thickness_known = thin_axis is None or (
        chosen.known[thin_axis]
        and is_thickness(native_spacing[thin_axis])
        and (len(shape) > 2 or native_spacing[thin_axis] != 1.0)
    )
    if not thickness_known:
        native_spacing[thin_axis] = PLACEHOLDER_THICKNESS_MM
    is_false = from_header and is_false_identity(affine, native_spacing, shape)
    if not all(chosen.known[a] for a in range(3) if a != thin_axis):
        warnings.append(f"The {title} header gives no pixel size: sizes can only be given in pixels.")
    elif not from_header and all(s == 1.0 for s in native_spacing):
        warnings.append(
            f"The {title} header gives a spacing of exactly 1 mm in every direction and no geometry, as it "
            "is written where the spacing is not known: sizes can only be given in pixels."
        )
    elif is_false:
        warnings.append(
            "The header gives a spacing of exactly 1 mm in every direction with an identity geometry, which "
            "is known to be false in LiTS and 3D-IRCADb exports: sizes are given in pixels, and the "
            "orientation may be wrong too."
        )
    else:
        candidate = radiological_spacing(tuple(native_spacing), axes)
        if is_plausible_spacing(candidate):
            spacing, source = candidate, f"{title} header"
            if not thickness_known:
                source += THICKNESS_UNKNOWN
                warnings.append(
                    f"The {title} header does not give the slice's thickness: only areas can be given, no "
                    "volumes."
                )
        else:
            warnings.append(
                f"The pixel size in the {title} header is not one a CT has: sizes can only be given in "
                "pixels."
            )
    known = from_header and not is_false
    return VolumeGeometry(affine, chosen.codes, spacing, source, tuple(warnings), known)


def _angle_warnings(affine: np.ndarray, axes: tuple[int, int, int]) -> list[str]:
    """Warnings about axial planes that are tilted, turned in themselves, or sheared against each other."""
    directions = affine[:3, :3]
    tilt, turn = plane_angles_deg(directions, axes, axes[0])
    normal = np.cross(directions[:, axes[1]], directions[:, axes[2]])
    step = directions[:, axes[0]]
    shear = np.degrees(np.arctan2(np.linalg.norm(np.cross(step, normal)), abs(step @ normal)))
    warnings = []
    if shear > _MIN_REPORTED_SHEAR_DEG:
        warnings.append(
            f"The slices are sheared against each other by {shear:.0f}° (gantry tilt): they are read, "
            "measured and written on this grid, as they are stored."
        )
    if tilt > _MAX_TILT_DEG:
        warnings.append(
            f"The image is tilted by {tilt:.0f}° against the body's axes; it is read as it is stored."
        )
    if turn > _MAX_TILT_DEG:
        warnings.append(
            f"The image is turned by {turn:.0f}° within its slices against the body's axes; it is read as it "
            "is stored."
        )
    return warnings


def is_false_identity(affine: np.ndarray, spacing_mm: list[float], shape: tuple[int, ...]) -> bool:
    """Whether a geometry is the identity that some exports write after losing the true one.

    That is 1 mm in every direction and the origin at the first voxel, up to the signs that a conversion
    between LPS and RAS changes, in an image of at least 256 pixels a side.

    >>> is_false_identity(np.eye(4), [1.0, 1.0, 1.0], (512, 512, 100))
    True
    >>> is_false_identity(np.diag([0.8, 0.8, 1, 1]), [0.8, 0.8, 1.0], (512, 512, 100))
    False
    """
    if min(sorted(shape[:3])[-2:]) < _FALSE_IDENTITY_SIDE_PX or any(s != 1.0 for s in spacing_mm):
        return False
    return bool((np.abs(affine) == np.eye(4)).all())
