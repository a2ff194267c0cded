"""Two segmentations of one slice: contours in two colours, and a map of their differences.

They are a reference and a prediction, or the results of two checkpoints. The first is sky blue, the second
red. Contours of liver (with its tumours) are thin, contours of tumour thick.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, LIVER, TUMOUR, Segmentation
from liverseg.core.slicing import check_slice
from liverseg.core.window import DEFAULT_WINDOW, Window, to_grey
from liverseg.errors import InvalidSetting
from liverseg.rendering import legend
from liverseg.rendering.colours import BOTH_RGB, FIRST_RGB, QUIET_RGB, RGB, SECOND_RGB, blend
from liverseg.rendering.frame import Frame, frame_for
from liverseg.rendering.outlines import outline
from liverseg.rendering.slice_view import (
    DEFAULT_OPACITY,
    axial_frame,
    bounding_box,
    check_opacity,
    contour_smoothing,
    enlarged_grey,
    finish,
    slice_overlay,
)
from liverseg.rendering.text import TextStyle, draw_text, text_width

LEGEND_PX = 40
"""Height of `comparison_legend`; titles above an overview are twice as high."""

THIN_PX, THICK_PX = 1, 2
"""Line widths of the contours of liver and of tumour."""

GAP_PX = 12
"""Width of the black gaps between pictures side by side."""


def comparison(
    hu_slice: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    spacing_mm: tuple[float, float] | None = None,
    side_px: int = 512,
) -> np.ndarray:
    """The slice with the contours of a reference and a prediction, RGB; its longer side is `side_px`.

    `hu_slice` is (H, W) HU; `first` and `second` are labels (H, W) 0, 1, 2. The second is drawn over the
    first. Raises `InvalidSetting` if shapes differ.
    """
    _check_shapes(hu_slice, first, second)
    steps = (1.0, 1.0) if spacing_mm is None else spacing_mm
    lengths = (hu_slice.shape[0] * steps[0], hu_slice.shape[1] * steps[1])
    rows, columns = (max(1, round(side_px * length / max(lengths))) for length in lengths)
    shrunk = rows < hu_slice.shape[0]

    def enlarge(image: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        resized: np.ndarray = cv2.resize(
            image, (columns, rows), interpolation=cv2.INTER_AREA if shrunk else interpolation
        )
        return resized

    grey = enlarge(to_grey(hu_slice, window), cv2.INTER_CUBIC)
    rgb: np.ndarray = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    smoothing = max(1, round(rows / hu_slice.shape[0]))
    for labels, colour in ((first, FIRST_RGB), (second, SECOND_RGB)):
        _blend_in(rgb, colour, _contours(labels, enlarge, (THIN_PX, THICK_PX), smoothing))
    return rgb


def difference(
    hu_slice: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    frame: Frame | None = None,
) -> np.ndarray:
    """A map of the differences between segmentations A and B over the slice.

    `frame` is the layout of the picture; None stands for square pixels of unknown size.

    Areas that only one segmentation has are filled in its colour, tumour of both in white; tumour is more
    opaque than liver. Contours are always opaque, and white where both coincide. Raises `InvalidSetting` if
    shapes differ, and unless 0 <= opacity <= 1.
    """
    check_opacity(opacity)
    _check_shapes(hu_slice, first, second)
    if frame is None:
        rows, columns = hu_slice.shape
        frame = frame_for((rows, columns))
    rgb = cv2.cvtColor(enlarged_grey(hu_slice, window, frame), cv2.COLOR_GRAY2RGB)
    for mask, colour, cover in _fills(first, second, opacity):
        field = frame.enlarge(mask.view(np.uint8) * np.uint8(255))
        _blend_in(rgb, colour, cv2.convertScaleAbs(field, alpha=cover))
    lines = (frame.line, 2 * frame.line)
    smoothing = contour_smoothing(frame, hu_slice.shape)
    contours = [_contours(labels, frame.enlarge, lines, smoothing) for labels in (first, second)]
    near = [cv2.dilate(cover, np.ones((4 * frame.line + 1,) * 2, np.uint8)) for cover in contours]
    shared = [cv2.min(contours[0], near[1]), cv2.min(contours[1], near[0])]
    for cover, colour in (
        (contours[0] - shared[0], FIRST_RGB),
        (contours[1] - shared[1], SECOND_RGB),
        (cv2.max(*shared), BOTH_RGB),
    ):
        _blend_in(rgb, colour, cover)
    return finish(rgb, legend.difference_strip(frame, tumour_opacity(opacity)), frame)


def tumour_opacity(opacity: float) -> float:
    """Opacity of tumour fills in a difference map; that of liver fills is `opacity`.

    >>> tumour_opacity(0), round(tumour_opacity(0.3), 2), tumour_opacity(1)
    (0.0, 0.62, 1.0)
    """
    return float(opacity**0.4)


def compared_pictures(
    ct: CTImage,
    first: Segmentation,
    second: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Overlay of the first segmentation, overlay of the second, and difference map: three RGB of one size.

    Raises `InvalidSetting` for a missing slice and for an opacity out of range.
    """
    index = check_slice(ct, slice_index)
    a, b = first.labels[index], second.labels[index]
    return (
        slice_overlay(ct, first, index, window, opacity),
        slice_overlay(ct, second, index, window, opacity),
        difference(ct.hu[index], a, b, window, opacity, axial_frame(ct)),
    )


