"""Pictures of a slice: windowed, with the segmentation over it, and as a heatmap of tumour probability.

All three have the same size and show the anatomy at the same position (see `liverseg.rendering.frame`).
They are uint8 RGB arrays (H', W', 3).
"""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.core.image import CTImage
from liverseg.core.labels import check_threshold
from liverseg.core.segmentation import BACKGROUND, TUMOUR, UNSURE_LESION, Segmentation
from liverseg.core.slicing import check_slice
from liverseg.core.window import DEFAULT_WINDOW, Window, to_grey
from liverseg.errors import InvalidSetting
from liverseg.rendering import legend
from liverseg.rendering.colours import (
    DARKENED,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    THRESHOLD_RGB,
    TUMOUR_RGB,
    UNSURE_RGB,
    blend,
    heat_opacity,
)
from liverseg.rendering.frame import AXIAL_LETTERS, NO_LETTERS, Frame, Letters, draw_marks, frame_for
from liverseg.rendering.lesion_marks import LesionMark, draw_numbers, lesion_marks
from liverseg.rendering.outlines import dashed_outline, outline

DEFAULT_OPACITY = 0.3
"""Opacity of the fill of liver and tumour; contours are always opaque."""

OVERVIEW_GAP_PX = 12
"""Width of the black gaps between the pictures of an overview."""


def check_opacity(opacity: float) -> None:
    """Raise `InvalidSetting` unless 0 <= opacity <= 1."""
    if not 0 <= opacity <= 1:
        raise InvalidSetting(f"The opacity must lie between 0 and 1, not at {opacity:g}.")


# --- Steps that pictures share ---


def enlarged_grey(hu_slice: np.ndarray, window: Window, frame: Frame) -> np.ndarray:
    """The slice in the window, enlarged: (rows, columns) uint8."""
    return frame.enlarge(to_grey(hu_slice, window), cv2.INTER_CUBIC)


def finish(picture: np.ndarray, strip: np.ndarray, frame: Frame) -> np.ndarray:
    """The enlarged slice (rows, columns[, 3]) on black, with letters, scale bar and strip."""
    rgb = np.zeros((frame.height, frame.width, 3), np.uint8)
    rgb[frame.slice_area] = picture if picture.ndim == 3 else picture[..., None]
    draw_marks(rgb, frame)
    rgb[-frame.strip :] = strip
    return rgb


