"""The pictures of a slice: windowed, with the segmentation over it, as a probability heatmap (pure).

All three have one size, and the anatomy at one place, whatever is drawn: see `liverseg.rendering.frame`.
Arrays in, uint8 RGB arrays (H', W', 3) out; nothing is run and no file is touched.
"""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.segmentation import BACKGROUND, TUMOUR, Segmentation, labels_from_probabilities
from liverseg.core.window import DEFAULT_WINDOW, Window, to_grey
from liverseg.errors import InvalidSetting
from liverseg.rendering import legend
from liverseg.rendering.colours import (
    DARKENED,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    RGB,
    THRESHOLD_RGB,
    TUMOUR_RGB,
    blend,
    heat_opacity,
)
from liverseg.rendering.frame import AXIAL_LETTERS, Frame, Letters, draw_marks, frame_for

DEFAULT_OPACITY = 0.3
"""Of the fill of liver and tumour; their contours are always opaque."""

SUBPIXEL_BITS = 4
"""Fractional bits of a contour's coordinates, so that antialiased lines lie where they belong."""


def check_opacity(opacity: float, threshold: float = 0.5) -> None:
    if not 0 <= opacity <= 1:
        raise InvalidSetting(f"The opacity must lie between 0 and 1, not at {opacity:g}.")
    if not 0 < threshold <= 1:
        raise InvalidSetting(f"The tumour threshold must lie above 0 and at most at 1, not at {threshold:g}.")


def _frame(
    hu_slice: np.ndarray, spacing_mm: tuple[float, float] | None, letters: Letters = AXIAL_LETTERS
) -> Frame:
    rows, columns = hu_slice.shape
    return frame_for((rows, columns), spacing_mm, letters)


def enlarged_grey(hu_slice: np.ndarray, window: Window, frame: Frame) -> np.ndarray:
    """The slice in the window, enlarged: (rows, columns) uint8."""
    return frame.enlarge(to_grey(hu_slice, window), cv2.INTER_CUBIC)


def finish(picture: np.ndarray, strip: np.ndarray, frame: Frame) -> np.ndarray:
    """The enlarged slice (rows, columns[, 3]) set on black, with its marks and its strip."""
    rgb = np.zeros((frame.height, frame.width, 3), np.uint8)
    rgb[frame.place] = picture if picture.ndim == 3 else picture[..., None]
    draw_marks(rgb, frame)
    rgb[-frame.strip :] = strip
    return rgb


