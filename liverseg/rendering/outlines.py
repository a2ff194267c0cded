"""Outlines of masks: antialiased contours in pictures, whole or dashed."""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.rendering.colours import RGB

SUBPIXEL_BITS = 4
"""Fractional bits of contour coordinates, for the antialiasing of OpenCV."""

DASH_LINES = 5
"""Length of a dash and of a gap, in line widths."""


def outline(
    picture: np.ndarray, inside: np.ndarray, colour: RGB | int, thickness: int, smoothing: int
) -> None:
    """Draw the edges of a mask (h, w) and of its holes as opaque antialiased lines, in place.

    `picture` is RGB, or grey if `colour` is a number.
    """
    lines = [_fixed_point(points) for points in _contours(inside, smoothing)]
    cv2.polylines(picture, lines, True, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def dashed_outline(
    picture: np.ndarray, inside: np.ndarray, colour: RGB, thickness: int, smoothing: int
) -> None:
    """Like `outline`, with dashes and gaps of about `DASH_LINES` line widths."""
    lines = [
        _fixed_point(dash)
        for points in _contours(inside, smoothing)
        for dash in dashes(points, DASH_LINES * thickness)
    ]
    cv2.polylines(picture, lines, False, colour, thickness, cv2.LINE_AA, SUBPIXEL_BITS)


def dashes(points: np.ndarray, length: float) -> list[np.ndarray]:
    """The dashes along a closed line through `points` (n, 2): arrays (m, 2) of float32, at least two dashes.

    Dashes and gaps have equal lengths, as near to `length` as fits into the whole line.

    >>> square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], np.float32)
    >>> [dash.tolist() for dash in dashes(square, 4.0)]
    [[[0.0, 0.0], [4.0, 0.0]], [[4.0, 4.0], [0.0, 4.0]]]
    """
    closed = np.concatenate([points, points[:1]]).astype(np.float64)
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(2, round(travelled[-1] / (2 * length)))
    period = travelled[-1] / count
    made = []
    for k in range(count):
        start, stop = k * period, (k + 0.5) * period
        between = travelled[(travelled > start) & (travelled < stop)]
        places = np.concatenate([[start], between, [stop]])
        made.append(
            np.stack([np.interp(places, travelled, closed[:, axis]) for axis in (0, 1)], 1).astype(np.float32)
        )
    return made


def _contours(inside: np.ndarray, smoothing: int) -> list[np.ndarray]:
    """The smoothed contours (n, 2) of a mask (h, w) and of its holes."""
    contours, _ = cv2.findContours(inside.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return [_smooth(contour, smoothing) for contour in contours]


def _fixed_point(points: np.ndarray) -> np.ndarray:
    fixed: np.ndarray = np.round(points * 2**SUBPIXEL_BITS).astype(np.int32)
    return fixed


def _smooth(contour: np.ndarray, window: int) -> np.ndarray:
    """Moving average of a closed contour (n, 1, 2) over `window` points to each side: (n, 2) float32."""
    points = contour[:, 0].astype(np.float32)
    reach = min(window, len(points) // 8)
    if reach < 1:
        return points
    extended = np.concatenate([points[-reach:], points, points[:reach]])
    blurred: np.ndarray = cv2.blur(extended, (1, 2 * reach + 1))
    return blurred[reach:-reach]
