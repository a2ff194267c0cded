"""Orientation, spacing and affines of a file's grid in patient coordinates.

World coordinates are NIfTI's RAS+ millimetres: x to the patient's right, y to anterior, z to superior.
DICOM uses LPS+ coordinates, where x and y have the opposite sign.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from liverseg.core.image import NativeGrid

PLACEHOLDER_THICKNESS_MM = 1.0
"""Slice spacing of a single slice whose thickness is not stored (the default of NIfTI).

`CTImage.spacing_mm` has either all three values or none, and only the in-plane values of a single slice are
used. `CTImage.spacing_source` says when the slice spacing is this placeholder.
"""

AXIAL_LIMIT_DEG = 45.0
"""A slice is axial if the angle between its normal and the body's long axis is at most this."""

_MIN_PIXEL_MM, _MAX_PIXEL_MM, _MAX_SLICE_MM = 0.05, 10.0, 50.0  # no CT scanner exceeds these limits


def nearest_axes(directions: np.ndarray) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """`NativeGrid.axes` and `.flipped` of a grid whose axes run along `directions`.

    `directions` is (3, 3): column j is the RAS direction of native axis j, of any length. Of the six
    assignments of native axes to body axes, the one with the largest sum of |cosines| is chosen. It is exact
    for an orthogonal grid and the nearest one for an oblique grid.

    >>> nearest_axes(np.diag([-1.0, -1.0, 1.0]))  # x to the left, y to posterior, z to superior
    ((2, 1, 0), (False, False, False))
    >>> nearest_axes(np.eye(3))
    ((2, 1, 0), (False, True, True))
    """
    unit = np.asarray(directions, float) / np.linalg.norm(directions, axis=0)
    z, y, x = max(
        permutations(range(3)), key=lambda p: abs(unit[2, p[0]]) + abs(unit[1, p[1]]) + abs(unit[0, p[2]])
    )
    return (z, y, x), (bool(unit[2, z] < 0), bool(unit[1, y] > 0), bool(unit[0, x] > 0))


def spacing_from_affine(affine: np.ndarray) -> tuple[float, float, float]:
    """Distance between neighbours along each native axis in mm: the norms of the columns of `affine`.

    >>> spacing_from_affine(np.diag([-0.7, 0.7, 2.5, 1.0]))
    (0.7, 0.7, 2.5)
    """
    return tuple(float(n) for n in np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0))  # type: ignore[return-value]


def is_usable(directions: np.ndarray) -> bool:
    """Whether three directions (3, 3) are finite, not zero and not in one plane.

    >>> is_usable(np.eye(3)), is_usable(np.diag([1.0, 1.0, 0.0]))
    (True, False)
    """
    directions = np.asarray(directions, float)
    if not np.isfinite(directions).all():
        return False
    norms = np.linalg.norm(directions, axis=0)
    return bool((norms > 0).all() and abs(np.linalg.det(directions / np.where(norms > 0, norms, 1))) > 0.05)


def plane_angles_deg(
    directions: np.ndarray, grid_axes: tuple[int, int, int], slice_axis: int
) -> tuple[float, float]:
    """(tilt, turn) of slices against the body's axes in degrees.

    The tilt is the angle between the slices' normal and the body axis it was assigned to; the turn is the
    angle within the slices between an in-plane axis and the projection of its body axis. `slice_axis` is the
    native axis across the slices; the normal is the cross product of the other two.

    >>> c, s = np.cos(np.radians(10)), np.sin(np.radians(10))
    >>> turned, tilted = directions_from_dicom((c, s, 0, -s, c, 0)), directions_from_dicom((1, 0, 0, 0, c, s))
    >>> [tuple(round(a) for a in plane_angles_deg(d, (0, 1, 2), 0)) for d in (turned, tilted)]
    [(0, 10), (10, 0)]
    """
    unit = np.asarray(directions, float) / np.linalg.norm(directions, axis=0)
    world = {native: body for body, native in zip((2, 1, 0), grid_axes, strict=True)}
    first, second = (a for a in range(3) if a != slice_axis)
    normal = np.cross(unit[:, first], unit[:, second])
    normal /= np.linalg.norm(normal)
    turns = []
    for axis in (first, second):
        body = np.eye(3)[world[axis]]
        projected = body - (body @ normal) * normal
        turns.append(_angle_deg(unit[:, axis], projected))
    return _angle_deg(normal, np.eye(3)[world[slice_axis]]), max(turns)


