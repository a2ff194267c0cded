"""Two segmentations over one slice: contours in two colours, and a map of where they differ (pure).

The two are a reference and a prediction, or the results of two checkpoints. The first is sky blue, the
second orange; liver, with its tumours, has thin lines and tumour thick ones.
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
from liverseg.rendering.frame import frame_for
from liverseg.rendering.slice_view import (
    DEFAULT_OPACITY,
    box_of,
    check_opacity,
    enlarged_grey,
    finish,
    outline,
    overlay,
    smoothing_of,
)
from liverseg.rendering.text import draw_text, text_width

LEGEND_PX = 40
THIN_PX, THICK_PX = 1, 2
"""Of the contours of liver and of tumour."""

REFERENCE_AND_PREDICTION = ("Reference", "Prediction")
A_AND_B = ("A", "B")
"""What the first and the second are called in a legend."""

GAP_PX = 12
"""Black between pictures that lie side by side."""


def comparison(
    hu_slice: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    spacing_mm: tuple[float, float] | None = None,
    side_px: int = 512,
) -> np.ndarray:
    """The slice with the contours of both, RGB; its longer side is `side_px`.

    `hu_slice` (H, W) HU, labels (H, W) 0, 1, 2; the second is drawn over the first. Raises
    `InvalidSetting` when shapes differ.
    """
    _check_shapes(hu_slice, first, second)
    steps = (1.0, 1.0) if spacing_mm is None else spacing_mm
    lengths = (hu_slice.shape[0] * steps[0], hu_slice.shape[1] * steps[1])
    rows, columns = (max(1, round(side_px * length / max(lengths))) for length in lengths)
    shrunk = rows < hu_slice.shape[0]

    def enlarge(image: np.ndarray, how: int = cv2.INTER_LINEAR) -> np.ndarray:
        sized: np.ndarray = cv2.resize(
            image, (columns, rows), interpolation=cv2.INTER_AREA if shrunk else how
        )
        return sized

    grey = enlarge(to_grey(hu_slice, window), cv2.INTER_CUBIC)
    rgb: np.ndarray = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    smoothing = max(1, round(rows / hu_slice.shape[0]))
    for labels, colour in ((first, FIRST_RGB), (second, SECOND_RGB)):
        _lay(rgb, colour, _contours(labels, enlarge, (THIN_PX, THICK_PX), smoothing))
    return rgb


def difference(
    hu_slice: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    spacing_mm: tuple[float, float] | None = None,
    names: tuple[str, str] = A_AND_B,
) -> np.ndarray:
    """Where two segmentations differ, over the slice: as `rendering.overlay`, and of its size.

    Filled in the first's colour is what only the first calls so, in the second's what only the second
    does, and in white the tumour of both; tumour is brighter than liver. Contours are opaque, so at opacity 0
    they are all there is, and white where both run together. Raises `InvalidSetting` when shapes differ,
    and unless 0 <= opacity <= 1.
    """
    check_opacity(opacity)
    _check_shapes(hu_slice, first, second)
    frame = frame_for(hu_slice.shape, spacing_mm)
    rgb = cv2.cvtColor(enlarged_grey(hu_slice, window, frame), cv2.COLOR_GRAY2RGB)
    for mask, colour, cover in _fills(first, second, opacity):
        field = frame.enlarge(mask.view(np.uint8) * np.uint8(255))
        _lay(rgb, colour, cv2.convertScaleAbs(field, alpha=cover))
    lines = (frame.line, 2 * frame.line)
    smoothing = smoothing_of(frame, hu_slice.shape)
    drawn = [_contours(labels, frame.enlarge, lines, smoothing) for labels in (first, second)]
    near = [cv2.dilate(cover, np.ones((4 * frame.line + 1,) * 2, np.uint8)) for cover in drawn]
    shared = [cv2.min(drawn[0], near[1]), cv2.min(drawn[1], near[0])]
    for cover, colour in (
        (drawn[0] - shared[0], FIRST_RGB),
        (drawn[1] - shared[1], SECOND_RGB),
        (cv2.max(*shared), BOTH_RGB),
    ):
        _lay(rgb, colour, cover)
    return finish(rgb, legend.difference_strip(frame, names, tumour_cover(opacity)), frame)


def tumour_cover(opacity: float) -> float:
    """Opacity of a tumour's fill in a difference map, above that of liver, which is `opacity` itself.

    >>> tumour_cover(0), round(tumour_cover(0.3), 2), tumour_cover(1)
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
    """One slice with the first segmentation, with the second, and where they differ: RGB of one size.

    Raises `InvalidSetting` for a slice that is not there and an opacity out of range.
    """
    index = check_slice(ct, slice_index)
    spacing_mm = None if ct.spacing_mm is None else ct.spacing_mm[1:]
    hu, labels = ct.hu[index], (first.labels[index], second.labels[index])
    one, other = (overlay(hu, drawn, window, opacity, spacing_mm) for drawn in labels)
    return one, other, difference(hu, *labels, window, opacity, spacing_mm)


