"""Axial, coronal and sagittal views of a volume, with their true aspect ratio.

Coronal and sagittal views have the head at the top. Axial and coronal views have the patient's right at the
left; sagittal views have anterior at the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, TUMOUR, Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting
from liverseg.rendering.frame import AXIAL_LETTERS, NO_LETTERS, Frame, Letters, frame_for
from liverseg.rendering.slice_view import DEFAULT_OPACITY, default_slice, overlay, slice_overlay

Point = tuple[int, int, int]
"""Slice, row and column of the voxel of the radiological grid in which the three views intersect."""


@dataclass(frozen=True)
class Plane:
    """One of the three orthogonal views of the radiological grid."""

    name: str
    axis: int  # axis of (slice, row, column) normal to the view
    letters: Letters
    head_up: bool  # whether its rows are slices, from the head down


PLANES: dict[str, Plane] = {
    plane.name: plane
    for plane in (
        Plane("axial", 0, AXIAL_LETTERS, False),
        Plane("coronal", 1, ("R", "L", "H", "F"), True),
        Plane("sagittal", 2, ("A", "P", "H", "F"), True),
    )
}


def plane_named(name: str) -> Plane:
    """The plane called axial, coronal or sagittal; raises `InvalidSetting` for any other name."""
    if name not in PLANES:
        raise InvalidSetting(f"There is no view {name!r}: choose axial, coronal or sagittal.")
    return PLANES[name]


def _axes(plane: Plane) -> tuple[int, int]:
    """The axes of the grid that are the rows and the columns of a view."""
    rows, columns = (axis for axis in range(3) if axis != plane.axis)
    return rows, columns


def section(volume: np.ndarray, plane: Plane, index: int) -> np.ndarray:
    """One view of a (S, H, W) array in its display orientation: a contiguous two-dimensional array.

    >>> volume = np.arange(8).reshape(2, 2, 2)
    >>> section(volume, PLANES["coronal"], 0).tolist(), section(volume, PLANES["sagittal"], 1).tolist()
    ([[4, 5], [0, 1]], [[5, 7], [1, 3]])
    """
    cut = volume[(slice(None),) * plane.axis + (index,)]
    return np.ascontiguousarray(cut[::-1] if plane.head_up else cut)


def label_section(seg: Segmentation, plane: Plane, index: int) -> np.ndarray:
    """`section` of the labels, where unsure lesions have the value `UNSURE_LESION`."""
    if not seg.has_unsure:
        return section(seg.labels, plane, index)
    if plane.axis == 0:
        return seg.labels_with_unsure(index)
    lines = [np.take(seg.labels_with_unsure(z), index, axis=plane.axis - 1) for z in range(len(seg.labels))]
    return np.stack(lines[::-1] if plane.head_up else lines)


def plane_spacing(ct: CTImage, plane: Plane) -> tuple[float, float] | None:
    """Spacing between the rows and between the columns of a view in mm; None: unknown."""
    if ct.spacing_mm is None:
        return None
    rows, columns = _axes(plane)
    return ct.spacing_mm[rows], ct.spacing_mm[columns]


def plane_letters(ct: CTImage, plane: Plane) -> Letters:
    """The letters of a view's picture; none where the orientation is unknown."""
    return plane.letters if ct.orientation_known else NO_LETTERS


def plane_title(ct: CTImage, name: str) -> str:
    """The caption of a view: its name, and that it is assumed where the orientation is unknown.

    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((9, 64, 64), np.float32)
    >>> ct = CTImage(hu, None, "", "nifti", upright_grid(hu.shape), "volume", orientation_known=False)
    >>> plane_title(ct, "coronal")
    'Coronal (assumed)'
    """
    return name.capitalize() + ("" if ct.orientation_known else " (assumed)")


def plane_frame(ct: CTImage, plane: Plane) -> Frame:
    """The layout of a view's picture."""
    rows, columns = _axes(plane)
    return frame_for((ct.shape[rows], ct.shape[columns]), plane_spacing(ct, plane), plane_letters(ct, plane))


