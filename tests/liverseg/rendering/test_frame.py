"""Layout of pictures: enlargement, scale bar and orientation letters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from liverseg.io.read import from_array
from liverseg.rendering.colours import TEXT_RGB
from liverseg.rendering.frame import LONG_SIDE_PX, draw_marks, frame_for, scale_bar_mm
from liverseg.rendering.planes import PLANES, plane_frame, plane_title
from liverseg.rendering.slice_view import axial_frame, windowed
from tests.liverseg.rendering.colour_vision import contrast


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


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("width", [320, 1024])
def test_letters_and_scale_bar_are_legible_on_any_tissue(grey, width):
    frame = frame_for((1024, width), (0.7, 0.7))
    bare = np.full((frame.height, frame.width, 3), grey, np.uint8)
    marked = bare.copy()
    draw_marks(marked, frame)
    changed = (marked != bare).any(axis=2)
    light = (marked[..., 0] > 200) & (changed if grey == 255 else True)
    around = ndimage.binary_dilation(light, iterations=2) & ~light
    strokes, count = ndimage.label(light, structure=np.ones((3, 3)))
    assert count >= 5, "four letters and the bar"
    border = marked[around][:, 0]
    assert np.median(border) < 60, "a dark border separates them from the tissue"
    assert contrast(TEXT_RGB, (int(np.median(border)),) * 3) > 7  # WCAG 2, enhanced


def test_an_unknown_orientation_has_no_letters():
    ct = from_array(np.full((3, 96, 96), -1000), (5, 0.8, 0.8))
    for known, letters in ((True, {"R", "L", "A", "P", "H", "F"}), (False, {""})):
        image = replace(ct, orientation_known=known)
        frames = [axial_frame(image), *(plane_frame(image, plane) for plane in PLANES.values())]
        assert {letter for frame in frames for letter in frame.letters} == letters
        black = np.zeros((frames[0].height, frames[0].width, 3), np.uint8)
        draw_marks(black, frames[0])
        above = black[: frames[0].rows // 2]
        assert above.any() == known  # the scale bar is in the lower half
    assert [plane_title(image, name) for name in PLANES] == [
        "Axial (assumed)", "Coronal (assumed)", "Sagittal (assumed)"
    ]  # fmt: skip