def box_of(mask: np.ndarray) -> tuple[slice, slice] | None:
    """The smallest box around what is not 0 of a mask (h, w), or None when it is empty."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (slice(y, y + height), slice(x, x + width)) if width else None


def _smooth(contour: np.ndarray, window: int) -> np.ndarray:
    """A closed contour (n, 1, 2) with each point the mean of its neighbours: steps become lines."""
    points = contour[:, 0].astype(np.float32)
    reach = min(window, len(points) // 8)
    if reach < 1:
        return points
    around = np.concatenate([points[-reach:], points, points[:reach]])
    blurred: np.ndarray = cv2.blur(around, (1, 2 * reach + 1))
    return blurred[reach:-reach]


def outline(
    picture: np.ndarray, inside: np.ndarray, colour: RGB | int, thickness: int, smoothing: int
) -> None:
    """Draw the edges of a mask (h, w), those of its holes too, as opaque antialiased lines, in place.

    `picture` is RGB or, with one number as its colour, grey.
    """
    contours, _ = cv2.findContours(inside.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = [np.round(_smooth(c, smoothing) * 2**SUBPIXEL_BITS).astype(np.int32) for c in contours]
    cv2.polylines(picture, lines, True, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def smoothing_of(frame: Frame, shape: tuple[int, ...]) -> int:
    """Points of an enlarged contour to average on each side: one pixel of the slice itself."""
    return max(1, round(max(frame.rows / shape[0], frame.columns / shape[1])))


def _segmented(grey: np.ndarray, labels: np.ndarray, opacity: float, frame: Frame) -> np.ndarray:
    rgb: np.ndarray = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    tumour_mask = labels == TUMOUR
    organ = frame.enlarge((labels > BACKGROUND).view(np.uint8) * np.uint8(255))
    tumour = frame.enlarge(tumour_mask.view(np.uint8) * np.uint8(255))
    box = box_of(organ > 0)
    if box is None:
        return rgb
    fills = ((LIVER_RGB, cv2.subtract(organ[box], tumour[box])), (TUMOUR_RGB, tumour[box]))
    for colour, cover in fills:
        rgb[box] = blend(rgb[box], colour, cv2.convertScaleAbs(cover, alpha=opacity))
    smoothing = smoothing_of(frame, labels.shape)
    for colour, field in ((LIVER_RGB, organ), (TUMOUR_RGB, tumour)):
        outline(rgb, field > 127, colour, frame.line, smoothing)
    return rgb


def _heated(
    grey: np.ndarray, probability: np.ndarray, opacity: float, threshold: float, frame: Frame
) -> np.ndarray:
    rgb: np.ndarray = cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=DARKENED), cv2.COLOR_GRAY2RGB)
    field = frame.enlarge(np.ascontiguousarray(probability, np.float32))
    level = cv2.convertScaleAbs(field, alpha=255)
    cover = cv2.LUT(level, heat_opacity(opacity))
    box = box_of(cover > 0)
    if box is not None:
        rgb[box] = blend(rgb[box], PROBABILITY_COLOURS[level[box]], cover[box])
    outline(rgb, field >= threshold, THRESHOLD_RGB, frame.line, smoothing_of(frame, probability.shape))
    return rgb


def windowed(
    hu_slice: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    spacing_mm: tuple[float, float] | None = None,
    caption: str = "",
    letters: Letters = AXIAL_LETTERS,
) -> np.ndarray:
    """A slice (H, W) in HU as a viewer shows it; `spacing_mm` of rows and columns sets its aspect."""
    frame = _frame(hu_slice, spacing_mm, letters)
    return finish(enlarged_grey(hu_slice, window, frame), legend.window_strip(frame, window, caption), frame)


def overlay(
    hu_slice: np.ndarray,
    labels: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    spacing_mm: tuple[float, float] | None = None,
    letters: Letters = AXIAL_LETTERS,
) -> np.ndarray:
    """Liver (green) and tumour (red) over a slice: `hu_slice` (H, W) HU, `labels` (H, W) 0, 1, 2.

    The green line follows the whole organ. Raises `InvalidSetting` unless 0 <= opacity <= 1.
    """
    check_opacity(opacity)
    frame = _frame(hu_slice, spacing_mm, letters)
    picture = _segmented(enlarged_grey(hu_slice, window, frame), labels, opacity, frame)
    return finish(picture, legend.legend_strip(frame, opacity), frame)


def heatmap(
    hu_slice: np.ndarray,
    tumour_probability: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    threshold: float = 0.5,
    spacing_mm: tuple[float, float] | None = None,
    letters: Letters = AXIAL_LETTERS,
) -> np.ndarray:
    """The tumour probability (H, W) in colour over the darkened slice, the threshold as a white line.

    Raises `InvalidSetting` unless 0 <= opacity <= 1 and 0 < threshold <= 1.
    """
    check_opacity(opacity, threshold)
    frame = _frame(hu_slice, spacing_mm, letters)
    picture = _heated(enlarged_grey(hu_slice, window, frame), tumour_probability, opacity, threshold, frame)
    return finish(picture, legend.probability_strip(frame, threshold), frame)


def telling_slice(seg: Segmentation) -> int:
    """The slice to show first: the one with most tumour, else with most liver, else the middle one."""
    areas = np.array([[np.count_nonzero(p == TUMOUR), np.count_nonzero(p)] for p in seg.labels])
    for area in areas.T:
        if area.any():
            return int(area.argmax())
    return len(seg.labels) // 2


def three_pictures(
    ct: CTImage,
    seg: Segmentation | None,
    slice_index: int = 0,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    threshold: float | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windowed slice, segmentation and heatmap of one slice, three RGB arrays of one size.

    `threshold` redraws the tumour at another probability than the segmentation's own; no network
    is run. Without a segmentation the second and third picture say so. Raises `InvalidSetting` for
    a slice that is not there, and for an opacity or a threshold out of range.
    """
    check_opacity(opacity, 0.5 if threshold is None else threshold)
    if not 0 <= slice_index < len(ct.hu):
        raise InvalidSetting(f"There is no slice {slice_index}: the image has slices 0 to {len(ct.hu) - 1}.")
    frame = _frame(ct.hu[slice_index], None if ct.spacing_mm is None else ct.spacing_mm[1:])
    grey = enlarged_grey(ct.hu[slice_index], window, frame)
    caption = f"Slice {slice_index + 1} / {len(ct.hu)}" if len(ct.hu) > 1 else ""
    slice_picture = finish(grey, legend.window_strip(frame, window, caption), frame)
    if seg is None:
        dim = cv2.convertScaleAbs(grey, alpha=0.35)
        waiting = finish(dim, legend.text_strip(frame, "Not segmented yet"), frame)
        return slice_picture, waiting, waiting.copy()

    probability = seg.tumour_probability[slice_index]
    labels = seg.labels[slice_index]
    if threshold is None:
        threshold = seg.threshold
    elif threshold != seg.threshold:
        labels = labels_from_probabilities(seg.organ_probability[slice_index], probability, threshold)
    return (
        slice_picture,
        finish(_segmented(grey, labels, opacity, frame), legend.legend_strip(frame, opacity), frame),
        finish(
            _heated(grey, probability, opacity, threshold, frame),
            legend.probability_strip(frame, threshold),
            frame,
        ),
    )


def overview(
    ct: CTImage,
    seg: Segmentation,
    slice_index: int | None = None,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    threshold: float | None = None,
) -> np.ndarray:
    """The three pictures side by side with thin black gaps, one RGB array.

    `slice_index` None shows the slice that `telling_slice` picks; the rest as in `three_pictures`.
    """
    index = telling_slice(seg) if slice_index is None else slice_index
    pictures = three_pictures(ct, seg, index, window, opacity, threshold)
    gap = np.zeros((pictures[0].shape[0], 12, 3), np.uint8)
    return np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])
