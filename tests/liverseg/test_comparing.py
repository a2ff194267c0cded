"""The comparison picture: where its contours lie, and what they look like."""

import numpy as np
import pytest

from liverseg.colours import PREDICTION_RGB, REFERENCE_RGB
from liverseg.comparing import LEGEND_PX, comparison, comparison_legend
from liverseg.errors import InvalidSetting

HU = np.zeros((64, 48), np.float32)


def disc(row, column, radius, label=1):
    y, x = np.mgrid[:64, :48]
    return (((y - row) ** 2 + (x - column) ** 2) <= radius**2).astype(np.uint8) * np.uint8(label)


def coloured(rgb, colour):
    """Where the picture is tinted towards blue or towards orange, as the colour is."""
    red, _, blue = np.moveaxis(rgb.astype(int), -1, 0)
    return np.argwhere((red - blue) * np.sign(colour[0] - colour[2]) > 60)


def test_each_contour_has_its_colour_and_lies_at_its_mask():
    rgb = comparison(HU, disc(20, 20, 10), disc(44, 24, 8), side_px=256)
    assert rgb.shape == (256, 192, 3) and rgb.dtype == np.uint8
    for colour, centre, radius in ((REFERENCE_RGB, (20, 20), 10), (PREDICTION_RGB, (44, 24), 8)):
        points = coloured(rgb, colour) / 4 - 0.5
        distances = np.hypot(*(points - centre).T)
        assert len(points) > 20 and np.all(np.abs(distances - radius) < 1.5)


def test_tumour_has_thicker_lines_than_liver():
    liver = comparison(HU, disc(32, 24, 12), 0 * disc(1, 1, 1), side_px=256)
    tumour = comparison(HU, disc(32, 24, 12, 2), 0 * disc(1, 1, 1), side_px=256)
    assert len(coloured(tumour, REFERENCE_RGB)) > 1.3 * len(coloured(liver, REFERENCE_RGB))


def test_nothing_is_drawn_where_there_is_nothing():
    empty = np.zeros((64, 48), np.uint8)
    rgb = comparison(HU, empty, empty, spacing_mm=(2.0, 1.0), side_px=128)
    assert rgb.shape == (128, 48, 3) and (rgb == rgb[..., :1]).all()


def test_shapes_must_agree():
    with pytest.raises(InvalidSetting):
        comparison(HU, np.zeros((64, 48), np.uint8), np.zeros((48, 64), np.uint8))


@pytest.mark.parametrize("width", [420, 640, 1700])
def test_the_legend_shows_both_colours_and_fits(width):
    legend = comparison_legend(width)
    assert legend.shape == (LEGEND_PX, width, 3)
    assert len(coloured(legend, REFERENCE_RGB)) and len(coloured(legend, PREDICTION_RGB))
    assert not legend[:, -4:].any() and legend.any(axis=(0, 2)).nonzero()[0].max() > min(width, 500) * 0.7
