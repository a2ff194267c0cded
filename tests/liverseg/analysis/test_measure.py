"""The report on scenes whose measures are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg import phantom
from liverseg.analysis.lesions import MAX_LESIONS
from liverseg.analysis.measure import measure
from liverseg.analysis.report import CSV_COLUMNS
from liverseg.core.image import THICKNESS_UNKNOWN
from liverseg.core.largest_component import RemovedComponents
from liverseg.errors import InvalidSetting
from liverseg.io.read import from_array
from tests.liverseg.analysis.scenes import disc_scene, image, scene, segmentation

relaxed = settings(deadline=None, max_examples=40)  # a shared machine may stall any example


def test_areas_and_diameters_of_a_disc():
    report = measure(*disc_scene())
    tumour, whole = np.pi * 16**2, np.pi * 60**2
    assert report.tumour.area_mm2 == pytest.approx(tumour, rel=0.02)
    assert report.liver.area_mm2 == pytest.approx(whole - tumour, rel=0.02)
    assert report.tumour_share_of_liver == pytest.approx(tumour / whole, rel=0.02)
    (lesion,) = report.lesions
    assert lesion.longest_diameter_mm == pytest.approx(32, abs=0.8)
    assert lesion.perpendicular_diameter_mm == pytest.approx(32, abs=0.8)
    assert lesion.longest_diameter_px == pytest.approx(40, abs=1)
    assert lesion.centroid_px == pytest.approx((0, 95.3, 90.6), abs=0.1)
    assert lesion.touches_liver and not lesion.touches_edge
    assert lesion.volume_ml is None and lesion.area_mm2 == report.tumour.area_mm2


def test_a_sphere_in_a_volume():
    spacing = (2.5, 0.8, 0.9)
    z, y, x = (np.arange(-24, 24)[:, None, None], np.arange(-40, 40)[:, None], np.arange(-36, 36))
    distance = np.sqrt((z * spacing[0]) ** 2 + (y * spacing[1]) ** 2 + (x * spacing[2]) ** 2)
    report = measure(*scene(np.where(distance <= 15, 2, np.where(distance <= 28, 1, 0)), spacing))
    assert report.tumour.volume_ml == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.02)
    (lesion,) = report.lesions
    assert lesion.longest_diameter_mm == pytest.approx(30, abs=0.9)
    assert lesion.slice_range == (24 - 6, 24 + 6) and lesion.diameter_slice == 24
    assert lesion.area_mm2 is None
    as_dict = report.to_dict()
    assert set(as_dict["tumour"]) == {"voxels", "volume_ml"}
    assert "voxels" in as_dict["lesions"][0] and "area_mm2" not in as_dict["lesions"][0]


def test_unknown_spacing_gives_pixels_and_null():
    report = json.loads(measure(*disc_scene()).to_json())
    ct, seg = disc_scene()
    blind = measure(replace(ct, spacing_mm=None, spacing_source="unknown"), seg)
    unknown = json.loads(blind.to_json())
    assert unknown["tumour"] == {"pixels": report["tumour"]["pixels"], "area_mm2": None}
    lesion = unknown["lesions"][0]
    assert lesion["longest_diameter_mm"] is lesion["perpendicular_diameter_mm"] is lesion["area_mm2"] is None
    assert lesion["longest_diameter_px"] == pytest.approx(40, abs=1)
    assert unknown["input"]["spacing_mm"] is None
    assert any("millimetres" in warning for warning in unknown["warnings"])
    assert not any("millimetres" in warning for warning in report["warnings"])


def test_an_empty_result_has_a_warning_and_no_tumour_share():
    report = measure(*scene(np.zeros((1, 70, 70))))
    assert report.tumour_share_of_liver is None and report.lesions == ()
    assert report.liver.area_mm2 == report.tumour.area_mm2 == 0
    assert report.warnings[0].startswith("Do not trust this result: No liver was found")
    assert report.to_csv() == ",".join(CSV_COLUMNS) + "\n"


def test_tumour_without_or_apart_from_the_liver_gives_a_warning():
    labels = np.zeros((1, 80, 80), np.uint8)
    labels[0, 10:14, 10:14] = 2
    alone = measure(*scene(labels))
    assert alone.tumour_share_of_liver == 1 and "without any liver" in alone.warnings[-1]
    labels[0, 30:70, 30:70] = 1
    labels[0, 40:50, 40:50] = 2
    apart = measure(*scene(labels))
    assert [lesion.touches_liver for lesion in apart.lesions] == [True, False]
    assert apart.warnings[len(apart.doubts) :] == (
        "1 of 2 lesions lies apart from the segmented liver: check that it is tumour.",
    )


def test_only_the_largest_lesions_are_listed_with_a_warning():
    labels = np.zeros((1, 96, 96), np.uint8)
    labels[0, ::2, ::2] = 2
    labels[0, 50, 50:53] = 2  # joins two
    report = measure(*scene(labels))
    assert len(report.lesions) == MAX_LESIONS < 48 * 48 - 1
    assert report.lesions[0].count == 3 and [lesion.id for lesion in report.lesions[:2]] == [1, 2]
    assert report.tumour.count == 48 * 48 + 1
    assert any(
        "2,303 separate regions" in warning and "1,000 largest" in warning for warning in report.warnings
    )
    few = measure(*scene(labels[:, :40]))
    assert len(few.lesions) == 20 * 48 and not any("separate" in warning for warning in few.warnings)


@relaxed
@given(hnp.arrays(np.uint8, (3, 7, 6), elements=st.integers(0, 2)), st.tuples(*[st.floats(0.3, 5)] * 3))
def test_lesions_add_up_to_the_tumour_and_slices_to_the_volume(labels, spacing):
    report = measure(*scene(labels, spacing))
    assert sum(lesion.count for lesion in report.lesions) == report.tumour.count
    assert sum(lesion.volume_ml for lesion in report.lesions) == pytest.approx(report.tumour.volume_ml)
    areas = [measure(*scene(plane[None], spacing)) for plane in labels]
    for name in ("liver", "tumour"):
        in_slices = sum(getattr(area, name).area_mm2 for area in areas) * spacing[0] / 1000
        assert in_slices == pytest.approx(getattr(report, name).volume_ml)
    json.loads(report.to_json())


def test_a_segmentation_on_another_grid_is_refused():
    ct, _ = disc_scene()
    _, seg = scene(np.zeros((1, 64, 64)))
    with pytest.raises(InvalidSetting):
        measure(ct, seg)


def test_an_unknown_slice_distance_is_null_in_the_report():
    ct, seg = scene(np.ones((1, 64, 64)), spacing=(1.0, 0.7, 0.7))
    unknown = measure(replace(ct, spacing_source="DICOM PixelSpacing" + THICKNESS_UNKNOWN), seg).to_dict()
    assert unknown["input"]["spacing_mm"] == [None, 0.7, 0.7]
    assert unknown["liver"]["area_mm2"] == pytest.approx(64 * 64 * 0.49)


def test_a_sheared_volume_is_measured_by_the_volume_of_its_voxels():
    """A gantry tilt of 20 degrees shifts the slices, which are 5 mm apart along the table."""
    tilt = np.radians(20)
    affine = np.array(
        [[-0.8, 0, 0, 0], [0, -0.8, 5 * np.sin(tilt), 0], [0, 0, 5 * np.cos(tilt), 0], [0, 0, 0, 1]]
    )
    labels = np.zeros((10, 70, 70), np.uint8)
    labels[2:8, 10:60, 10:60] = 1
    labels[4:6, 20:40, 20:40] = 2
    true_mm3 = 0.8 * 0.8 * 5 * np.cos(tilt)
    for spacing in ((5.0, 0.8, 0.8), (5 * np.cos(tilt), 0.8, 0.8)):  # along the step, or between the planes
        report = measure(image(labels, spacing, affine), segmentation(labels))
        assert report.tumour.volume_ml == pytest.approx(800 * true_mm3 / 1000, rel=1e-6)
        assert report.lesions[0].volume_ml == report.tumour.volume_ml
    square = image(labels, (5.0, 0.8, 0.8), np.diag([-0.8, -0.8, 5.0, 1.0]))
    assert square.voxel_volume_mm3 == pytest.approx(3.2)


def test_phantom_lesions_have_their_true_volume():
    made = phantom.make("volume", seed=2, size=128, slices=50, spacing_mm=(4.0, 3.0, 3.0))
    report = measure(from_array(made.hu, made.spacing_mm), segmentation(made.labels))
    assert report.tumour.volume_ml == pytest.approx((made.labels == 2).sum() * 36 / 1000)
    shares = report.tumour.count / (report.tumour.count + report.liver.count)
    assert report.tumour_share_of_liver == pytest.approx(shares)
    ((lesion, truth),) = zip(report.lesions, made.lesions, strict=True)
    assert lesion.volume_ml == pytest.approx(truth.volume_ml, rel=0.02)
    assert lesion.centroid_px == pytest.approx(truth.centre_px, abs=0.5)
    assert lesion.longest_diameter_mm == pytest.approx(2 * max(truth.radii_mm[1:]), abs=4)  # not quite round


def test_thick_slices_give_a_recist_warning():
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[1, 20, 10:22] = 2
    thin, thick = (
        measure(from_array(np.zeros(labels.shape), (z, 1.0, 1.0)), segmentation(labels)) for z in (5.0, 8.0)
    )
    assert not any("RECIST" in warning for warning in thin.warnings)
    (recist,) = [warning for warning in thick.warnings if "RECIST" in warning]
    assert "8 mm apart" in recist and "16 mm" in recist and "1 of the lesions" in recist


def test_nothing_is_in_millimetres_without_a_known_geometry():
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[1:3, 20:30, 20:30] = 2
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # what a file says that is known to be false
    ct = replace(image(labels, None, affine), spacing_source="unknown")
    report = measure(ct, segmentation(labels, removed=RemovedComponents(1, 5, 0, 5))).to_dict()

    def lengths(value, name=""):
        if isinstance(value, dict):
            return [found for key, one in value.items() for found in lengths(one, key)]
        if isinstance(value, list):
            return [found for one in value for found in lengths(one, name)]
        return [(name, value)] if name.endswith(("_mm", "_mm2", "_ml", "measurable")) else []

    found = lengths({key: value for key, value in report.items() if key != "definitions"})
    assert len(found) >= 9 and all(value is None for _, value in found)
    assert any("removed, 5 voxels" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    ("removed", "sentence"),
    [
        (RemovedComponents(1, 500, 0, 500), "1 smaller body was removed, 0.500 mL."),
        (
            RemovedComponents(3, 200000, 1500, 150000),
            "3 smaller bodies were removed, 202 mL together, the largest",
        ),
    ],
)  # fmt: skip
def test_removed_bodies_give_one_warning(removed, sentence):
    labels = np.ones((2, 64, 64), np.uint8)
    report = measure(
        from_array(np.zeros(labels.shape), (1.0, 1.0, 1.0)), segmentation(labels, removed=removed)
    )
    assert any(sentence in warning for warning in report.warnings), report.warnings
    assert report.removed.bodies == removed.bodies
