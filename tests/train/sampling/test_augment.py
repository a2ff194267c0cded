"""The distribution of the augmentation parameters, and settings at a lower resolution."""

from dataclasses import replace

import numpy as np
import pytest

from tests.train.sampling.views import SETTINGS, draw_views
from train.sampling.augment import AugmentSettings


def test_shares_and_ranges_are_those_of_the_settings(phantom_slice):
    bits = phantom_slice[1]
    s = AugmentSettings(working_px=(200, 400), crop_px=64)
    views = draw_views(bits, s, range(1500))
    shares = {
        "elastic": np.mean([view.bend_px.any() for view in views]),
        "narrowed": np.mean([view.floor > 0 for view in views]),
        "gamma": np.mean([view.gamma != 1 for view in views]),
        "blur": np.mean([view.blur_px > 0 for view in views]),
        "sharpen": np.mean([view.sharpen > 0 for view in views]),
        "noise": np.mean([view.noise > 0 for view in views]),
    }
    for name, share in shares.items():
        assert share == pytest.approx(getattr(s, name), abs=0.05), name
    soft_grain = np.mean([view.grain_px > 0 for view in views if view.noise])
    assert soft_grain == pytest.approx(s.soft_grain, abs=0.06)
    degrees = np.rad2deg([view.angle_rad for view in views])
    assert abs(degrees).max() <= 18 and degrees.std() == pytest.approx(36 / 12**0.5, rel=0.06)
    zoom = np.log([np.prod(view.zoom) ** 0.5 * 128 for view in views])
    assert np.log(200) - 0.13 < zoom.min() and zoom.max() < np.log(400) + 0.13
    on_organ = np.mean([bits[tuple(np.clip(view.centre_px[::-1].astype(int), 0, 127))] > 1 for view in views])
    assert on_organ > 1.3 * np.mean(bits > 1)
    assert all(view.mirror == 1 for view in views)
    mirrors = [view.mirror for view in draw_views(bits, replace(s, flip="vertical"), range(200))]
    assert np.mean(mirrors) == pytest.approx(0, abs=0.2) and set(mirrors) == {-1.0, 1.0}


def test_half_the_resolution_halves_crop_and_working_size():
    half = SETTINGS.scaled(0.5)
    assert (half.crop_px, half.working_px) == (32, (45, 70))
    assert SETTINGS.scaled(1) is SETTINGS
