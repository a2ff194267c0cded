"""A segmentation and its reference over one slice, as contours in two colours (pure)."""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.colours import PREDICTION_RGB, QUIET_RGB, REFERENCE_RGB, RGB
from liverseg.errors import InvalidSetting
from liverseg.lettering import draw_text, text_width
from liverseg.rendering import outline
from liverseg.segmentation import BACKGROUND, TUMOUR
from liverseg.windowing import DEFAULT_WINDOW, Window, to_grey

LEGEND_PX = 40
THIN_PX, THICK_PX = 1, 2
"""Of the contours of liver and of tumour."""

LEGEND: tuple[tuple[str, RGB, int], ...] = (
    ("Reference", REFERENCE_RGB, THICK_PX),
    ("Prediction", PREDICTION_RGB, THICK_PX),
    ("thin: liver", QUIET_RGB, THIN_PX),
    ("thick: tumour", QUIET_RGB, THICK_PX),
)


def comparison(
    hu_slice: np.ndarray,
    reference: np.ndarray,
    prediction: np.ndarray,
    window: Window = DEFAULT_WINDOW,
    spacing_mm: tuple[float, float] | None = None,
    side_px: int = 512,
) -> np.ndarray:
    """The slice with the contours of both, RGB; its longer side is `side_px`.

    `hu_slice` (H, W) HU, labels (H, W) 0, 1, 2. Liver, with its tumours, has thin lines and tumour
    thick ones; the prediction is drawn over the reference. Raises `InvalidSetting` when shapes differ.
    """
    if not hu_slice.shape == reference.shape == prediction.shape:
        raise InvalidSetting("A slice, its reference and its prediction must have the same shape.")
    steps = (1.0, 1.0) if spacing_mm is None else spacing_mm
    lengths = (hu_slice.shape[0] * steps[0], hu_slice.shape[1] * steps[1])
    rows, columns = (max(1, round(side_px * length / max(lengths))) for length in lengths)
    shrunk = rows < hu_slice.shape[0]

    def enlarge(image: np.ndarray, how: int) -> np.ndarray:
        return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA if shrunk else how)

    rgb = cv2.cvtColor(enlarge(to_grey(hu_slice, window), cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
    smoothing = max(1, round(rows / hu_slice.shape[0]))
    for labels, colour in ((reference, REFERENCE_RGB), (prediction, PREDICTION_RGB)):
        for mask, thickness in ((labels > BACKGROUND, THIN_PX), (labels == TUMOUR, THICK_PX)):
            cover = enlarge(mask.view(np.uint8) * np.uint8(255), cv2.INTER_LINEAR)
            outline(rgb, cover > 127, colour, thickness, smoothing)
    return rgb


def comparison_legend(width_px: int) -> np.ndarray:
    """A strip (LEGEND_PX, width_px, 3) that says what the colours and the lines of `comparison` are."""
    strip = np.zeros((LEGEND_PX, width_px, 3), np.uint8)
    size = next((s for s in range(16, 8, -1) if _legend_width(s) <= width_px), 8)
    x, middle = size, LEGEND_PX // 2
    for words, colour, thickness in LEGEND:
        cv2.line(strip, (x, middle), (x + 2 * size, middle), colour, thickness, cv2.LINE_AA)
        draw_text(strip, words, x + int(2.5 * size), middle, size)
        x += _entry_width(words, size)
    return strip


def _entry_width(words: str, size: int) -> int:
    return int(2.5 * size) + text_width(words, size) + size


def _legend_width(size: int) -> int:
    return size + sum(_entry_width(words, size) for words, _, _ in LEGEND)
