"""Overlays are distinguishable for deuteranopes, for protanopes and in grey print.

`colour_vision` names the sources of the simulation and of the colour difference. A CIEDE2000 difference of 20
is that of clearly different colours: about 1 is just noticeable, and the green and red that the pictures once
had are 3 to 5 apart for a deuteranope.
"""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
import pytest

from liverseg.core.window import Window
from liverseg.rendering.colours import (
    BOTH_RGB,
    FIRST_RGB,
    LIVER_ON_WHITE_RGB,
    LIVER_RGB,
    PROBABILITY_COLOURS,
    SECOND_RGB,
    TUMOUR_ON_WHITE_RGB,
    TUMOUR_RGB,
    UNSURE_RGB,
)
from liverseg.rendering.slice_view import overlay
from tests.liverseg.rendering.colour_vision import VISIONS, apart, ciede2000, contrast, lab, lightness

TISSUES = {"dark": 30, "mid": 110, "bright": 210}
"""Grey values of the CT below the overlay."""

PAGE_GROUNDS = ((255, 255, 255), (11, 13, 16))


def shown(grey: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The colours of liver and tumour in an overlay of the default opacity over tissue of one grey."""
    labels = np.ones((128, 128), np.uint8)
    labels[32:96, 32:96] = 2
    hu = np.full((128, 128), grey, np.float32)
    picture = overlay(hu, labels, Window(127.5, 255))
    at = [tuple(int(v) for v in picture[row, 512]) for row in (160, 400)]
    return at[0], at[1]


def test_the_difference_is_that_of_published_pairs():
    """Pairs 1, 7, 17, 20 and 25 of the test data of Sharma, Wu and Dalal (2005)."""
    for one, other, expected in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert ciede2000(np.array(one), np.array(other)) == pytest.approx(expected, abs=1e-4)


def test_lightness_and_hue_are_those_of_opencv():
    for rgb in (LIVER_RGB, TUMOUR_RGB, (128, 128, 128)):
        single = (np.array([[rgb]]) / 255).astype(np.float32)
        np.testing.assert_allclose(lab(rgb), cv2.cvtColor(single, cv2.COLOR_RGB2Lab)[0, 0], atol=0.3)


def test_a_simulated_deficiency_leaves_grey_and_confuses_red_and_green():
    for vision in VISIONS:
        assert apart((120, 120, 120), (120, 120, 120 + 1), vision) < 1
        assert abs(lab((120, 120, 120), vision)[1:]).max() < 1
    red, green = (163, 63, 28), (63, 110, 28)
    assert apart(red, green) > 40 > 3 * apart(red, green, "deuteranopia")


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("grey", TISSUES.values(), ids=TISSUES)
def test_the_fills_of_liver_and_tumour_differ_on_any_tissue(grey, vision):
    liver, tumour = shown(grey)
    assert apart(liver, tumour, vision) >= 20
    for colour in (liver, tumour):
        assert apart(colour, (grey,) * 3, vision) >= 8


@pytest.mark.parametrize("grey", TISSUES.values(), ids=TISSUES)
def test_in_grey_print_tumour_is_lighter_than_liver(grey):
    liver, tumour = shown(grey)
    assert lightness(tumour) - lightness(liver) >= 5
    assert lightness(TUMOUR_RGB) - lightness(LIVER_RGB) >= 20


@pytest.mark.parametrize("vision", VISIONS)
def test_lines_differ_from_each_other_and_from_tissue(vision):
    lines = {"liver": LIVER_RGB, "tumour": TUMOUR_RGB, "A": FIRST_RGB, "B": SECOND_RGB, "both": BOTH_RGB}
    for one, other in combinations(lines, 2):
        assert apart(lines[one], lines[other], vision) >= 18, (one, other)
    for name in ("liver", "tumour", "A", "B"):
        for grey in range(20, 216, 15):
            assert apart(lines[name], (grey,) * 3, vision) >= 18, (name, grey)
    assert apart(UNSURE_RGB, LIVER_RGB, vision) >= 40


@pytest.mark.parametrize("vision", VISIONS)
def test_steps_of_the_probability_scale_are_visible_and_its_lightness_increases(vision):
    scale = PROBABILITY_COLOURS[::32]
    labs = [lab(rgb, vision) for rgb in scale]
    assert all(b[0] > a[0] + 3 for a, b in zip(labs, labs[1:], strict=False))
    assert min(ciede2000(a, b) for a, b in zip(labs, labs[1:], strict=False)) >= 5


@pytest.mark.parametrize("vision", VISIONS)
def test_areas_on_the_page_and_on_paper_differ(vision):
    assert apart(LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB, vision) >= 40
    assert lightness(TUMOUR_ON_WHITE_RGB) - lightness(LIVER_ON_WHITE_RGB) >= 15
    for ground in PAGE_GROUNDS:  # WCAG 2, graphics and large text
        assert min(contrast(rgb, ground) for rgb in (LIVER_ON_WHITE_RGB, TUMOUR_ON_WHITE_RGB)) >= 3
