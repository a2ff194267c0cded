"""Histograms as SVG, drawn here so that the summary page needs no plotting library (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 420, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 22, 12, 40


def nice_step(span: float, most: int = 6) -> float:
    """A round step that divides a span into at most `most` parts.

    >>> nice_step(100), nice_step(0.37), nice_step(7)
    (20.0, 0.1, 2.0)
    """
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(float(f"{m * power:.12g}") for m in (1, 2, 5, 10) if span / (m * power) <= most)


def histogram(values: Sequence[float], label: str, colour: str, bins: int = 24) -> str:
    """How often values occur, with their median as a line; words in place of a picture for none."""
    finite = np.array([value for value in values if value is not None and math.isfinite(value)], float)
    if not finite.size:
        return f'<p class="none">{escape(label)}: no values.</p>'
    high = float(finite.max())
    low = min(0.0, float(finite.min()))
    step = nice_step((high - low) or 1.0)
    high = low + step * max(1, math.ceil((high - low) / step - 1e-9))
    counts, edges = np.histogram(finite, bins=bins, range=(low, high))
    most = int(counts.max())
    count_step = max(1, round(nice_step(most, 4)))
    top = count_step * math.ceil(most / count_step)

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(count: float) -> float:
        return _TOP + (1 - count / top) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Histogram: {escape(label)}, '
        f'{finite.size} values, median {np.median(finite):.3g}">'
    ]
    for count in range(0, top + 1, count_step):
        parts.append(
            f'<path class="grid" d="M{_LEFT} {y(count):.1f}H{_WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{y(count) + 4:.1f}" text-anchor="end">{count}</text>'
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
    while value <= high + step / 2:
        parts.append(
            f'<text x="{x(value):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:.6g}</text>'
        )
        value += step
    middle = x(float(np.median(finite)))
    parts.append(f'<line class="median" x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP}" y2="{y(0):.1f}"/>')
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{escape(label)}</text></svg>')
    return "".join(parts)
