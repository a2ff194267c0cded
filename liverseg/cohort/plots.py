"""Histograms as SVG, so that the summary page needs no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from liverseg.rendering.axis_ticks import round_step

_WIDTH, _HEIGHT = 420, 200  # of the view box
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM = 40, 22, 12, 40
_BINS = 24
_MAX_STEPS = 6


def histogram(values: Sequence[float], label: str, colour: str) -> str:
    """An SVG histogram with the median as a line. None and NaN are ignored; without values, a sentence."""
    finite = np.array([value for value in values if value is not None and math.isfinite(value)], float)
    if not finite.size:
        return f'<p class="none">{escape(label)}: no values.</p>'
    high = float(finite.max())
    low = min(0.0, float(finite.min()))
    step = round_step((high - low) or 1.0, _MAX_STEPS)
    high = low + step * max(1, math.ceil((high - low) / step - 1e-9))
    counts, edges = np.histogram(finite, bins=_BINS, range=(low, high))
    highest = int(counts.max())
    count_step = max(1, round(round_step(highest, 4)))
    top = count_step * math.ceil(highest / count_step)

    def x(value: float) -> float:
        return _MARGIN_LEFT + (value - low) / (high - low) * (_WIDTH - _MARGIN_LEFT - _MARGIN_RIGHT)

    def y(count: float) -> float:
        return _MARGIN_TOP + (1 - count / top) * (_HEIGHT - _MARGIN_TOP - _MARGIN_BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Histogram: {escape(label)}, '
        f'{finite.size} values, median {np.median(finite):.3g}">'
    ]
    for count in range(0, top + 1, count_step):
        parts.append(
            f'<path class="grid" d="M{_MARGIN_LEFT} {y(count):.1f}H{_WIDTH - _MARGIN_RIGHT}"/>'
            f'<text x="{_MARGIN_LEFT - 6}" y="{y(count) + 4:.1f}" text-anchor="end">{count}</text>'
        )
    for count, first, last in zip(counts, edges, edges[1:], strict=False):
        if count:
            width = max(1.0, x(last) - x(first) - 1)
            parts.append(
                f'<rect x="{x(first):.1f}" y="{y(count):.1f}" width="{width:.1f}" '
                f'height="{y(0) - y(count):.1f}" fill="{colour}"><title>{first:.4g} to {last:.4g}: {count}'
                "</title></rect>"
            )
    value = low
    label_y = _HEIGHT - _MARGIN_BOTTOM + 16
    while value <= high + step / 2:
        parts.append(f'<text x="{x(value):.1f}" y="{label_y}" text-anchor="middle">{value:.6g}</text>')
        value += step
    median_x = x(float(np.median(finite)))
    parts.append(
        f'<line class="median" x1="{median_x:.1f}" x2="{median_x:.1f}" y1="{_MARGIN_TOP}" y2="{y(0):.1f}"/>'
    )
    parts.append(f'<text x="{_MARGIN_LEFT}" y="{_HEIGHT - 6}">{escape(label)}</text></svg>')
    return "".join(parts)
