"""Warnings about values that are implausible for a CT."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.io.checks import AIR_HU, border_ring, grey_warnings, hu_warnings, replace_padding


@pytest.mark.parametrize(
    "image, sentence",
    [
        (np.full((64, 64), 120), "uniform"),
        (np.random.default_rng(0).integers(0, 256, (64, 64)), "noise"),
        (np.tile(np.linspace(60, 255, 64), (64, 1)), "air"),
    ],
)
def test_pictures_unlike_ct_give_a_warning(image, sentence):
    (warning,) = grey_warnings(image / 255)
    assert sentence in warning


@pytest.mark.parametrize(
    "low, high, sentence",
    [
        (40, 40, "the same"),
        (-1, 1, "normalised"),
        (0, 3000, "below 0"),
        (-1000, -201, "soft tissue"),
    ],
)
def test_implausible_hu_give_a_warning(low, high, sentence):
    (warning,) = hu_warnings(np.array([low, high]))
    assert sentence in warning
    assert hu_warnings(np.array([-1000, 300])) == ()


def test_border_ring_is_the_outermost_pixels():
    image = np.zeros((10, 12))
    image[1:-1, 1:-1] = 1
    assert border_ring(image).shape == (2 * 12 + 2 * 8,) and not border_ring(image).any()
    assert border_ring(np.zeros((200, 300))).size == 200 * 300 - 192 * 292, "2 % of the shorter side"


def test_padding_becomes_air_in_place():
    hu = np.array([-3024.0, -1500.1, -1500.0, -1024.0, 40.0])
    replace_padding(hu)
    np.testing.assert_array_equal(hu, [AIR_HU, AIR_HU, -1500.0, -1024.0, 40.0])
