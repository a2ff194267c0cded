"""The affine of a NIfTI image from sform, qform and pixdim, which are compared with each other.

The order is that of nibabel: sform, then qform, then the voxel sizes alone. The qform is read as nibabel and
the library nifti1_io read it: pixdim[0] (qfac) is -1 only where it is negative, and a negative voxel size
counts without its sign. The fields: https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields
"""

from __future__ import annotations

from itertools import product

import numpy as np

from liverseg.core.geometry import is_usable, nearest_axes, spacing_from_affine
from liverseg.io.volume.affine import HeaderAffine, with_third_axis

_LAST_XFORM_CODE = 4  # NIFTI_XFORM_MNI_152
_QUATERNION_TOLERANCE = 1e-3  # above 1 of b² + c² + d², from rounding
_HALF_TURN = 1e-7
_UNIT_TOLERANCE = 1e-3
_SIZE_TOLERANCE = 0.01  # relative
_MAX_ANGLE_DEG = 1.0  # between the axes of two geometries that agree


def header_affine(header, shape: tuple[int, ...]) -> HeaderAffine:
    """The affine of an image of `shape` from a nibabel Nifti1Header or Nifti2Header.

    The sform takes precedence over the qform, unless it is degenerate. An sform of unit vectors holds
    directions only where pixdim gives other sizes: then the sizes are those of pixdim, as in ITK. Any other
    disagreement of sform, qform and pixdim gives a warning, and the sform is used, as in nibabel. Without
    either, the affine is nibabel's default: first axis to the left, second to anterior, third to superior,
    origin in the middle.
    """
    sform_code, qform_code = (_code(int(header[key])) for key in ("sform_code", "qform_code"))
    sizes, known = _voxel_sizes(header)
    if sform_code:
        affine = np.array(header.get_sform(), float)
        if np.isfinite(affine).all() and with_third_axis(affine, sizes[2] if known[2] else 0.0):
            affine, warnings = _compared(affine, header, shape, qform_code)
            has_third = known[2] or bool(np.array(header.get_sform(), float)[:3, 2].any())
            return HeaderAffine(affine, (sform_code, qform_code), (True, True, has_third), warnings)
    if qform_code:
        affine = qform_affine(header)
        if np.isfinite(affine).all():
            return HeaderAffine(affine, (0, qform_code), known)
    affine = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    middle = (np.array((*shape, 1)[:3]) - 1) / 2
    affine[:3, 3] = -affine[:3, :3] @ middle  # as in nibabel's `get_base_affine`
    return HeaderAffine(affine, (0, 0), known)


def qform_affine(header) -> np.ndarray:
    """The (4, 4) affine of the qform; NaN where its numbers are damaged. An unknown size counts as 1."""
    vector = np.array([header[f"quatern_{name}"] for name in "bcd"], float)
    offset = np.array([header[f"qoffset_{name}"] for name in "xyz"], float)
    length = float(vector @ vector)
    if not (np.isfinite(vector).all() and np.isfinite(offset).all() and length <= 1 + _QUATERNION_TOLERANCE):
        return np.full((4, 4), np.nan)
    # As in nifti1_io: so near to a half turn, rounding to float32 is all that remains of the first number.
    is_half_turn = 1.0 - length < _HALF_TURN
    b, c, d = vector / np.sqrt(length) if is_half_turn else vector
    a = 0.0 if is_half_turn else np.sqrt(1.0 - length)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sizes, _ = _voxel_sizes(header)
    qfac = -1.0 if float(header["pixdim"][0]) < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = rotation * [sizes[0], sizes[1], sizes[2] * qfac]
    affine[:3, 3] = offset
    return affine


def _compared(
    sform: np.ndarray, header, shape: tuple[int, ...], qform_code: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The sform, with the sizes of pixdim where it is made of unit vectors, and the warnings about it."""
    warnings = []
    sizes, known = _voxel_sizes(header)
    norms = np.array(spacing_from_affine(sform))
    compared = [k for k in range(min(len(shape), 3)) if known[k]]
    sizes_differ = not np.allclose(norms[compared], sizes[compared], rtol=_SIZE_TOLERANCE)
    if sizes_differ and np.allclose(norms[: min(len(shape), 3)], 1.0, atol=_UNIT_TOLERANCE):
        sform = sform.copy()
        sform[:3, compared] *= sizes[compared] / norms[compared]
        warnings.append(
            "The sform of the NIfTI header gives directions without voxel sizes: the sizes were taken from "
            "pixdim, and programs that read the sform alone show the image with voxels of 1 mm."
        )
        sizes_differ = False
    qform = qform_affine(header) if qform_code else None
    if qform is not None and np.isfinite(qform).all() and all(known[k] for k in compared):
        if _disagree(sform, qform, shape):
            warnings.append(
                "The NIfTI header gives two geometries (sform and qform) that disagree on orientation, voxel "
                "size or position: the sform was used."
            )
            sizes_differ = False
    if sizes_differ:
        warnings.append(
            "The NIfTI header gives voxel sizes (pixdim) that differ from those of its geometry (sform): the "
            "sform was used, and sizes may be wrong."
        )
    return sform, tuple(warnings)


def _disagree(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether two affines put the image at different places: by an axis, a size, 1° or a whole voxel."""
    directions = one[:3, :3], other[:3, :3]
    if not all(map(is_usable, directions)):
        return False
    sizes = [np.array(spacing_from_affine(affine)) for affine in (one, other)]
    axes = min(len(shape), 3)
    if not np.allclose(sizes[0][:axes], sizes[1][:axes], rtol=_SIZE_TOLERANCE):
        return True
    if nearest_axes(directions[0]) != nearest_axes(directions[1]):
        return True
    cosines = np.einsum("ij,ij->j", *(d / s for d, s in zip(directions, sizes, strict=True)))
    if np.degrees(np.arccos(np.clip(cosines[:axes], -1, 1))).max() > _MAX_ANGLE_DEG:
        return True
    ends = [(0, n - 1) for n in (*shape, 1, 1)[:3]]
    corners = np.array([[*corner, 1] for corner in product(*ends)], float)
    distance = np.linalg.norm(corners @ (one - other).T, axis=1).max()
    return bool(distance > sizes[0][:axes].min())


def _voxel_sizes(header) -> tuple[np.ndarray, tuple[bool, bool, bool]]:
    """(3,) voxel sizes of pixdim without their signs, and which of them are known; an unknown one is 1."""
    sizes = np.abs(np.array(header["pixdim"][1:4], float))
    known = np.isfinite(sizes) & (sizes > 0)
    return np.where(known, sizes, 1.0), (bool(known[0]), bool(known[1]), bool(known[2]))


def _code(stored: int) -> int:
    """A valid sform or qform code: unknown positive codes become 1, negative ones 0."""
    return stored if 0 <= stored <= _LAST_XFORM_CODE else int(stored > 0)
