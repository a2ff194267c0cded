"""Axial, coronal and sagittal views of a volume, with their true aspect (pure).

The head is up in a coronal and a sagittal view; the patient's right is at the left of an axial and a
coronal view, the front at the left of a sagittal one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, TUMOUR, Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting
from liverseg.rendering.colours import RGB
from liverseg.rendering.frame import AXIAL_LETTERS, Frame, Letters, frame_for
from liverseg.rendering.slice_view import DEFAULT_OPACITY, heatmap, overlay, telling_slice, windowed

Point = tuple[int, int, int]
"""Slice, row, column of the radiological grid: where all three views cut."""

CROSS_RGB: RGB = (255, 214, 90)
"""Of the lines that say where the other views cut."""

CROSS_OPACITY = 0.55


@dataclass(frozen=True)
class Plane:
    """How a view cuts the grid: along which axis, and which axes are its rows and columns."""

    name: str
    axis: int  # of (slice, row, column) that a view holds still
    letters: Letters
    head_up: bool  # its rows are slices, shown from the head down


PLANES: dict[str, Plane] = {
    plane.name: plane
    for plane in (
        Plane("axial", 0, AXIAL_LETTERS, False),
        Plane("coronal", 1, ("R", "L", "H", "F"), True),
        Plane("sagittal", 2, ("A", "P", "H", "F"), True),
    )
}


def plane_named(name: str) -> Plane:
    """Raises `InvalidSetting` for a name that is none of the three."""
    if name not in PLANES:
        raise InvalidSetting(f"There is no view {name!r}: choose axial, coronal or sagittal.")
    return PLANES[name]


def _axes(plane: Plane) -> tuple[int, int]:
    """The grid's axes that are the rows and the columns of a view."""
    rows, columns = (axis for axis in range(3) if axis != plane.axis)
    return rows, columns


def section(volume: np.ndarray, plane: Plane, index: int) -> np.ndarray:
    """One view of a (S, H, W) array, as it is shown: a contiguous array of two axes.

    >>> volume = np.arange(8).reshape(2, 2, 2)
    >>> section(volume, PLANES["coronal"], 0).tolist(), section(volume, PLANES["sagittal"], 1).tolist()
    ([[4, 5], [0, 1]], [[5, 7], [1, 3]])
    """
    cut = volume[(slice(None),) * plane.axis + (index,)]
    return np.ascontiguousarray(cut[::-1] if plane.head_up else cut)


def plane_spacing(ct: CTImage, plane: Plane) -> tuple[float, float] | None:
    """Between the rows and between the columns of a view in mm; None: unknown."""
    if ct.spacing_mm is None:
        return None
    rows, columns = _axes(plane)
    return ct.spacing_mm[rows], ct.spacing_mm[columns]


def plane_frame(ct: CTImage, plane: Plane) -> Frame:
    """Where a view's pixels lie in its picture."""
    rows, columns = _axes(plane)
    return frame_for((ct.shape[rows], ct.shape[columns]), plane_spacing(ct, plane), plane.letters)


def telling_point(seg: Segmentation) -> Point:
    """Where to cut first: through the most tumour, else through the most liver, else the middle.

    The slice is `telling_slice`, row and column those with most within it.
    """
    z = telling_slice(seg)
    shown = seg.labels[z] == TUMOUR
    if not shown.any():
        shown = seg.labels[z] > BACKGROUND
    if not shown.any():
        return z, shown.shape[0] // 2, shown.shape[1] // 2
    return z, int(shown.sum(axis=1).argmax()), int(shown.sum(axis=0).argmax())


def point_at(ct: CTImage, name: str, point: Point, x_share: float, y_share: float) -> Point:
    """The point under a click at a share of a view's picture, its strip included; kept inside the volume.

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


def shares_at(ct: CTImage, name: str, point: Point) -> tuple[float, float]:
    """Where a point lies in a view's picture, as shares of its width and height: the middle of its pixel.

    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((100, 256, 256), np.float32)
    >>> ct = CTImage(hu, (2.56, 1.0, 1.0), "", "array", upright_grid(hu.shape), "volume")
    >>> point_at(ct, "coronal", (0, 128, 0), *shares_at(ct, "coronal", (30, 128, 40)))
    (30, 128, 40)
    """
    plane = plane_named(name)
    frame, (rows, columns) = plane_frame(ct, plane), _axes(plane)
    row = ct.shape[0] - 1 - point[0] if plane.head_up else point[rows]
    y = frame.top + (row + 0.5) / ct.shape[rows] * frame.rows
    x = frame.left + (point[columns] + 0.5) / ct.shape[columns] * frame.columns
    return x / frame.width, y / frame.height


def plane_view(
    ct: CTImage,
    seg: Segmentation | None,
    name: str,
    point: Point,
    show: str = "segmentation",
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    cross: bool = False,
) -> np.ndarray:
    """One view of a volume through a point: an RGB array with orientation letters, scale bar and strip.

    `name` is that of `PLANES`; `show` is "ct", "segmentation" or "heatmap", without a segmentation
    always the CT. With `cross`, lines say where the other two views cut. Where the spacing is unknown voxels
    are taken to be cubes, and there is no scale bar. Raises `InvalidSetting` for an unknown name, for
    a point outside the volume and for an opacity out of range.
    """
    plane = plane_named(name)
    if show not in ("ct", "segmentation", "heatmap"):
        raise InvalidSetting(f"There is no view of {show!r}: choose ct, segmentation or heatmap.")
    if not all(0 <= at < n for at, n in zip(point, ct.shape, strict=True)):
        raise InvalidSetting(f"The point {point} lies outside the volume of {ct.shape}.")
    index, spacing_mm = point[plane.axis], plane_spacing(ct, plane)
    hu = section(ct.hu, plane, index)
    if seg is None or show == "ct":
        caption = f"{plane.name.capitalize()} {index + 1} / {ct.shape[plane.axis]}"
        picture = windowed(hu, window, spacing_mm, caption, plane.letters)
    elif show == "segmentation":
        labels = section(seg.labels, plane, index)
        picture = overlay(hu, labels, window, opacity, spacing_mm, plane.letters)
    else:
        probability = section(seg.tumour_probability, plane, index)
        picture = heatmap(hu, probability, window, opacity, seg.threshold, spacing_mm, plane.letters)
    if cross:
        _draw_cross(picture, plane_frame(ct, plane), shares_at(ct, name, point))
    return picture


def _draw_cross(rgb: np.ndarray, frame: Frame, shares: tuple[float, float]) -> None:
    """Thin lines through the middle of the point's row and column, in place, with a gap around the point."""
    x, y = int(shares[0] * frame.width), int(shares[1] * frame.height)
    gap, thick = 2 * frame.text, max(1, frame.line // 2)
    (top, bottom), (left, right) = ((place.start, place.stop) for place in frame.place)
    across, down = slice(y, min(y + thick, bottom)), slice(x, min(x + thick, right))
    for part in (
        (across, slice(left, max(x - gap, left))),
        (across, slice(min(x + gap, right), right)),
        (slice(top, max(y - gap, top)), down),
        (slice(min(y + gap, bottom), bottom), down),
    ):
        under = rgb[part].astype(np.float32)
        rgb[part] = under + CROSS_OPACITY * (np.array(CROSS_RGB, np.float32) - under) + 0.5
