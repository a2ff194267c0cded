"""Comparison pictures and difference maps: positions and colours of contours and fills."""

import numpy as np
import pytest

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.colours import BOTH_RGB, FIRST_RGB, SECOND_RGB
from liverseg.rendering.comparison import (
    LEGEND_PX,
    compared_pictures,
    comparison,
    comparison_legend,
    comparison_overview,
    difference,
)
from liverseg.rendering.slice_view import slice_overlay
from tests.phantoms import make

HU = np.zeros((64, 48), np.float32)


def disc(row, column, radius, label=1):
    y, x = np.mgrid[:64, :48]
    return (((y - row) ** 2 + (x - column) ** 2) <= radius**2).astype(np.uint8) * np.uint8(label)


def coloured(rgb, colour):
    """Pixels tinted towards blue or towards red, depending on `colour`."""
    red, _, blue = np.moveaxis(rgb.astype(int), -1, 0)
    return np.argwhere((red - blue) * np.sign(colour[0] - colour[2]) > 60)


def test_each_contour_has_its_colour_and_follows_its_mask():
    rgb = comparison(HU, disc(20, 20, 10), disc(44, 24, 8), side_px=256)
    assert rgb.shape == (256, 192, 3) and rgb.dtype == np.uint8
    for colour, centre, radius in ((FIRST_RGB, (20, 20), 10), (SECOND_RGB, (44, 24), 8)):
        points = coloured(rgb, colour) / 4 - 0.5
        distances = np.hypot(*(points - centre).T)
        assert len(points) > 20 and np.all(np.abs(distances - radius) < 1.5)


def test_tumour_has_thicker_lines_than_liver():
    liver = comparison(HU, disc(32, 24, 12), 0 * disc(1, 1, 1), side_px=256)
    tumour = comparison(HU, disc(32, 24, 12, 2), 0 * disc(1, 1, 1), side_px=256)
    assert len(coloured(tumour, FIRST_RGB)) > 1.3 * len(coloured(liver, FIRST_RGB))


def test_empty_labels_draw_nothing():
    empty = np.zeros((64, 48), np.uint8)
    rgb = comparison(HU, empty, empty, spacing_mm=(2.0, 1.0), side_px=128)
    assert rgb.shape == (128, 48, 3) and (rgb == rgb[..., :1]).all()


def test_different_shapes_are_rejected():
    with pytest.raises(InvalidSetting):
        comparison(HU, np.zeros((64, 48), np.uint8), np.zeros((48, 64), np.uint8))


@pytest.mark.parametrize("width", [420, 640, 1700])
def test_the_legend_shows_both_colours_and_fits(width):
    legend = comparison_legend(width)
    assert legend.shape == (LEGEND_PX, width, 3)
    assert len(coloured(legend, FIRST_RGB)) and len(coloured(legend, SECOND_RGB))
    assert not legend[:, -4:].any() and legend.any(axis=(0, 2)).nonzero()[0].max() > min(width, 500) * 0.7


def at(rgb, row, column):
    """The colour at a pixel of the slice in a picture of 64 x 48 pixels enlarged 16 times."""
    return rgb[16 * row + 8, 16 * column + 8].astype(int)


def is_blend(colour, over, opacity):
    """Whether `colour` is `over` blended over the grey of 0 HU in the window 40/400."""
    blended = np.array([(1 - opacity) * 102 + opacity * channel for channel in over])
    return np.abs(colour - blended).max() < 4


def test_areas_of_one_segmentation_have_its_colour_and_tumour_of_both_is_white():
    first, second = np.zeros((64, 48), np.uint8), np.zeros((64, 48), np.uint8)
    first[4:14, 4:20], second[4:14, 12:28] = (
        1,
        1,
    )  # liver: columns 4 to 12 only in the first, 20 to 28 only in the second
    first[24:34, 4:20], second[24:34, 12:28] = 2, 2  # tumour, in the same columns
    first[44:54, 4:40], second[44:54, 4:40] = 1, 1
    first[44:54, 4:20], second[44:54, 28:40] = 2, 2  # tumour where the other has liver
    rgb = difference(HU, first, second, opacity=0.3)
    assert rgb.shape[1] == 768 and rgb.shape[0] > 1024
    strong = 0.3**0.4
    for row, left, middle, right in ((9, 0.3, 0, 0.3), (29, strong, strong, strong), (49, strong, 0, strong)):
        assert is_blend(at(rgb, row, 8), FIRST_RGB, left)
        assert is_blend(at(rgb, row, 16 if row < 40 else 24), BOTH_RGB, middle)
        assert is_blend(at(rgb, row, 24 if row < 40 else 34), SECOND_RGB, right)
    contours = difference(HU, first, second, opacity=0)
    assert (at(contours, 29, 8) == 102).all() and (at(contours, 29, 16) == 102).all()


def test_contours_are_coloured_where_they_differ_and_white_where_they_coincide():
    first, second = disc(20, 20, 12), disc(20, 20, 12) | disc(50, 24, 8)
    rgb = difference(HU, first, second, opacity=0)[:1024]
    assert not len(coloured(rgb, FIRST_RGB))
    apart = coloured(rgb, SECOND_RGB) / 16 - 0.5
    assert len(apart) > 20 and np.all(np.abs(np.hypot(*(apart - (50, 24)).T) - 8) < 1)
    together = np.argwhere(rgb[16 * 4 : 16 * 36, 8 * 16 : 32 * 16].min(axis=2) > 225) / 16 - 0.5 + (4, 8)
    assert len(together) > 20 and np.all(np.abs(np.hypot(*(together - (20, 20)).T) - 12) < 1)


def test_the_map_of_equal_segmentations_has_no_colour():
    labels = disc(32, 24, 20) + disc(30, 20, 6)
    rgb = difference(HU, labels, labels)[:1024]
    assert (rgb == rgb[..., :1]).all() and (rgb > 225).any()
    with pytest.raises(InvalidSetting, match="opacity"):
        difference(HU, labels, labels, opacity=1.5)
    with pytest.raises(InvalidSetting, match="shape"):
        difference(HU, labels, labels[1:])


def segmentation(labels, ref):
    identity = CheckpointIdentity(ref, "0" * 64, "bundled")
    empty = np.zeros(labels.shape, np.float32)
    return Segmentation(labels, empty, empty, 0.5, identity, "torch")


def test_the_overview_has_both_overlays_and_the_map_side_by_side_under_titles():
    phantom = make("volume", seed=3, size=64, slices=3)
    hu, spacing = phantom.hu, (5.0, 1.4, 1.4)
    native = NativeGrid(hu.shape, (0, 1, 2), (False, False, False))
    ct = CTImage(hu.astype(np.float32), spacing, "test", "array", native, "volume")
    a, b = segmentation(phantom.labels, "a@1"), segmentation(phantom.labels[::-1].copy(), "b@2")
    pictures = compared_pictures(ct, a, b, 2)
    assert len({picture.shape for picture in pictures}) == 1
    for picture, seg in zip(pictures, (a, b), strict=False):
        assert np.array_equal(picture, slice_overlay(ct, seg, 2))
    overview = comparison_overview(ct, a, b, 2)
    height, width = pictures[0].shape[:2]
    assert overview.shape[0] > height and overview.shape[1] == pytest.approx(3 * width, abs=50)
    assert np.array_equal(overview[-height:, :width], pictures[0])
    assert np.array_equal(overview[-height:, -width:], pictures[2])
    titles = overview[:-height, :width], overview[:-height, -width:]
    assert all(title.any() for title in titles)
    with pytest.raises(InvalidSetting, match="slice 3"):
        compared_pictures(ct, a, b, 3)
