"""Round numbers for the axes of charts: steps of 1, 2 or 5 times a power of ten.

matplotlib's `MaxNLocator` does the same; the charts of the page, the PDF and the cohort's summary are drawn
without matplotlib, which the app does not install.
"""

from __future__ import annotations

import math

_TOLERANCE = 1e-9
"""Share by which a rounding error may exceed a whole number of steps."""


def round_step(span: float, max_steps: int) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that covers `span` in at most `max_steps` steps.

    1 for a span of 0 or less.

    >>> round_step(100, 6), round_step(0.37, 6), round_step(7, 6), round_step(0, 6)
    (20.0, 0.1, 2.0, 1.0)
    """
    if span <= 0:
        return 1.0
    power = math.floor(math.log10(span / max_steps))
    steps = (float(f"{factor}e{power}") for factor in (1, 2, 5, 10, 20))
    return next(step for step in steps if step * max_steps >= span * (1 - _TOLERANCE))


def round_ticks(largest: float, max_steps: int) -> list[float]:
    """Axis ticks from 0 to at least `largest`, `round_step` apart.

    >>> round_ticks(237, 4), round_ticks(0.03, 3), round_ticks(0, 3)
    ([0.0, 100.0, 200.0, 300.0], [0.0, 0.01, 0.02, 0.03], [0.0, 1.0])
    """
    step = round_step(largest, max_steps)
    steps = max(1, math.ceil(largest / step * (1 - _TOLERANCE)))
    return [float(f"{k * step:.6g}") for k in range(steps + 1)]