def comparison_overview(
    ct: CTImage,
    first: Segmentation,
    second: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> np.ndarray:
    """The pictures of `compared_pictures` side by side, what each is above it, one RGB array."""
    pictures = compared_pictures(ct, first, second, slice_index, window, opacity)
    where = f", slice {slice_index + 1} of {len(ct.hu)}" if len(ct.hu) > 1 else ""
    titles = (f"A: {first.checkpoint.ref}", f"B: {second.checkpoint.ref}", f"Where they differ{where}")
    columns = []
    for picture, title in zip(pictures, titles, strict=True):
        width = picture.shape[1]
        size = next((s for s in range(28, 8, -1) if text_width(title, s) <= width - 2 * s), 8)
        head = np.zeros((2 * LEGEND_PX, width, 3), np.uint8)
        draw_text(head, title, size, LEGEND_PX, size)
        column = np.vstack([head, picture])
        columns += [column, np.zeros((len(column), GAP_PX, 3), np.uint8)]
    return np.hstack(columns[:-1])


def comparison_legend(width_px: int, names: tuple[str, str] = REFERENCE_AND_PREDICTION) -> np.ndarray:
    """A strip (LEGEND_PX, width_px, 3) that says what the colours and the lines of `comparison` are."""
    entries: tuple[tuple[str, RGB, int], ...] = (
        (names[0], FIRST_RGB, THICK_PX),
        (names[1], SECOND_RGB, THICK_PX),
        ("thin: liver", QUIET_RGB, THIN_PX),
        ("thick: tumour", QUIET_RGB, THICK_PX),
    )

    def entry_width(words: str, size: int) -> int:
        return int(2.5 * size) + text_width(words, size) + size

    def legend_width(size: int) -> int:
        return size + sum(entry_width(words, size) for words, _, _ in entries)

    strip = np.zeros((LEGEND_PX, width_px, 3), np.uint8)
    size = next((s for s in range(16, 8, -1) if legend_width(s) <= width_px), 8)
    x, middle = size, LEGEND_PX // 2
    for words, colour, thickness in entries:
        cv2.line(strip, (x, middle), (x + 2 * size, middle), colour, thickness, cv2.LINE_AA)
        draw_text(strip, words, x + int(2.5 * size), middle, size)
        x += entry_width(words, size)
    return strip


def _check_shapes(hu_slice: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    if not hu_slice.shape == first.shape == second.shape:
        raise InvalidSetting("A slice and the two segmentations drawn on it must have the same shape.")


def _lay(rgb: np.ndarray, colour: RGB, opacity: np.ndarray) -> None:
    """Blend a colour over a picture (h, w, 3), in place, where its opacity (h, w) uint8 is not 0."""
    box = box_of(opacity)
    if box is not None:
        rgb[box] = blend(rgb[box], colour, opacity[box])


def _contours(
    labels: np.ndarray,
    enlarge: Callable[[np.ndarray], np.ndarray],
    lines: tuple[int, int],
    smoothing: int,
) -> np.ndarray:
    """Opacity (rows, columns) uint8 of the contours of liver and tumour; `lines` are their thicknesses."""
    opacity = np.zeros_like(enlarge(labels))
    for mask, thickness in zip((labels > BACKGROUND, labels == TUMOUR), lines, strict=True):
        cover = enlarge(mask.view(np.uint8) * np.uint8(255))
        outline(opacity, cover > 127, 255, thickness, smoothing)
    return opacity


def _fills(first: np.ndarray, second: np.ndarray, opacity: float) -> list[tuple[np.ndarray, RGB, float]]:
    """Mask, colour and opacity of every area; no two overlap. Liver of both is left as it is."""
    tumours, livers = (first == TUMOUR, second == TUMOUR), (first == LIVER, second == LIVER)
    neither = ~tumours[0] & ~tumours[1]
    strong = tumour_cover(opacity)
    return [
        (livers[0] & ~livers[1] & neither, FIRST_RGB, opacity),
        (livers[1] & ~livers[0] & neither, SECOND_RGB, opacity),
        (tumours[0] & tumours[1], BOTH_RGB, strong),
        (tumours[0] & ~tumours[1], FIRST_RGB, strong),
        (tumours[1] & ~tumours[0], SECOND_RGB, strong),
    ]
