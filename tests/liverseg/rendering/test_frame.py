"""Layout of pictures: enlargement, scale bar and orientation letters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from liverseg.rendering.frame import LONG_SIDE_PX, frame_for, scale_bar_mm
from liverseg.rendering.slice_view import windowed


@pytest.mark.parametrize("size", [64, 256, 512])
def test_common_sizes_are_enlarged_by_a_whole_factor(size):
    frame = frame_for((size, size), (0.7, 0.7))
    assert frame.rows % size == frame.columns % size == 0


def test_large_slices_are_shrunk():
    assert frame_for((2048, 1024)).rows == LONG_SIDE_PX


def test_the_scale_bar_has_the_length_of_its_label():
    hu = np.full((512, 512), -1000, np.float32)
    frame = frame_for((512, 512), (0.7, 0.9))
    assert scale_bar_mm(frame) == 100
    picture = windowed(hu, spacing_mm=(0.7, 0.9))
    lower_left = picture[frame.height - frame.strip - 80 : -frame.strip, : frame.width // 3, 0] > 128
    bar = lower_left.sum(axis=1).max()
    assert bar == pytest.approx(100 * frame.columns / (512 * 0.9), abs=3)
    assert (picture[: -frame.strip] > 0).sum() > (windowed(hu)[: -frame.strip] > 0).sum()


def test_orientation_letters_are_at_the_four_edges():
    picture = windowed(np.full((512, 512), -1000, np.float32))
    frame = frame_for((512, 512))
    bright = picture[: frame.rows, :, 0] > 128
    labels, count = ndimage.label(bright, structure=np.ones((3, 3)))
    centres = ndimage.center_of_mass(bright, labels, range(1, count + 1))
    expected = [(31, 512), (512, 31), (512, 993), (993, 512)]
    assert count == 4
    assert np.abs(np.array(sorted(centres)) - np.array(expected)).max() < 12
