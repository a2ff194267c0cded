"""Strips of slices of the best, the median and the worst scans, reference and prediction over the CT."""

from __future__ import annotations

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
"""Liver and its tumours, told apart."""

TILE_PX = 420
GAP_PX = 8
MARGIN = 0.15
"""Around the liver, of its size."""

RANKS = ("best", "median", "worst")


def chosen(scores: Sequence[ScanScore]) -> dict[str, ScanScore]:
    """Name -> scan: best, median and worst by tumour Dice, and by liver Dice among scans without tumour.

    Of fewer than three scans each is named once.
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
        places = {"best": 0, "worst": len(ranked) - 1, "median": len(ranked) // 2}
        taken: set[int] = set()
        for rank, place in places.items():
            if ranked and place not in taken:
                taken.add(place)
                result[f"{name}-{rank}"] = ranked[place]
    return result


def strip(score: ScanScore, title: str) -> np.ndarray:
    """RGB: a column a kept slice, the CT above and the same with both contours below."""
    columns = [_column(snapshot) for snapshot in score.snapshots]
    height = max(column.shape[0] for column in columns)
    padded = [cv2.copyMakeBorder(c, 0, height - c.shape[0], 0, GAP_PX, cv2.BORDER_CONSTANT) for c in columns]
    body = np.hstack(padded)[:, :-GAP_PX]
    head = np.zeros((52, body.shape[1], 3), np.uint8)
    words = f"{title}   {_dices(score)}"
    draw_text(head, words, (12, 26), TextStyle(_fitting(words, body.shape[1])))
    return np.vstack([head, body, comparison_legend(body.shape[1])])


def _fitting(words: str, width: int) -> int:
    """A size of letters at which the words fit."""
    return max(11, min(22, int(1.7 * width / max(len(words), 1))))


def _dices(score: ScanScore) -> str:
    values = {name: metrics.dice(found.counts) for name, found in score.structures.items()}
    told = [f"{name} {value:.3f}" for name, value in values.items() if value == value]
    return "Dice: " + ", ".join(told) if told else ""


def _column(snapshot: Snapshot) -> np.ndarray:
    hu, reference, prediction = snapshot.hu, snapshot.reference, snapshot.prediction
    place = _crop((reference > 0) | (prediction > 0))
    cut = (hu[place], reference[place], prediction[place])
    empty = np.zeros_like(cut[1])
    plain, drawn = (
        comparison(cut[0], *labels, WINDOW, snapshot.spacing_mm, TILE_PX)
        for labels in ((empty, empty), cut[1:])
    )
    foot = np.zeros((30, plain.shape[1], 3), np.uint8)
    style = TextStyle(15, QUIET_RGB, "centre")
    draw_text(foot, f"slice {snapshot.index}", (foot.shape[1] / 2, 15), style)
    gap = np.zeros((GAP_PX, plain.shape[1], 3), np.uint8)
    return np.vstack([plain, gap, drawn, foot])


def _crop(mask: np.ndarray) -> tuple[slice, slice]:
    """A square with a margin around a mask (H, W), within the slice; all of it for an empty mask."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    if not width:
        return slice(None), slice(None)
    side = round(max(width, height, 64) * (1 + 2 * MARGIN))
    return tuple(
        _span(start + size / 2, side, whole)
        for start, size, whole in ((y, height, mask.shape[0]), (x, width, mask.shape[1]))
    )  # type: ignore[return-value]


def _span(centre: float, side: int, whole: int) -> slice:
    side = min(side, whole)
    start = min(max(round(centre - side / 2), 0), whole - side)
    return slice(start, start + side)
