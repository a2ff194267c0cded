"""Geometry, borders and windows of views computed with OpenCV."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.train.sampling.views import SETTINGS, SPANS, THREE_WINDOWS, draw_views
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT
from train.sampling import augment_cpu
from train.sampling.augment import AugmentSettings


def test_geometry_moves_image_and_labels_together():
    bits = np.full((96, 96), BACKGROUND_BIT, np.uint8)
    cv2.circle(bits, (40, 48), 26, LIVER_BIT, -1)
    unit = np.where(bits == LIVER_BIT, 0.63, 0.1).astype(np.float32)[..., None]
    settings = AugmentSettings(working_px=(90, 110), crop_px=96)
    for view in draw_views(bits, settings, range(20)):
        grid = augment_cpu.sampling_map(view, 96)
        bright = augment_cpu.warp(unit, grid)[..., 0] > 0.365
        liver = augment_cpu.warp_labels(bits, grid) == LIVER_BIT
        assert (bright ^ liver).sum() <= 0.04 * liver.sum() + 30


def test_pixels_outside_of_the_slice_are_air_and_background(phantom_slice):
    hu, bits = phantom_slice
    view = draw_views(bits, replace(SETTINGS, noise=0), [0])[0]._replace(
        centre_px=np.array([-500.0, -500.0]), floor=float("-inf"), gain=1.0, shift=-0.01, blur_px=0.0
    )
    image, labels = augment_cpu.render(THREE_WINDOWS.from_hu(hu), bits, view, 64, THREE_WINDOWS)
    assert (image == 0).all() and (labels == BACKGROUND_BIT).all()


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_unchanged_intensity_gives_the_greys_of_each_window(phantom_slice, span):
    hu, _ = phantom_slice
    expected = np.concatenate(
        [np.clip((hu - w.low_hu) / w.width_hu, 0, 1).transpose(2, 0, 1) for w in span.windows]
    )
    assert np.allclose(augment_cpu.through_windows(span.from_hu(hu), span), expected, atol=1e-5)