def bounding_box(mask: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns of the smallest box around the nonzero pixels of a mask (h, w); None: all are 0."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return (slice(y, y + height), slice(x, x + width)) if width else None


def contour_smoothing(frame: Frame, shape: tuple[int, ...]) -> int:
    """Contour points to average to each side: the enlarged size of one pixel of a slice of `shape`."""
    return max(1, round(max(frame.rows / shape[0], frame.columns / shape[1])))


# --- The three pictures ---


def windowed(
    hu_slice: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    spacing_mm: tuple[float, float] | None = None,
    caption: str = "",
) -> np.ndarray:
    """A slice (H, W) of HU in a window; `spacing_mm` between rows and columns sets its aspect ratio."""
    frame = frame_for(_shape(hu_slice), spacing_mm)
    return finish(enlarged_grey(hu_slice, window, frame), legend.window_strip(frame, window, caption), frame)


def overlay(
    hu_slice: np.ndarray,
    labels: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    spacing_mm: tuple[float, float] | None = None,
    letters: Letters = AXIAL_LETTERS,
) -> np.ndarray:
    """Liver (blue) and tumour (orange) over a slice: `hu_slice` (H, W) HU, `labels` (H, W) 0, 1, 2.

    The blue contour surrounds liver and tumour together; that of tumour is thicker. Label 3 is an unsure
    lesion: liver with a dashed orange contour. Raises `InvalidSetting` unless 0 <= opacity <= 1.
    """
    check_opacity(opacity)
    frame = frame_for(_shape(hu_slice), spacing_mm, letters)
    return _overlay(enlarged_grey(hu_slice, window, frame), labels, opacity, frame)


def _overlay(
    grey: np.ndarray, labels: np.ndarray, opacity: float, frame: Frame, numbered: tuple[LesionMark, ...] = ()
) -> np.ndarray:
    """`overlay` on the enlarged grey slice, which three pictures share, with the numbers of its lesions."""
    rgb: np.ndarray = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    organ = frame.enlarge((labels > BACKGROUND).view(np.uint8) * np.uint8(255))
    box = bounding_box(organ > 0)
    if box is not None:
        tumour = frame.enlarge((labels == TUMOUR).view(np.uint8) * np.uint8(255))
        fills = ((LIVER_RGB, cv2.subtract(organ[box], tumour[box])), (TUMOUR_RGB, tumour[box]))
        for colour, cover in fills:
            rgb[box] = blend(rgb[box], colour, cv2.convertScaleAbs(cover, alpha=opacity))
        smoothing = contour_smoothing(frame, labels.shape)
        for colour, field, line in ((LIVER_RGB, organ, frame.line), (TUMOUR_RGB, tumour, frame.heavy_line)):
            outline(rgb, field > 127, colour, line, smoothing)
    unsure = labels == UNSURE_LESION
    has_unsure = bool(unsure.any())
    if has_unsure:
        field = frame.enlarge(unsure.view(np.uint8) * np.uint8(255))
        dashed_outline(rgb, field > 127, UNSURE_RGB, frame.line, contour_smoothing(frame, labels.shape))
    draw_numbers(rgb, numbered, labels.shape, frame)
    return finish(rgb, legend.legend_strip(frame, opacity, has_unsure), frame)


def heatmap(
    hu_slice: np.ndarray,
    tumour_probability: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
    threshold: float = 0.5,
    spacing_mm: tuple[float, float] | None = None,
) -> np.ndarray:
    """Tumour probability (H, W) in colour over the darkened slice, with a white line at the threshold.

    Raises `InvalidSetting` unless 0 <= opacity <= 1 and 0 < threshold <= 1.
    """
    check_opacity(opacity)
    check_threshold(threshold)
    frame = frame_for(_shape(hu_slice), spacing_mm)
    return _heatmap(enlarged_grey(hu_slice, window, frame), tumour_probability, opacity, threshold, frame)


def _heatmap(
    grey: np.ndarray, tumour_probability: np.ndarray, opacity: float, threshold: float, frame: Frame
) -> np.ndarray:
    """`heatmap` on the enlarged grey slice."""
    rgb: np.ndarray = cv2.cvtColor(cv2.convertScaleAbs(grey, alpha=DARKENED), cv2.COLOR_GRAY2RGB)
    field = frame.enlarge(np.ascontiguousarray(tumour_probability, np.float32))
    level = cv2.convertScaleAbs(field, alpha=255)
    cover = cv2.LUT(level, heat_opacity(opacity))
    box = bounding_box(cover > 0)
    if box is not None:
        rgb[box] = blend(rgb[box], PROBABILITY_COLOURS[level[box]], cover[box])
    smoothing = contour_smoothing(frame, tumour_probability.shape)
    outline(rgb, field >= threshold, THRESHOLD_RGB, frame.line, smoothing)
    return finish(rgb, legend.probability_strip(frame, threshold), frame)


def _shape(hu_slice: np.ndarray) -> tuple[int, int]:
    rows, columns = hu_slice.shape
    return rows, columns


# --- A slice of a segmented image ---


def axial_frame(ct: CTImage) -> Frame:
    """The layout of the pictures of a slice, without letters where the orientation is unknown."""
    spacing_mm = None if ct.spacing_mm is None else ct.spacing_mm[1:]
    return frame_for(ct.shape[1:], spacing_mm, AXIAL_LETTERS if ct.orientation_known else NO_LETTERS)


def default_slice(seg: Segmentation) -> int:
    """The slice to show first: the one with the most tumour, else the most liver, else the middle one."""
    areas = np.array([[np.count_nonzero(p == TUMOUR), np.count_nonzero(p)] for p in seg.labels])
    for area in areas.T:
        if area.any():
            return int(area.argmax())
    return len(seg.labels) // 2


def three_pictures(
    ct: CTImage,
    seg: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windowed slice, overlay and heatmap of one slice: three RGB arrays of one size.

    Raises `InvalidSetting` for a missing slice and for an opacity out of range.
    """
    check_opacity(opacity)
    hu = ct.hu[check_slice(ct, slice_index)]
    frame = axial_frame(ct)
    grey = enlarged_grey(hu, window, frame)
    caption = f"Slice {slice_index + 1} / {len(ct.hu)}" if len(ct.hu) > 1 else ""
    labels, probability = seg.labels_with_unsure(slice_index), seg.tumour_probability[slice_index]
    return (
        finish(grey, legend.window_strip(frame, window, caption), frame),
        _overlay(grey, labels, opacity, frame, lesion_marks(seg, slice_index)),
        _heatmap(grey, probability, opacity, seg.threshold, frame),
    )


def slice_overlay(
    ct: CTImage,
    seg: Segmentation,
    slice_index: int,
    window: Window = DEFAULT_WINDOW,
    opacity: float = DEFAULT_OPACITY,
) -> np.ndarray:
    """The second of `three_pictures` alone."""
    check_opacity(opacity)
    frame = axial_frame(ct)
    grey = enlarged_grey(ct.hu[check_slice(ct, slice_index)], window, frame)
    labels = seg.labels_with_unsure(slice_index)
    return _overlay(grey, labels, opacity, frame, lesion_marks(seg, slice_index))


def overview(
    ct: CTImage,
    seg: Segmentation,
    slice_index: int | None = None,
    window: Window = DEFAULT_WINDOW,
) -> np.ndarray:
    """`three_pictures` side by side with thin black gaps: one RGB array; labels of a file have no heatmap.

    `slice_index` None shows the slice that `default_slice` picks.
    """
    index = default_slice(seg) if slice_index is None else slice_index
    pictures = three_pictures(ct, seg, index, window)
    gap = np.zeros((pictures[0].shape[0], OVERVIEW_GAP_PX, 3), np.uint8)
    shown = pictures if seg.has_probabilities else pictures[:2]
    return np.hstack([part for picture in shown for part in (gap, picture)][1:])
