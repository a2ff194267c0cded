"""Orientation and spacing from a NIfTI header, with checks for headers that are known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.geometry import (
    PLACEHOLDER_THICKNESS_MM,
    is_plausible_spacing,
    is_usable,
    nearest_axes,
    radiological_spacing,
    spacing_from_affine,
    tilt_deg,
)
from liverseg.core.image import THICKNESS_UNKNOWN

_MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}  # xyzt_units: metre, millimetre, micrometre
_FALSE_IDENTITY_SIDE_PX = 256  # in smaller images 1 mm in every direction is plausible
_LAST_XFORM_CODE = 4  # NIFTI_XFORM_MNI_152
_MAX_TILT_DEG = 10.0


@dataclass(frozen=True)
class NiftiGeometry:
    """Orientation and spacing of a NIfTI image."""

    affine: np.ndarray  # (4, 4) from voxel index to RAS mm
    codes: tuple[int, int]  # sform_code and qform_code; (0, 0) where the affine is assumed
    spacing_mm: tuple[float, float, float] | None  # between slices, rows, columns
    spacing_source: str
    warnings: tuple[str, ...] = ()


def nifti_geometry(header, shape: tuple[int, ...]) -> NiftiGeometry:
    """The geometry of an image of `shape` from a nibabel Nifti1Header or Nifti2Header.

    The sform takes precedence over the qform, as in nibabel, unless it is degenerate. Without either, the
    affine is nibabel's default (first axis to the left, second to anterior, third to superior, origin in
    the middle of the image), and the spacing is that of pixdim. In this case 1 mm in every direction counts
    as unknown, because programs write it where they do not know the spacing.
    """
    warnings: list[str] = []
    affine, codes = _affine(header, shape)
    from_header = any(codes)
    if not from_header:
        warnings.append(
            "The NIfTI header does not say how the image lies in the patient: left, right, front and back "
            "are assumed."
        )
    if _disagree(header, affine, codes):
        warnings.append(
            "The NIfTI header gives two geometries (sform and qform) that disagree on orientation or pixel "
            "size: the sform was used."
        )
    unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    affine = np.diag([unit, unit, unit, 1.0]) @ affine
    axes, _ = nearest_axes(affine[:3, :3])
    tilt = tilt_deg(affine[:3, :3], axes)
    if from_header and tilt > _MAX_TILT_DEG:
        warnings.append(
            f"The image is tilted by {tilt:.0f}° against the body's axes; it is read as it is stored."
        )
    native_spacing = list(spacing_from_affine(affine))
    # The planes of a sheared grid (gantry tilt) are closer to each other than their voxel centres.
    plane_distance_mm = abs(np.linalg.det(affine[:3, :3])) / np.prod([native_spacing[a] for a in axes[1:]])
    if not np.isclose(plane_distance_mm, native_spacing[axes[0]], rtol=1e-4):
        native_spacing[axes[0]] = float(plane_distance_mm)
    spacing, source = None, "unknown"
    thin_axis = 2 if len(shape) == 2 else next((a for a in range(3) if shape[a] == 1), None)
    # A two-dimensional file does not declare a third size; its value there is NIfTI's default of 1.
    thickness_known = thin_axis is None or (
        _is_thickness(native_spacing[thin_axis]) and (len(shape) > 2 or native_spacing[thin_axis] != 1.0)
    )
    if not thickness_known:
        native_spacing[thin_axis] = PLACEHOLDER_THICKNESS_MM
    has_pixdim = (np.isfinite(header["pixdim"][1:3]) & (header["pixdim"][1:3] != 0)).all()
    if not from_header and not has_pixdim:
        warnings.append("The NIfTI header gives no pixel size: sizes can only be given in pixels.")
    elif not from_header and all(s == 1.0 for s in native_spacing):
        warnings.append(
            "The NIfTI header gives a spacing of exactly 1 mm in every direction and no geometry, as it is "
            "written where the spacing is not known: sizes can only be given in pixels."
        )
    elif from_header and is_false_identity(affine, native_spacing, shape):
        warnings.append(
            "The header gives a spacing of exactly 1 mm in every direction with an identity geometry, which "
            "is known to be false in LiTS and 3D-IRCADb exports: sizes are given in pixels, and the "
            "orientation may be wrong too."
        )
    else:
        candidate = radiological_spacing(tuple(native_spacing), axes)
        if is_plausible_spacing(candidate):
            spacing, source = candidate, "NIfTI header"
            if not thickness_known:
                source += THICKNESS_UNKNOWN
                warnings.append(
                    "The NIfTI header does not give the slice's thickness: only areas can be given, no "
                    "volumes."
                )
        else:
            warnings.append(
                "The pixel size in the NIfTI header is not one a CT has: sizes can only be given in pixels."
            )
    return NiftiGeometry(affine, codes, spacing, source, tuple(warnings))


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


def _affine(header, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, int]]:
    """The (4, 4) affine and the codes of sform and qform; (0, 0) where it is derived from pixdim."""
    sform_code, qform_code = (_code(int(header[key])) for key in ("sform_code", "qform_code"))
    thickness = float(header["pixdim"][3])
    if sform_code:
        affine = np.array(header.get_sform(), float)
        if np.isfinite(affine).all() and _repaired(affine, thickness):
            return affine, (sform_code, qform_code)
    if qform_code:
        affine = _qform(header)
        if np.isfinite(affine).all() and _repaired(affine, thickness):
            return affine, (0, qform_code)
    size = np.abs(np.nan_to_num(header["pixdim"][1:4].astype(float), nan=1.0, posinf=1.0, neginf=1.0))
    size[size == 0] = 1.0
    affine = np.diag([-size[0], size[1], size[2], 1.0])
    middle = (np.array((*shape, 1)[:3]) - 1) / 2
    affine[:3, 3] = -affine[:3, :3] @ middle  # as in nibabel's `get_base_affine`
    return affine, (0, 0)


def _disagree(header, affine: np.ndarray, codes: tuple[int, int]) -> bool:
    """Whether the qform differs from `affine`, which is the sform, in its axes or voxel size."""
    if not all(codes):
        return False
    other = _qform(header)
    if not is_usable(other[:3, :3]):
        return False
    sizes = [spacing_from_affine(a) for a in (affine, other)]
    return nearest_axes(affine[:3, :3]) != nearest_axes(other[:3, :3]) or not np.allclose(*sizes, rtol=0.01)


def _qform(header) -> np.ndarray:
    """The (4, 4) affine of the qform; NaN where the quaternion is damaged."""
    try:
        return np.array(header.get_qform(), float)
    except Exception:  # nibabel raises exceptions of several classes
        return np.full((4, 4), np.nan)


def _code(stored: int) -> int:
    """A valid sform or qform code: unknown positive codes become 1, negative ones 0."""
    return stored if 0 <= stored <= _LAST_XFORM_CODE else int(stored > 0)


def _repaired(affine: np.ndarray, thickness: float) -> bool:
    """Fill in a missing third axis (2D files), in place; returns whether the affine is usable."""
    directions = affine[:3, :3]
    if not directions[:, 2].any() and directions[:, :2].any(axis=0).all():
        normal = np.cross(directions[:, 0], directions[:, 1])
        length = np.linalg.norm(normal)
        if length > 0:
            # The sign does not matter for one slice.
            length_mm = thickness if _is_thickness(thickness) else PLACEHOLDER_THICKNESS_MM
            directions[:, 2] = normal / length * length_mm
    return is_usable(directions)


def _is_thickness(mm: float) -> bool:
    """Whether a slice can be this thick."""
    return bool(np.isfinite(mm) and 0.05 <= mm <= 50)
