"""The three views of a volume: orientation, aspect ratio, and positions of points in pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.core.geometry import upright_grid
from liverseg.core.image import CTImage
from liverseg.core.segmentation import UNSURE_LESION, CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting
from liverseg.rendering.planes import (
    PLANES,
    default_point,
    label_section,
    picture_position,
    plane_frame,
    plane_view,
    point_at,
    section,
)
from liverseg.rendering.slice_view import three_pictures
from tests.liverseg.lesion_scenes import all_labels, decided

SPACING_MM = (3.0, 0.8, 0.5)
SHAPE = (40, 120, 160)


def volume(spacing_mm=SPACING_MM) -> tuple[CTImage, Segmentation]:
    """A bright block at the patient's head, right and front, labelled liver with a tumour in its centre."""
    hu = np.full(SHAPE, -1000, np.float32)
    hu[30:38, 10:30, 5:45] = 1000
    labels = np.zeros(SHAPE, np.uint8)
    labels[30:38, 10:30, 5:45] = 1
    labels[33:35, 18:24, 20:32] = 2
    probability = (labels == 2) * np.float16(0.9)
    ct = CTImage(hu, spacing_mm, "header", "array", upright_grid(SHAPE), "volume")
    checkpoint = CheckpointIdentity("a@1", "0" * 64, "x")
    return ct, Segmentation(labels, probability, probability, 0.5, checkpoint, "none")


def unlabelled(seg: Segmentation) -> Segmentation:
    """The same segmentation without labels, whose overlays show the CT alone."""
    return replace(seg, labels=np.zeros_like(seg.labels))


