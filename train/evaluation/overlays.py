"""Overlay strips: slices of the best, median and worst scans with the contours of both label maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from liverseg.analysis import metrics
from liverseg.core.window import Window
from liverseg.rendering.colours import QUIET_RGB
from liverseg.rendering.comparison import comparison, comparison_legend
from liverseg.rendering.text import TextStyle, draw_text
from train.evaluation.scores import ScanScore
from train.evaluation.snapshots import Snapshot

WINDOW = Window(60, 200)
"""A narrow window in which tumours contrast with the liver."""

TILE_PX = 420
GAP_PX = 8
MARGIN = 0.15
"""The margin around the liver, as a share of its size."""


def representative_scans(scores: Sequence[ScanScore]) -> dict[str, ScanScore]:
    """The best, median and worst scan by tumour Dice, and by liver Dice among scans without tumour.

    The keys are names such as "tumour-best". A scan appears once, so fewer than three scans give fewer keys.
    """
    groups = {
        "tumour": [s for s in scores if s.structures["tumour"].counts.reference],
        "liver": [
            s
            for s in scores
            if not s.structures["tumour"].counts.reference
            and "liver" in s.structures
            and s.structures["liver"].counts.reference
        ],
    }
    result: dict[str, ScanScore] = {}
    for name, group in groups.items():
        ranked = sorted(group, key=lambda s: -metrics.dice(s.structures[name].counts))
        indices = {"best": 0, "worst": len(ranked) - 1, "median": len(ranked) // 2}
        taken: set[int] = set()
        for rank, index in indices.items():
            if ranked and index not in taken:
                taken.add(index)
                result[f"{name}-{rank}"] = ranked[index]
    return result


def overlay_strip(score: ScanScore, title: str) -> np.ndarray:
    """RGB uint8 with a column per kept slice: the CT above, and the same with both contours below."""
    columns = [_column(snapshot) for snapshot in score.snapshots]
    height = max(column.shape[0] for column in columns)
    padded = [cv2.copyMakeBorder(c, 0, height - c.shape[0], 0, GAP_PX, cv2.BORDER_CONSTANT) for c in columns]
    body = np.hstack(padded)[:, :-GAP_PX]
    head = np.zeros((52, body.shape[1], 3), np.uint8)
    heading = f"{title}   {_dice_text(score)}"
    draw_text(head, heading, (12, 26), TextStyle(_font_size(heading, body.shape[1])))
    return np.vstack([head, body, comparison_legend(body.shape[1])])


def _font_size(text: str, width: int) -> int:
    """A font size at which the text fits into the width, pixels."""
    return max(11, min(22, int(1.7 * width / max(len(text), 1))))


def _dice_text(score: ScanScore) -> str:
    values = {name: metrics.dice(structure.counts) for name, structure in score.structures.items()}
    defined = [f"{name} {value:.3f}" for name, value in values.items() if not math.isnan(value)]
    return "Dice: " + ", ".join(defined) if defined else ""


def _column(snapshot: Snapshot) -> np.ndarray:
    hu, reference, prediction = snapshot.hu, snapshot.reference, snapshot.prediction
    box = _crop((reference > 0) | (prediction > 0))
    empty = np.zeros_like(reference[box])
    plain, drawn = (
        comparison(hu[box], *labels, WINDOW, snapshot.spacing_mm, TILE_PX)
        for labels in ((empty, empty), (reference[box], prediction[box]))
    )
    foot = np.zeros((30, plain.shape[1], 3), np.uint8)
    style = TextStyle(15, QUIET_RGB, "centre")
    draw_text(foot, f"slice {snapshot.index}", (foot.shape[1] / 2, 15), style)
    gap = np.zeros((GAP_PX, plain.shape[1], 3), np.uint8)
    return np.vstack([plain, gap, drawn, foot])


def _crop(mask: np.ndarray) -> tuple[slice, slice]:
    """A square with a margin around a mask (H, W), within the slice; the whole slice for an empty mask."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return slice(None), slice(None)
    side = round(max(width, height, 64) * (1 + 2 * MARGIN))
    return tuple(
        _span(start + size / 2, side, whole)
        for start, size, whole in ((y, height, mask.shape[0]), (x, width, mask.shape[1]))
    )  # type: ignore[return-value]


def _span(centre: float, side: int, whole: int) -> slice:
    """`side` pixels around `centre`, moved into the range from 0 to `whole`."""
    side = min(side, whole)
    start = min(max(round(centre - side / 2), 0), whole - side)
    return slice(start, start + side)
