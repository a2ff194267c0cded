"""Text on pictures: positions, alignment and cropping."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.rendering.text import TextStyle, draw_text, text_width


@pytest.mark.parametrize("align, share", [("left", 0), ("centre", 0.5), ("right", 1)])
def test_text_has_its_width_and_is_aligned_at_its_position(align, share):
    rgb = np.zeros((60, 200, 3), np.uint8)
    draw_text(rgb, "HHHHH", (100, 30), TextStyle(20, align=align))
    rows, columns = np.nonzero(rgb[..., 0] > 128)
    assert 0 <= text_width("HHHHH", 20) - np.ptp(columns) < 8, "side bearings of the letters"
    assert columns.min() + share * np.ptp(columns) == pytest.approx(100, abs=4)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(30, abs=1)


def test_a_halo_darkens_the_background_around_the_text():
    plain, with_halo = (np.full((40, 60, 3), 200, np.uint8) for _ in range(2))
    for rgb, halo_px in ((plain, 0), (with_halo, 2)):
        draw_text(rgb, "L", (30, 20), TextStyle(20, align="centre", halo_px=halo_px))
    assert plain.min() == 200 and with_halo.min() < 20


def test_text_is_cropped_at_the_borders():
    rgb = np.zeros((20, 40, 3), np.uint8)
    draw_text(rgb, "Tumour", (30, 2), TextStyle(16, halo_px=1))
    assert rgb.any()
    draw_text(rgb, "Tumour", (900, 900), TextStyle(16))
    draw_text(rgb, "Tumour", (-900, 5), TextStyle(16))
