"""The picture of a follow-up: each lesion in both scans, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from liverseg.analysis.follow.change import NOT_COVERED, FollowedLesion
from liverseg.analysis.follow.follow_up import NOTICE, FollowUp, MeasuredScan
from liverseg.analysis.follow.liver_shape import moved, world_affine
from liverseg.analysis.follow.matching import radius_mm
from liverseg.analysis.follow.text import lesion_title
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.rendering.colours import QUIET_RGB, TEXT_RGB
from liverseg.rendering.outlines import dashes
from liverseg.rendering.slice_view import axial_frame, default_slice, slice_overlay
from liverseg.rendering.text import TextStyle, draw_text, text_width

MAX_ROWS = 8
"""Only this many lesions, the largest ones, are shown."""

PANEL_PX = 640
"""Width of one slice in the picture."""

GAP_PX, TITLE_PX, CAPTION_PX = 12, 44, 30
"""Black between the two slices; height of the title over a row, and of the caption over a slice."""

LEAST_RING_MM = 8.0
"""Least radius of the ring around the place of a lesion that a scan does not show."""


@dataclass(frozen=True)
class _Panel:
    """One slice: which one, and the place (row, column) and radius in mm of a ring; None: no ring."""

    slice_index: int | None  # None: the place lies outside the scan
    ring: tuple[float, float, float] | None = None


def follow_picture(
    baseline: MeasuredScan, follow_up: MeasuredScan, found: FollowUp, window: Window = DEFAULT_WINDOW
) -> np.ndarray:
    """The likely lesions of a follow-up in both scans side by side, one row for each: one RGB array.

    The slices are those with the longest diameters. Where a scan does not have a lesion, a dashed ring marks
    its place after registration. Without lesions the slices with the most tumour or liver are shown.
    """
    shown = sorted(
        found.likely_lesions, key=lambda one: -max(one.baseline.volume_ml, one.follow_up.volume_ml)
    )[:MAX_ROWS]
    pairs = [(lesion_title(one), *_panels(one, baseline, follow_up, found)) for one in shown]
    if not pairs:
        first, second = (_Panel(default_slice(scan.seg)) for scan in (baseline, follow_up))
        pairs = [("No likely lesion in either scan", first, second)]
    left_out = len(found.likely_lesions) - len(shown)
    rows = [_line(NOTICE + (f" {left_out} smaller lesions are not shown." if left_out else ""), QUIET_RGB)]
    for title, first, second in pairs:
        images = [
            _panel_image(scan, name, panel, window)
            for scan, name, panel in ((baseline, "Baseline", first), (follow_up, "Follow-up", second))
        ]
        height = max(len(image) for image in images)
        columns = [np.pad(image, ((0, height - len(image)), (0, 0), (0, 0))) for image in images]
        rows += [
            _line(title, TEXT_RGB),
            np.hstack([columns[0], np.zeros((height, GAP_PX, 3), np.uint8), columns[1]]),
        ]
    return np.vstack(rows)


def _panels(
    lesion: FollowedLesion, baseline: MeasuredScan, follow_up: MeasuredScan, found: FollowUp
) -> tuple[_Panel, _Panel]:
    """The slices that show a lesion in the baseline and in the follow-up scan."""
    before, after = lesion.baseline.lesions, lesion.follow_up.lesions
    if before and after:
        return _Panel(before[0].diameter_slice), _Panel(after[0].diameter_slice)
    to_baseline = found.registration.matrix
    if before:
        own, other, matrix, one = baseline, follow_up, np.linalg.inv(to_baseline), before[0]
    else:
        own, other, matrix, one = follow_up, baseline, to_baseline, after[0]
    to_index = np.linalg.inv(world_affine(other.ct)) @ matrix @ world_affine(own.ct)
    z, row, column = (float(v) for v in moved(to_index, np.array(one.centroid_px)))
    index = None if lesion.state == NOT_COVERED else int(np.clip(round(z), 0, len(other.ct.hu) - 1))
    place = _Panel(index, (row, column, max(radius_mm(one), LEAST_RING_MM)))
    shown = _Panel(one.diameter_slice)
    return (shown, place) if before else (place, shown)


def _panel_image(scan: MeasuredScan, name: str, panel: _Panel, window: Window) -> np.ndarray:
    """(h, PANEL_PX, 3): one slice under its caption."""
    ct, index = scan.ct, panel.slice_index
    if index is None:
        return _caption(f"{name}: outside this scan")
    picture = slice_overlay(ct, scan.seg, index, window)
    if panel.ring is not None:
        _draw_ring(picture, scan, panel.ring)
    height = max(1, round(picture.shape[0] * PANEL_PX / picture.shape[1]))
    shrunk = cv2.resize(picture, (PANEL_PX, height), interpolation=cv2.INTER_AREA)
    return np.vstack([_caption(f"{name}, slice {index + 1} of {len(ct.hu)}"), shrunk])


def _draw_ring(picture: np.ndarray, scan: MeasuredScan, ring: tuple[float, float, float]) -> None:
    """Draw a dashed ring at (row, column) in voxels with a radius in mm, in place."""
    frame, (_, rows, columns) = axial_frame(scan.ct), scan.ct.shape
    row, column, radius = ring
    y = frame.top + (row + 0.5) * frame.rows / rows
    x = frame.left + (column + 0.5) * frame.columns / columns
    size = radius * (frame.px_per_mm or 1.0)
    angles = np.linspace(0, 2 * np.pi, 97)[:-1]
    points = np.stack([x + size * np.cos(angles), y + size * np.sin(angles)], axis=1)
    lines = [np.rint(dash).astype(np.int32) for dash in dashes(points, size / 2)]
    cv2.polylines(picture, lines, False, TEXT_RGB, frame.heavy_line, cv2.LINE_AA)


def _line(text: str, colour: tuple[int, int, int]) -> np.ndarray:
    """A line of text over the whole picture, as large as fits."""
    width = 2 * PANEL_PX + GAP_PX
    strip = np.zeros((TITLE_PX, width, 3), np.uint8)
    size = next((s for s in range(24, 8, -1) if text_width(text, s) <= width - 2 * s), 8)
    draw_text(strip, text, (size, TITLE_PX / 2), TextStyle(size, colour))
    return strip


def _caption(text: str) -> np.ndarray:
    strip = np.zeros((CAPTION_PX, PANEL_PX, 3), np.uint8)
    draw_text(strip, text, (12, CAPTION_PX / 2), TextStyle(18, QUIET_RGB))
    return strip
