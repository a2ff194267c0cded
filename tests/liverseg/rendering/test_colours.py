"""Colour scale of probabilities, and blending."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from liverseg.rendering.colours import PROBABILITY_COLOURS, blend


def test_the_lightness_of_probability_colours_increases():
    light = PROBABILITY_COLOURS @ np.array([0.2126, 0.7152, 0.0722])
    assert all(b > a - 0.5 for a, b in pairwise(light)) and light[-1] - light[0] > 200


def test_blending_is_the_weighted_mean():
    rng = np.random.default_rng(0)
    under, over = rng.integers(0, 256, (2, 20, 30, 3), np.uint8)
    opacity = rng.integers(0, 256, (20, 30), np.uint8)
    weight = opacity[..., None] / 255
    assert np.abs(blend(under, over, opacity) - ((1 - weight) * under + weight * over)).max() <= 1