def default_point(seg: Segmentation) -> Point:
    """The point to show first: inside tumour, else inside liver, else in the middle.

    Its slice is `default_slice`; in it, the point is the pixel of tumour or liver farthest from their edges.
    """
    z = default_slice(seg)
    mask = seg.labels[z] == TUMOUR
    if not mask.any():
        mask = seg.labels[z] > BACKGROUND
    if not mask.any():
        return z, mask.shape[0] // 2, mask.shape[1] // 2
    depth = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    row, column = divmod(int(depth.argmax()), mask.shape[1])
    return z, row, column


def point_at(ct: CTImage, name: str, point: Point, x_share: float, y_share: float) -> Point:
    """The point at a position in a view's picture (with its strip), clipped to the volume.

    `x_share` and `y_share` are the position as shares of the picture's width and height. `point` gives the
    coordinate along the axis of the view.

    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((100, 256, 256), np.float32)
    >>> ct = CTImage(hu, (2.56, 1.0, 1.0), "", "array", upright_grid(hu.shape), "volume")
    >>> point_at(ct, "coronal", (50, 128, 7), 0.5, 0.0)
    (99, 128, 128)
    """
    plane = plane_named(name)
    frame, (rows, columns) = plane_frame(ct, plane), _axes(plane)
    y = int((y_share * frame.height - frame.top) / frame.rows * ct.shape[rows])
    x = int((x_share * frame.width - frame.left) / frame.columns * ct.shape[columns])
    moved = list(point)
    moved[rows] = min(max(y, 0), ct.shape[rows] - 1)
    moved[columns] = min(max(x, 0), ct.shape[columns] - 1)
    if plane.head_up:
        moved[0] = ct.shape[0] - 1 - moved[0]
    return tuple(moved)  # type: ignore[return-value]


def picture_position(ct: CTImage, name: str, point: Point) -> tuple[float, float]:
    """Position of a point's pixel centre in a view's picture, as shares of its width and height.

    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((100, 256, 256), np.float32)
    >>> ct = CTImage(hu, (2.56, 1.0, 1.0), "", "array", upright_grid(hu.shape), "volume")
    >>> point_at(ct, "coronal", (0, 128, 0), *picture_position(ct, "coronal", (30, 128, 40)))
    (30, 128, 40)
    """
    plane = plane_named(name)
    frame, (rows, columns) = plane_frame(ct, plane), _axes(plane)
    row = ct.shape[0] - 1 - point[0] if plane.head_up else point[rows]
    y = frame.top + (row + 0.5) / ct.shape[rows] * frame.rows
    x = frame.left + (point[columns] + 0.5) / ct.shape[columns] * frame.columns
    return x / frame.width, y / frame.height


def check_point(ct: CTImage, point: Point) -> None:
    """Raise `InvalidSetting` for a point outside the volume."""
    if not all(0 <= index < n for index, n in zip(point, ct.shape, strict=True)):
        raise InvalidSetting(f"The point {point} lies outside the volume of {ct.shape}.")


def plane_view(
    ct: CTImage,
    seg: Segmentation,
    name: str,
    point: Point,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> np.ndarray:
    """The overlay of one view through a point: an RGB array with orientation letters, scale bar and strip.

    `name` is a key of `PLANES`. If the spacing is unknown, voxels are assumed to be cubes and there is no
    scale bar. Raises `InvalidSetting` for an unknown name, for a point outside the volume and for an opacity
    out of range.
    """
    plane = plane_named(name)
    check_point(ct, point)
    if plane.axis == 0:
        return slice_overlay(ct, seg, point[0], window, opacity)
    index = point[plane.axis]
    hu, labels = section(ct.hu, plane, index), label_section(seg, plane, index)
    return overlay(hu, labels, window, opacity, plane_spacing(ct, plane), plane_letters(ct, plane))
