"""The affine that the header of a volume file gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.core.geometry import PLACEHOLDER_THICKNESS_MM, is_usable


@dataclass(frozen=True)
class HeaderAffine:
    """The affine that a header gives, in its own unit of length."""

    affine: np.ndarray  # (4, 4) from voxel index to RAS
    codes: tuple[int, int]  # NIfTI's sform_code and qform_code; (0, 0) where it is assumed
    known: tuple[bool, bool, bool]  # whether the header gives the voxel size along each axis
    warnings: tuple[str, ...] = ()


def with_third_axis(affine: np.ndarray, thickness: float) -> bool:
    """Fill in a missing third axis (2D files), in place; returns whether the affine is usable.

    `affine` is (4, 4). The axis is the normal of the other two, `thickness` mm long, or 1 mm where no slice
    can be so thick.
    """
    directions = affine[:3, :3]
    if not directions[:, 2].any() and directions[:, :2].any(axis=0).all():
        normal = np.cross(directions[:, 0], directions[:, 1])
        length = np.linalg.norm(normal)
        if length > 0:
            # The sign does not matter for one slice.
            length_mm = thickness if is_thickness(thickness) else PLACEHOLDER_THICKNESS_MM
            directions[:, 2] = normal / length * length_mm
    return is_usable(directions)


def is_thickness(mm: float) -> bool:
    """Whether a slice can be this thick.

    >>> is_thickness(5.0), is_thickness(0.0), is_thickness(float("nan"))
    (True, False, False)
    """
    return bool(np.isfinite(mm) and 0.05 <= mm <= 50)


def assumed_affine(sizes: Sequence[float], known: tuple[bool, bool, bool]) -> HeaderAffine:
    """The affine of a header without an orientation, as ITK assumes it.

    The axes run to the left, to posterior and to superior, from the origin. `sizes` are those of the voxels
    in the header's unit; one that is not known counts as 1.

    >>> assumed_affine([0.7, 0.8, 5.0], (True, True, True)).affine.diagonal().tolist()
    [-0.7, -0.8, 5.0, 1.0]
    """
    across, down, between = (size if is_known else 1.0 for size, is_known in zip(sizes, known, strict=True))
    return HeaderAffine(np.diag([-across, -down, between, 1.0]), (0, 0), known)
