"""Pictures of a slice: sizes, positions of the anatomy, and colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.lesion_candidates import LIKELY
from liverseg.core.segmentation import CheckpointIdentity, Segmentation, labels_from_probabilities
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.rendering.colours import LIVER_RGB, PROBABILITY_COLOURS, TUMOUR_RGB, UNSURE_RGB
from liverseg.rendering.frame import LONG_SIDE_PX, frame_for
from liverseg.rendering.outlines import outline
from liverseg.rendering.slice_view import (
    default_slice,
    heatmap,
    overlay,
    overview,
    slice_overlay,
    three_pictures,
    windowed,
)
from tests.liverseg.lesion_scenes import decided

relaxed = settings(deadline=None, max_examples=25)  # a shared machine may stall any example


def scene(slices=1, size=128, spacing=(3.0, 0.8, 0.8)):
    """A liver disc with a tumour and a hole; the tumour probability decreases from the tumour's centre."""
    y, x = np.mgrid[:size, :size] / size
    liver = np.hypot(y - 0.5, x - 0.5) < 0.4
    to_tumour = np.hypot(y - 0.5, x - 0.35)
    hole = np.hypot(y - 0.5, x - 0.7) < 0.08
    tumour_probability = np.clip(1.0 - 5 * to_tumour, 0, 1) * ~hole
    organ_probability = (liver & ~hole).astype(float)
    hu = np.where(liver, 90.0, -200.0)
    stack = [
        np.repeat(a[None], slices, 0).astype(np.float32) for a in (hu, tumour_probability, organ_probability)
    ]
    labels = labels_from_probabilities(stack[2], stack[1], 0.5)
    native = NativeGrid(labels.shape, (0, 1, 2), (False, False, False))
    ct = CTImage(stack[0], spacing, "test", "array", native, "volume" if slices > 1 else "slice")
    checkpoint = CheckpointIdentity("a@1", "0" * 64, "bundled")
    return ct, Segmentation(labels, stack[1], stack[2], 0.5, checkpoint, "torch")


def at(picture, frame, row, column, shape):
    """The colour of a picture at the centre of a pixel of the slice."""
    y = frame.top + int((row + 0.5) * frame.rows / shape[0])
    x = frame.left + int((column + 0.5) * frame.columns / shape[1])
    return tuple(int(v) for v in picture[y, x])


@relaxed
@given(
    st.integers(64, 600),
    st.integers(64, 600),
    st.one_of(st.none(), st.tuples(st.floats(0.4, 3), st.floats(0.4, 3))),
)
def test_the_three_pictures_of_any_slice_have_the_same_size(height, width, spacing):
    hu = np.zeros((height, width), np.float32)
    labels = np.zeros((height, width), np.uint8)
    labels[10:30, 10:30], labels[15:20, 15:20] = 1, 2
    frame = frame_for((height, width), spacing)
    sizes = {
        windowed(hu, spacing_mm=spacing).shape,
        overlay(hu, labels, spacing_mm=spacing).shape,
        heatmap(hu, labels / np.float32(2), spacing_mm=spacing).shape,
    }
    assert sizes == {(frame.height, frame.width, 3)}
    assert 0.75 * LONG_SIDE_PX <= max(frame.rows, frame.columns) <= LONG_SIDE_PX + 1
    row_mm, column_mm = spacing or (1, 1)
    expected = height * row_mm / (width * column_mm)
    assert frame.rows == pytest.approx(frame.columns * expected, abs=0.5 + 0.5 * expected)


