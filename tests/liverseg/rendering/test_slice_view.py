"""Pictures: one size, the anatomy at one place, the right colours at the right pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation, labels_from_probabilities
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting
from liverseg.rendering import legend
from liverseg.rendering.colours import LIVER_RGB, PROBABILITY_COLOURS, TUMOUR_RGB
from liverseg.rendering.frame import LONG_SIDE_PX, frame_for, scale_bar_mm
from liverseg.rendering.slice_view import heatmap, overlay, overview, telling_slice, three_pictures, windowed
from liverseg.rendering.text import draw_text, text_width

relaxed = settings(deadline=None, max_examples=25)  # a shared machine may stall any example


def scene(slices=1, size=128, spacing=(3.0, 0.8, 0.8)):
    """Liver disc with a tumour disc and a hole, probabilities falling off around the tumour."""
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
    who = CheckpointIdentity("a@1", "0" * 64, "bundled")
    return ct, Segmentation(labels, stack[1], stack[2], 0.5, who, "torch")


def at(picture, frame, row, column, shape):
    """The colour of a picture at the middle of a pixel of the slice."""
    y = frame.top + int((row + 0.5) * frame.rows / shape[0])
    x = frame.left + int((column + 0.5) * frame.columns / shape[1])
    return tuple(int(v) for v in picture[y, x])


@relaxed
@given(
    st.integers(64, 600),
    st.integers(64, 600),
    st.one_of(st.none(), st.tuples(st.floats(0.4, 3), st.floats(0.4, 3))),
)
def test_the_three_pictures_have_one_size_whatever_the_slice(height, width, spacing):
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


@pytest.mark.parametrize("size", [64, 256, 512])
def test_usual_sizes_are_enlarged_by_a_whole_factor(size):
    frame = frame_for((size, size), (0.7, 0.7))
    assert frame.rows % size == frame.columns % size == 0


def test_large_slices_are_made_smaller():
    assert frame_for((2048, 1024)).rows == LONG_SIDE_PX


def test_the_anatomy_lies_at_one_place_in_all_three():
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


def test_liver_is_green_tumour_red_and_a_hole_shows_the_slice():
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


def test_contours_are_opaque_thin_and_follow_the_edges_of_the_labels():
    ct, seg = scene()
    frame = frame_for((128, 128))
    picture = overlay(ct.hu[0], seg.labels[0], opacity=0.0)[frame.place].astype(int)
    scale = frame.rows // 128
    for colour, mask in ((LIVER_RGB, seg.labels[0] >= 1), (TUMOUR_RGB, seg.labels[0] == 2)):
        line = (picture == colour).all(axis=-1)
        large = np.kron(mask, np.ones((scale, scale), bool))
        edge = large ^ ndimage.binary_erosion(large)
        assert ndimage.distance_transform_edt(~edge)[line].max() <= scale
        near_line = ndimage.binary_dilation(line, iterations=scale)
        assert near_line[edge].mean() > 0.98  # the hole's edge among them
        assert line.sum() < 3 * edge.sum()


def test_a_single_pixel_of_tumour_is_seen():
    labels = np.ones((512, 512), np.uint8)
    labels[200, 300] = 2
    picture = overlay(np.zeros((512, 512), np.float32), labels)
    red = (picture[:1024].astype(int) - TUMOUR_RGB).__abs__().sum(axis=-1) < 60
    where = np.argwhere(red)
    assert len(where) and np.abs(where - (401, 601)).max() <= 4


def test_the_heatmap_has_the_bar_s_colours_and_the_threshold_as_a_white_line():
    ct, seg = scene()
    frame, shape = frame_for((128, 128)), (128, 128)
    picture = heatmap(ct.hu[0], seg.tumour_probability[0], opacity=1.0, threshold=0.4)
    for row, column in ((64, 45), (64, 50), (78, 45)):
        level = round(float(seg.tumour_probability[0, row, column]) * 255)
        assert at(picture, frame, row, column, shape) == pytest.approx(PROBABILITY_COLOURS[level], abs=12)
    enlarged = frame.enlarge(seg.tumour_probability[0])
    white = (picture[frame.place] > 235).all(axis=-1)
    assert white.sum() > 100
    assert np.abs(enlarged[white] - 0.4).max() < 0.06
    quiet = at(picture, frame, 64, 90, shape)
    assert len(set(quiet)) == 1  # no colour where the probability is 0


def test_probability_colours_grow_lighter_step_by_step():
    light = PROBABILITY_COLOURS @ np.array([0.2126, 0.7152, 0.0722])
    assert all(b > a - 0.5 for a, b in pairwise(light)) and light[-1] - light[0] > 200


def test_the_scale_bar_is_as_long_as_it_says():
    hu = np.full((512, 512), -1000, np.float32)
    frame = frame_for((512, 512), (0.7, 0.9))
    assert scale_bar_mm(frame) == 100
    picture = windowed(hu, spacing_mm=(0.7, 0.9))
    lower_left = picture[frame.height - frame.strip - 80 : -frame.strip, : frame.width // 3, 0] > 128
    bar = lower_left.sum(axis=1).max()
    assert bar == pytest.approx(100 * frame.columns / (512 * 0.9), abs=3)
    assert (picture[: -frame.strip] > 0).sum() > (windowed(hu)[: -frame.strip] > 0).sum()


def test_orientation_letters_stand_at_the_four_edges():
    picture = windowed(np.full((512, 512), -1000, np.float32))
    frame = frame_for((512, 512))
    bright = picture[: frame.rows, :, 0] > 128
    found, number = ndimage.label(bright, structure=np.ones((3, 3)))
    centres = ndimage.center_of_mass(bright, found, range(1, number + 1))
    expected = [(31, 512), (512, 31), (512, 993), (993, 512)]
    assert number == 4
    assert np.abs(np.array(sorted(centres)) - np.array(expected)).max() < 12


def test_a_new_threshold_redraws_without_the_network():
    ct, seg = scene()
    drawn = three_pictures(ct, seg, 0, threshold=0.8)
    again = three_pictures(ct, seg.at_threshold(0.8), 0)
    for a, b in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(a, b)
    red = [
        (p[1].astype(int) - TUMOUR_RGB == 0).all(axis=-1).sum() for p in (drawn, three_pictures(ct, seg, 0))
    ]
    assert 0 < red[0] < red[1]


def test_three_pictures_are_those_of_the_single_functions():
    ct, seg = scene()
    window, spacing = Window(60, 200), (0.8, 0.8)
    drawn = three_pictures(ct, seg, 0, window, 0.4)
    alone = (
        windowed(ct.hu[0], window, spacing),
        overlay(ct.hu[0], seg.labels[0], window, 0.4, spacing),
        heatmap(ct.hu[0], seg.tumour_probability[0], window, 0.4, 0.5, spacing),
    )
    for a, b in zip(drawn, alone, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_segmentation_the_pictures_keep_their_size_and_say_so():
    ct, seg = scene()
    waiting = three_pictures(ct, None)
    done = three_pictures(ct, seg)
    assert [p.shape for p in waiting] == [p.shape for p in done]
    np.testing.assert_array_equal(waiting[0], done[0])
    frame = frame_for((128, 128), (0.8, 0.8))
    assert waiting[1][-frame.strip :].any() and (waiting[1] != done[1]).any()


def test_the_overview_shows_the_telling_slice_side_by_side():
    ct, seg = scene(slices=4)
    seg.labels[:2] = 0
    seg.labels[2][seg.labels[2] == 2] = 1
    assert telling_slice(seg) == 3
    picture = overview(ct, seg)
    parts = three_pictures(ct, seg, 3)
    width = parts[0].shape[1]
    assert picture.shape[0] == parts[0].shape[0] and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[:, :width], parts[0])
    np.testing.assert_array_equal(picture[:, -width:], parts[2])
    seg.labels[3] = 0
    assert telling_slice(seg) == 2
    seg.labels[:] = 0
    assert telling_slice(seg) == 2


@pytest.mark.parametrize("width", [64, 100, 400, 1024])
def test_strips_have_room_for_their_words_at_every_width(width):
    frame = frame_for((1024, width))
    told = legend.window_strip(frame, Window(-600, 1500), "Slice 1000 / 1000")
    assert not told[:, -frame.text // 3 :].any() and not told[:2].any() and not told[-2:].any()
    # Between the window and the caption there is a gap, or no caption at all.
    window_end = round(0.6 * frame.text) + text_width("W 1500  C -600 HU", frame.text)
    assert not told[:, window_end + 2 : window_end + frame.text // 2].any()
    bar = legend.probability_strip(frame, 0.5)
    assert bar.shape == told.shape == legend.legend_strip(frame, 0.3).shape
    middle = bar[round(0.6 * frame.text)].astype(int)
    coloured = np.flatnonzero(np.ptp(middle, axis=-1) > 40)
    assert np.ptp(coloured) > 0.25 * frame.width


def test_the_threshold_is_marked_on_the_bar_where_its_value_lies():
    frame = frame_for((512, 512))
    marks = []
    for threshold in (0.2, 0.5, 1.0):
        above = legend.probability_strip(frame, threshold)[round(0.3 * frame.text) - 5]  # over the bar's edge
        columns = np.flatnonzero((above == 255).all(axis=-1))
        assert 0 < len(columns) <= 6
        marks.append(columns.mean())
    assert marks[2] == pytest.approx(frame.width - 0.9 * frame.text, abs=4)
    assert (marks[1] - marks[0]) / (marks[2] - marks[0]) == pytest.approx(0.3 / 0.8, abs=0.01)


def test_text_is_cut_off_at_the_border_not_refused():
    rgb = np.zeros((20, 40, 3), np.uint8)
    draw_text(rgb, "Tumour", 30, 2, 16, halo_px=1)
    assert rgb.any()
    draw_text(rgb, "Tumour", 900, 900, 16)
    draw_text(rgb, "Tumour", -900, 5, 16)


def test_settings_out_of_range_are_refused():
    ct, seg = scene()
    for wrong in ({"slice_index": 1}, {"slice_index": -1}, {"opacity": 1.2}, {"threshold": 0.0}):
        with pytest.raises(InvalidSetting):
            three_pictures(ct, seg, **wrong)
    with pytest.raises(InvalidSetting):
        overlay(ct.hu[0], seg.labels[0], opacity=-0.1)
    with pytest.raises(InvalidSetting):
        heatmap(ct.hu[0], seg.tumour_probability[0], threshold=1.5)


def test_drawing_changes_neither_the_image_nor_the_segmentation():
    ct, seg = scene()
    before = [a.copy() for a in (ct.hu, seg.labels, seg.tumour_probability)]
    first = three_pictures(ct, seg, threshold=0.3)
    first[1][:] = 0  # the caller may draw into what was returned
    again = three_pictures(ct, seg, threshold=0.3)
    assert again[1].any()
    for a, b in zip(before, (ct.hu, seg.labels, seg.tumour_probability), strict=True):
        np.testing.assert_array_equal(a, b)