def centre_of_bright(picture: np.ndarray, frame) -> tuple[float, float]:
    """Row and column of the block in the enlarged view, as shares of its size."""
    bright = picture[frame.slice_area][..., 0] > 250
    margin = 3 * frame.text  # letters
    bright[:margin, frame.columns // 2 - margin : frame.columns // 2 + margin] = False
    rows, columns = np.nonzero(bright)
    return float(np.median(rows)) / frame.rows, float(np.median(columns)) / frame.columns


@pytest.mark.parametrize(
    "name, expected",
    [("axial", (20 / 120, 25 / 160)), ("coronal", (6 / 40, 25 / 160)), ("sagittal", (6 / 40, 20 / 120))],
)
def test_views_have_the_head_at_the_top_and_right_or_anterior_at_the_left(name, expected):
    ct, seg = volume()
    picture = plane_view(ct, unlabelled(seg), name, (34, 20, 25))
    assert centre_of_bright(picture, plane_frame(ct, PLANES[name])) == pytest.approx(expected, abs=0.01)


def test_letters_name_the_directions_of_the_patient():
    assert PLANES["axial"].letters == ("R", "L", "A", "P")
    assert PLANES["coronal"].letters == ("R", "L", "H", "F")
    assert PLANES["sagittal"].letters == ("A", "P", "H", "F")
    hu = np.full((96, 96, 96), -1000, np.float32)
    labels, empty = np.zeros(hu.shape, np.uint8), np.zeros(hu.shape, np.float16)
    seg = replace(volume()[1], labels=labels, tumour_probability=empty, organ_probability=empty)
    cube = CTImage(hu, (1.0, 1.0, 1.0), "header", "array", upright_grid(hu.shape), "volume")
    frame = plane_frame(cube, PLANES["axial"])
    views = {name: plane_view(cube, seg, name, (0, 0, 0)) for name in PLANES}
    left, top = (slice(None), slice(0, 2 * frame.text)), (slice(0, 2 * frame.text), slice(None))
    for edge, groups in ((left, ("axial coronal", "sagittal")), (top, ("axial", "coronal sagittal"))):
        shown = [{views[name][edge].tobytes() for name in group.split()} for group in groups]
        assert [len(same) for same in shown] == [1, 1] and shown[0] != shown[1]
        assert all(views[name][edge].max() > 200 for name in PLANES)


@pytest.mark.parametrize("name, aspect", [("axial", 96 / 80), ("coronal", 120 / 80), ("sagittal", 120 / 96)])
def test_views_have_the_aspect_ratio_of_the_patient(name, aspect):
    ct, _ = volume()
    frame = plane_frame(ct, PLANES[name])
    assert frame.rows / frame.columns == pytest.approx(aspect, rel=0.01)
    assert frame.px_per_mm == pytest.approx(frame.rows / (aspect * frame.columns / frame.px_per_mm), rel=0.02)
    unknown, _ = volume(None)
    assert plane_frame(unknown, PLANES[name]).px_per_mm is None


def test_an_axial_view_is_the_overlay_of_the_slice():
    ct, seg = volume()
    np.testing.assert_array_equal(plane_view(ct, seg, "axial", (34, 0, 0)), three_pictures(ct, seg, 34)[1])


def test_every_view_shows_the_tumour_in_orange_at_its_position():
    ct, seg = volume()
    point = default_point(seg)
    assert seg.labels[point] == 2
    for name, plane in PLANES.items():
        frame = plane_frame(ct, plane)
        picture = plane_view(ct, seg, name, point)[frame.slice_area].astype(int)
        bare = plane_view(ct, seg, name, point, opacity=0.0)[frame.slice_area].astype(int)
        tinted = (picture[..., 0] - picture[..., 1] > 40) & (np.abs(picture - bare).sum(axis=-1) > 0)
        truth = section(seg.labels, plane, point[plane.axis]) == 2
        rows, columns = (np.nonzero(tinted)[k].mean() / (frame.rows, frame.columns)[k] for k in (0, 1))
        expected = (np.argwhere(truth).mean(axis=0) + 0.5) / truth.shape
        assert (rows, columns) == pytest.approx(tuple(expected), abs=0.015)


@pytest.mark.parametrize("name", PLANES)
def test_the_picture_position_of_a_voxel_shows_it_and_gives_its_point_back(name):
    ct, seg = volume()
    plane = PLANES[name]
    for point in ((3, 100, 20), (34, 20, 140)):
        ct.hu[:] = -1000
        ct.hu[point] = 1000
        picture = plane_view(ct, unlabelled(seg), name, point)
        height, width, _ = picture.shape
        x, y = picture_position(ct, name, point)
        assert picture[int(y * height), int(x * width), 0] > 128
        centre = list(point)
        for axis in range(3):
            if axis != plane.axis:
                centre[axis] = SHAPE[axis] // 2
        assert point_at(ct, name, tuple(centre), x, y) == point
        assert picture_is_dark_at(picture, *picture_position(ct, name, tuple(centre)))


def picture_is_dark_at(picture: np.ndarray, x: float, y: float) -> bool:
    height, width, _ = picture.shape
    return picture[int(y * height), int(x * width), 0] < 64


def test_unknown_views_and_points_outside_the_volume_are_rejected():
    ct, seg = volume()
    with pytest.raises(InvalidSetting, match="oblique"):
        plane_view(ct, seg, "oblique", (0, 0, 0))
    with pytest.raises(InvalidSetting, match="outside the volume"):
        plane_view(ct, seg, "coronal", (0, 120, 0))
    with pytest.raises(InvalidSetting, match="opacity"):
        plane_view(ct, seg, "coronal", (0, 0, 0), opacity=2)


def test_without_labels_the_middle_is_shown_first():
    _, seg = volume()
    seg.labels[:] = 0
    assert default_point(seg) == (20, 60, 80)
    seg.labels[7, 5:9, 100:110] = 1
    assert seg.labels[default_point(seg)] == 1


@pytest.mark.parametrize("name", list(PLANES))
def test_a_section_of_the_labels_shows_unsure_lesions(name):
    _, seg = decided()
    whole = np.stack([seg.labels_with_unsure(z) for z in range(len(seg.labels))])
    expected = all_labels()
    expected[1, 30:33, 20:23] = UNSURE_LESION
    np.testing.assert_array_equal(whole, expected)
    index = {"axial": 1, "coronal": 31, "sagittal": 21}[name]
    found = label_section(seg, PLANES[name], index)
    np.testing.assert_array_equal(found, section(whole, PLANES[name], index))
    assert (found == UNSURE_LESION).sum() == {"axial": 9}.get(name, 3)


def test_the_first_point_is_deep_inside_one_tumour():
    _, seg = volume()
    seg.labels[34] = 1
    seg.labels[34, 10:13, 10:100] = 2  # long and thin
    seg.labels[34, 60:81, 20:41] = 2
    assert default_point(seg) == (34, 70, 30)