def test_the_three_pictures_show_the_anatomy_at_the_same_position():
    ct, seg = scene()
    frame = frame_for((128, 128), (0.8, 0.8))
    plain = windowed(ct.hu[0], spacing_mm=(0.8, 0.8))
    empty = overlay(ct.hu[0], np.zeros((128, 128), np.uint8), spacing_mm=(0.8, 0.8))
    cold = heatmap(ct.hu[0], np.zeros((128, 128), np.float32), spacing_mm=(0.8, 0.8))
    body = slice(None, -frame.strip)
    np.testing.assert_array_equal(plain[body], empty[body])
    marks = (plain[body] == cold[body]).all(axis=-1) & (plain[body] > 0).all(axis=-1)
    darker = np.abs(plain[body] * 0.7 - cold[body]).max(axis=-1) <= 1
    assert (darker | ndimage.binary_dilation(marks, iterations=3)).all()


def test_the_window_maps_hu_to_grey():
    hu = np.full((128, 128), 60.0, np.float32)
    frame = frame_for((128, 128))
    for window, grey in ((Window(60, 200), 128), (Window(200, 100), 0), (Window(-100, 100), 255)):
        assert at(windowed(hu, window), frame, 30, 30, hu.shape) == (grey,) * 3


def test_liver_is_blue_tumour_orange_and_holes_show_the_slice():
    ct, seg = scene()
    frame, shape = frame_for((128, 128)), (128, 128)
    solid = overlay(ct.hu[0], seg.labels[0], opacity=1.0)
    plain = windowed(ct.hu[0])
    assert at(solid, frame, 30, 64, shape) == LIVER_RGB
    assert at(solid, frame, 64, 45, shape) == TUMOUR_RGB
    for row, column in ((64, 90), (10, 40)):  # in the hole, outside the liver
        assert at(solid, frame, row, column, shape) == at(plain, frame, row, column, shape)
    half = at(overlay(ct.hu[0], seg.labels[0], opacity=0.5), frame, 30, 64, shape)
    grey = at(plain, frame, 30, 64, shape)
    assert half == pytest.approx(np.add(grey, LIVER_RGB) / 2, abs=2)


def test_contours_are_opaque_and_thin_and_those_of_tumours_thicker_and_follow_the_edges_of_the_labels():
    ct, seg = scene()
    frame = frame_for((128, 128))
    picture = overlay(ct.hu[0], seg.labels[0], opacity=0.0)[frame.slice_area].astype(int)
    scale, widths = frame.rows // 128, []
    for colour, mask in ((LIVER_RGB, seg.labels[0] >= 1), (TUMOUR_RGB, seg.labels[0] == 2)):
        line = (picture == colour).all(axis=-1)
        large = np.kron(mask, np.ones((scale, scale), bool))
        edge = large ^ ndimage.binary_erosion(large)
        assert ndimage.distance_transform_edt(~edge)[line].max() <= scale
        near_line = ndimage.binary_dilation(line, iterations=scale)
        assert near_line[edge].mean() > 0.98  # with the edge of the hole
        assert line.sum() < 4 * edge.sum()
        widths.append(line.sum() / edge.sum())
    assert widths[1] > 1.3 * widths[0]


def test_a_single_pixel_of_tumour_is_visible():
    labels = np.ones((512, 512), np.uint8)
    labels[200, 300] = 2
    picture = overlay(np.zeros((512, 512), np.float32), labels)
    orange = (picture[:1024].astype(int) - TUMOUR_RGB).__abs__().sum(axis=-1) < 60
    pixels = np.argwhere(orange)
    assert len(pixels) and np.abs(pixels - (401, 601)).max() <= 4


def test_the_heatmap_has_the_colours_of_the_bar_and_a_white_line_at_the_threshold():
    ct, seg = scene()
    frame, shape = frame_for((128, 128)), (128, 128)
    picture = heatmap(ct.hu[0], seg.tumour_probability[0], opacity=1.0, threshold=0.4)
    for row, column in ((64, 45), (64, 50), (78, 45)):
        level = round(float(seg.tumour_probability[0, row, column]) * 255)
        assert at(picture, frame, row, column, shape) == pytest.approx(PROBABILITY_COLOURS[level], abs=12)
    enlarged = frame.enlarge(seg.tumour_probability[0])
    white = (picture[frame.slice_area] > 235).all(axis=-1)
    assert white.sum() > 100
    assert np.abs(enlarged[white] - 0.4).max() < 0.06
    colour = at(picture, frame, 64, 90, shape)
    assert len(set(colour)) == 1, "grey where the probability is 0"