def comparison_overview(
    ct: CTImage,
    first: Segmentation,
    second: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> np.ndarray:
    """The pictures of `compared_pictures` side by side under their titles: one RGB array."""
    pictures = compared_pictures(ct, first, second, slice_index, window, opacity)
    suffix = f", slice {slice_index + 1} of {len(ct.hu)}" if len(ct.hu) > 1 else ""
    titles = (f"A: {first.checkpoint.ref}", f"B: {second.checkpoint.ref}", f"Where they differ{suffix}")
    columns = []
    for picture, title in zip(pictures, titles, strict=True):
        width = picture.shape[1]
        size = next((s for s in range(28, 8, -1) if text_width(title, s) <= width - 2 * s), 8)
        head = np.zeros((2 * LEGEND_PX, width, 3), np.uint8)
        draw_text(head, title, (size, LEGEND_PX), TextStyle(size))
        column = np.vstack([head, picture])
        columns += [column, np.zeros((len(column), GAP_PX, 3), np.uint8)]
    return np.hstack(columns[:-1])


def reference_picture(
    ct: CTImage,
    result: Segmentation,
    reference: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
) -> np.ndarray:
    """`comparison` of a slice with the number of the slice above it and the legend below it: one RGB array.

    Raises `InvalidSetting` for a missing slice.
    """
    index = check_slice(ct, slice_index)
    spacing_mm = None if ct.spacing_mm is None else ct.spacing_mm[1:]
    labels = reference.labels[index], result.labels[index]
    picture = comparison(ct.hu[index], *labels, window=window, spacing_mm=spacing_mm)
    caption = np.zeros((LEGEND_PX, picture.shape[1], 3), np.uint8)
    text = f"Slice {index + 1} of {len(ct.hu)}"
    draw_text(caption, text, (LEGEND_PX // 2, LEGEND_PX // 2), TextStyle(16))
    return np.vstack([caption, picture, comparison_legend(picture.shape[1])])


def comparison_legend(width_px: int) -> np.ndarray:
    """Legend of the colours and lines of `comparison`: (LEGEND_PX, width_px, 3) uint8."""
    entries: tuple[tuple[str, RGB, int], ...] = (
        ("Reference", FIRST_RGB, THICK_PX),
        ("Result", SECOND_RGB, THICK_PX),
        ("thin: liver", QUIET_RGB, THIN_PX),
        ("thick: tumour", QUIET_RGB, THICK_PX),
    )

    def entry_width(name: str, size: int) -> int:
        return int(2.5 * size) + text_width(name, size) + size

    def legend_width(size: int) -> int:
        return size + sum(entry_width(name, size) for name, _, _ in entries)

    strip = np.zeros((LEGEND_PX, width_px, 3), np.uint8)
    size = next((s for s in range(16, 8, -1) if legend_width(s) <= width_px), 8)
    x, middle = size, LEGEND_PX // 2
    for name, colour, thickness in entries:
        cv2.line(strip, (x, middle), (x + 2 * size, middle), colour, thickness, cv2.LINE_AA)
        draw_text(strip, name, (x + int(2.5 * size), middle), TextStyle(size))
        x += entry_width(name, size)
    return strip


def _check_shapes(hu_slice: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    if not hu_slice.shape == first.shape == second.shape:
        raise InvalidSetting("A slice and the two segmentations drawn on it must have the same shape.")


def _blend_in(rgb: np.ndarray, colour: RGB, opacity: np.ndarray) -> None:
    """Blend a colour over a picture (h, w, 3) with `opacity` (h, w) uint8, in place."""
    box = bounding_box(opacity)
    if box is not None:
        rgb[box] = blend(rgb[box], colour, opacity[box])


def _contours(
    labels: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    lines: tuple[int, int],
    smoothing: int,
) -> np.ndarray:
    """Opacity (rows, columns) uint8 of the contours of liver and tumour, with line widths `lines`."""
    opacity = np.zeros_like(enlarge(labels))
    for mask, thickness in zip((labels > BACKGROUND, labels == TUMOUR), lines, strict=True):
        cover = enlarge(mask.view(np.uint8) * np.uint8(255))
        outline(opacity, cover > 127, 255, thickness, smoothing)
    return opacity


def _fills(first: np.ndarray, second: np.ndarray, opacity: float) -> list[tuple[np.ndarray, RGB, float]]:
    """Mask, colour and opacity of each area to fill. Areas do not overlap; liver of both is not filled."""
    (liver_a, liver_b), (tumour_a, tumour_b) = ((first == c, second == c) for c in (LIVER, TUMOUR))
    no_tumour = ~tumour_a & ~tumour_b
    strong = tumour_opacity(opacity)
    return [
        (liver_a & ~liver_b & no_tumour, FIRST_RGB, opacity),
        (liver_b & ~liver_a & no_tumour, SECOND_RGB, opacity),
        (tumour_a & tumour_b, BOTH_RGB, strong),
        (tumour_a & ~tumour_b, FIRST_RGB, strong),
        (tumour_b & ~tumour_a, SECOND_RGB, strong),
    ]