def _angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    """The angle between two lines, from 0° to 90°. Exact also for small angles, where arccos is not."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), abs(one @ other))))


def directions_from_dicom(orientation: tuple[float, ...]) -> np.ndarray:
    """RAS directions (3, 3) of the native axes (slice, row index, column index) of a DICOM slice.

    `orientation` is ImageOrientationPatient: the LPS direction in which the column index grows, then the
    one in which the row index grows (DICOM PS3.3 C.7.6.2.1.1). The slice axis is their cross product, which
    makes the three axes right-handed in LPS.

    >>> nearest_axes(directions_from_dicom((1, 0, 0, 0, 1, 0)))
    ((0, 1, 2), (False, False, False))
    """
    along_columns, along_rows = np.asarray(orientation, float).reshape(2, 3)
    lps = np.stack([np.cross(along_columns, along_rows), along_rows, along_columns], axis=1)
    ras: np.ndarray = np.diag([-1.0, -1.0, 1.0]) @ lps
    return ras


def dicom_affine(
    orientation: tuple[float, ...],
    position_mm: tuple[float, ...],
    pixel_spacing_mm: tuple[float, ...],
    slice_step_mm: np.ndarray,
) -> np.ndarray:
    """(4, 4) affine from (slice, row, column) indices of DICOM slices to RAS mm.

    `position_mm` is ImagePositionPatient, the LPS centre of the first slice's first pixel.
    `pixel_spacing_mm` is PixelSpacing, between rows and between columns. `slice_step_mm` (3,) is the LPS
    vector from one slice to the next. The formula is DICOM PS3.3 C.7.6.2.1.1, with x and y negated for RAS.

    >>> dicom_affine((1, 0, 0, 0, 1, 0), (-90, -80, 7), (0.8, 0.7), np.array([0, 0, 5]))[:3].tolist()
    [[0.0, 0.0, -0.7, 90.0], [0.0, -0.8, 0.0, 80.0], [5.0, 0.0, 0.0, 7.0]]
    """
    along_columns, along_rows = np.asarray(orientation, float).reshape(2, 3)
    between_rows, between_columns = pixel_spacing_mm
    lps = np.eye(4)
    lps[:3] = np.stack(
        [slice_step_mm, along_rows * between_rows, along_columns * between_columns, position_mm], axis=1
    )
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps + 0.0  # turns -0.0 into 0.0


def is_orientation(orientation: tuple[float, ...]) -> bool:
    """Whether six numbers are two perpendicular unit vectors, within a tolerance of 0.01.

    >>> is_orientation((1, 0, 0, 0, 1, 0)), is_orientation((1, 0, 0, 1, 0, 0))
    (True, False)
    """
    pair = np.asarray(orientation, float).reshape(2, 3)
    return bool(np.isfinite(pair).all() and np.allclose(pair @ pair.T, np.eye(2), atol=0.01))


def is_axial(directions: np.ndarray, slice_axis: int) -> bool:
    """Whether the angle between a slice's normal and the body's long axis is at most `AXIAL_LIMIT_DEG`.

    The normal is the cross product of the two in-plane directions, so it includes a gantry tilt.

    >>> is_axial(np.eye(3), 2), is_axial(np.eye(3), 0)
    (True, False)
    """
    first, second = (np.asarray(directions, float)[:, a] for a in range(3) if a != slice_axis)
    normal = np.cross(first, second)
    return bool(abs(normal[2]) >= np.cos(np.radians(AXIAL_LIMIT_DEG)) * np.linalg.norm(normal) - 1e-9)


def radiological_spacing(
    native_spacing_mm: tuple[float, ...], axes: tuple[int, int, int]
) -> tuple[float, float, float]:
    """Spacing between (slices, rows, columns) from the spacing along the native axes.

    >>> radiological_spacing((0.7, 0.8, 5.0), (2, 1, 0))
    (5.0, 0.8, 0.7)
    """
    return tuple(float(native_spacing_mm[a]) for a in axes)  # type: ignore[return-value]


def is_plausible_spacing(spacing_mm: tuple[float, float, float]) -> bool:
    """Whether a CT scanner could give this spacing between (slices, rows, columns).

    >>> is_plausible_spacing((5.0, 0.7, 0.7)), is_plausible_spacing((5.0, 0.0, 0.7))
    (True, False)
    """
    depth, row, column = spacing_mm
    in_plane = all(_MIN_PIXEL_MM <= s <= _MAX_PIXEL_MM for s in (row, column))
    return bool(in_plane and _MIN_PIXEL_MM <= depth <= _MAX_SLICE_MM)


def upright_grid(shape: tuple[int, ...]) -> NativeGrid:
    """The grid of an array (H, W) or (S, H, W) that is already in radiological orientation.

    >>> upright_grid((2, 3)).to_radiological(np.zeros((2, 3))).shape
    (1, 2, 3)
    """
    return NativeGrid(shape, (2, 0, 1) if len(shape) == 2 else (0, 1, 2), (False, False, False))


def orthogonal_affine(spacing_mm: tuple[float, float, float] | None) -> np.ndarray:
    """(4, 4) affine of a (column, row, slice) array on the radiological grid, to RAS mm.

    Columns run to the patient's left, rows to posterior, slices to superior. The origin is the first voxel,
    because the patient's position is not known. With unknown spacing (None) the unit is one step, not 1 mm.

    >>> orthogonal_affine((5.0, 0.7, 0.8)).diagonal().tolist()
    [-0.8, -0.7, 5.0, 1.0]
    """
    slices, rows, columns = spacing_mm or (1.0, 1.0, 1.0)
    return np.diag([-columns, -rows, slices, 1.0])