def test_the_three_pictures_use_the_spacing_window_opacity_and_threshold():
    ct, seg = scene()
    window, spacing = Window(60, 200), (0.8, 0.8)
    seg = seg.at_threshold(0.8)
    pictures = three_pictures(ct, seg, 0, window, 0.4)
    expected = (
        windowed(ct.hu[0], window, spacing),
        slice_overlay(ct, seg, 0, window, 0.4),
        heatmap(ct.hu[0], seg.tumour_probability[0], window, 0.4, 0.8, spacing),
    )
    for a, b in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_overview_shows_the_three_pictures_of_the_slice_with_the_most_tumour():
    ct, seg = scene(slices=4)
    seg.labels[:2] = 0
    seg.labels[2][seg.labels[2] == 2] = 1
    assert default_slice(seg) == 3
    picture = overview(ct, seg)
    parts = three_pictures(ct, seg, 3)
    width = parts[0].shape[1]
    assert picture.shape[0] == parts[0].shape[0] and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:, :width], parts[0])
    np.testing.assert_array_equal(picture[:, -width:], parts[2])
    seg.labels[3] = 0
    assert default_slice(seg) == 2
    seg.labels[:] = 0
    assert default_slice(seg) == 2


def test_settings_out_of_range_are_rejected():
    ct, seg = scene()
    for wrong in ({"slice_index": 1}, {"slice_index": -1}, {"slice_index": 0, "opacity": 1.2}):
        with pytest.raises(InvalidSetting):
            three_pictures(ct, seg, **wrong)
    with pytest.raises(InvalidSetting):
        overlay(ct.hu[0], seg.labels[0], opacity=-0.1)
    with pytest.raises(InvalidSetting):
        heatmap(ct.hu[0], seg.tumour_probability[0], threshold=1.5)


def test_drawing_does_not_change_the_inputs_or_later_pictures():
    ct, seg = scene()
    before = [a.copy() for a in (ct.hu, seg.labels, seg.tumour_probability)]
    first = three_pictures(ct, seg, 0)
    first[1][:] = 0  # callers may draw into the pictures
    assert three_pictures(ct, seg, 0)[1].any()
    for a, b in zip(before, (ct.hu, seg.labels, seg.tumour_probability), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_unsure_lesion_is_liver_with_a_dashed_orange_contour():
    ct, seg = decided()
    spacing_mm = ct.spacing_mm[1:]
    plain = overlay(ct.hu[1], seg.labels[1], spacing_mm=spacing_mm).astype(int)
    picture = overlay(ct.hu[1], seg.labels_with_unsure(1), spacing_mm=spacing_mm).astype(int)
    frame = frame_for((64, 64), spacing_mm)
    changed = (picture != plain).any(axis=2)
    scale = frame.rows / 64
    rows, columns = np.nonzero(changed[frame.slice_area])
    assert 29.4 < rows.min() / scale and rows.max() / scale < 33.6  # only around rows 30 to 32
    assert 19.4 < columns.min() / scale and columns.max() / scale < 23.6
    whole = np.zeros_like(picture, np.uint8)[frame.slice_area].copy()
    unsure = frame.enlarge((seg.labels_with_unsure(1) == 3).view(np.uint8) * np.uint8(255)) > 127
    outline(whole, unsure, UNSURE_RGB, frame.line, round(scale))
    full = whole.any(axis=2).sum()
    assert 0.4 * full < changed[frame.slice_area].sum() < 0.75 * full  # about half of a whole contour
    assert changed[-frame.strip :].any()  # the legend
    seg.candidates.status[:] = LIKELY
    np.testing.assert_array_equal(overlay(ct.hu[1], seg.labels_with_unsure(1), spacing_mm=spacing_mm), plain)
