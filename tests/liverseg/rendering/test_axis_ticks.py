"""Round numbers for axes."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.rendering.axis_ticks import round_step, round_ticks

SPANS = [1e-4, 0.07, 0.3, 0.9, 1, 3, 9.99, 10, 299, 2.3e5]


@pytest.mark.parametrize("largest", SPANS)
def test_ticks_reach_the_largest_value_in_few_equal_steps(largest):
    ticks = round_ticks(largest, 3)
    assert ticks[0] == 0 and ticks[-2] < largest <= ticks[-1] * (1 + 1e-9) and len(ticks) <= 4
    np.testing.assert_allclose(np.diff(ticks), ticks[1])


@pytest.mark.parametrize("max_steps", [1, 3, 4, 6])
@pytest.mark.parametrize("span", SPANS)
def test_a_step_is_the_smallest_round_one_that_is_enough(span, max_steps):
    round_numbers = [float(f"{factor}e{power}") for power in range(-8, 8) for factor in (1, 2, 5)]
    enough = [step for step in round_numbers if step * max_steps >= span * (1 - 1e-9)]
    assert round_step(span, max_steps) == enough[0]
