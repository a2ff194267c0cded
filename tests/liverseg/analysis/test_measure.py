"""The report on scenes whose measures are known."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import liverseg
from liverseg.analysis.lesions import MAX_LESIONS
from liverseg.analysis.measure import measure
from liverseg.analysis.report import CSV_COLUMNS
from liverseg.core.image import THICKNESS_UNKNOWN, CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.core.window import Window
from liverseg.errors import InvalidSetting

relaxed = settings(deadline=None, max_examples=40)  # a shared machine may stall any example


def scene(labels, spacing=(2.0, 0.8, 0.8), kind=None, probability=None, hu=None, **facts):
    """A CT image and a segmentation with the given labels (S, H, W)."""
    labels = np.asarray(labels, np.uint8)
    hu = np.zeros(labels.shape, np.float32) if hu is None else hu
    probability = (labels == 2).astype(np.float32) if probability is None else probability
    native = facts.pop("native", NativeGrid(labels.shape, (0, 1, 2), (False, False, False)))
    kind = kind or ("slice" if len(labels) == 1 else "volume")
    source = "unknown" if spacing is None else "NIfTI header"
    ct = CTImage(hu, spacing, source, "array", native, kind, **facts)
    who = CheckpointIdentity("segformer-b0@1.0", "ab" * 32, "bundled")
    organ = (labels > 0).astype(np.float32)
    return ct, Segmentation(labels, probability, organ, 0.5, who, "torch 2", {"network": 0.25})


def disc_scene(radius_mm=16.0, spacing=(5.0, 0.8, 0.8), **facts):
    """A liver of 60 mm radius with one round tumour in the middle, and what their areas are."""
    size = 192
    rows = (np.arange(size)[:, None] - 95.3) * spacing[1]
    columns = (np.arange(size)[None] - 90.6) * spacing[2]
    distance = np.hypot(rows, columns)
    labels = np.where(distance <= radius_mm, 2, np.where(distance <= 60, 1, 0))[None]
    return scene(labels, spacing, **facts)


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


def test_unknown_spacing_gives_pixels_and_null_never_a_guess():
    report = json.loads(measure(*disc_scene()).to_json())
    ct, seg = disc_scene()
    blind = measure(replace(ct, spacing_mm=None, spacing_source="unknown"), seg)
    told = json.loads(blind.to_json())
    assert told["tumour"] == {"pixels": report["tumour"]["pixels"], "area_mm2": None}
    lesion = told["lesions"][0]
    assert lesion["longest_diameter_mm"] is lesion["perpendicular_diameter_mm"] is lesion["area_mm2"] is None
    assert lesion["longest_diameter_px"] == pytest.approx(40, abs=1)
    assert told["input"]["spacing_mm"] is None
    assert any("millimetres" in warning for warning in told["warnings"])
    assert not any("millimetres" in warning for warning in report["warnings"])


def test_the_report_has_what_the_contract_names():
    ct, seg = disc_scene(
        assumed_window=Window(60, 200), sha256="cd" * 32, warnings=("The window was assumed.",)
    )
    report = json.loads(measure(ct, seg).to_json())
    assert list(report)[:11] == [
        "input",
        "checkpoint",
        "engine",
        "tumour_threshold",
        "liver",
        "tumour",
        "tumour_share_of_liver",
        "lesions",
        "warnings",
        "timing_s",
        "software",
    ]
    assert report["input"] == {
        "sha256": "cd" * 32,
        "kind": "slice",
        "source_format": "array",
        "shape": [1, 192, 192],
        "spacing_mm": [5.0, 0.8, 0.8],
        "spacing_source": "NIfTI header",
        "assumed_window": {"center_hu": 60, "width_hu": 200},
    }
    assert report["checkpoint"] == {
        "ref": "segformer-b0@1.0",
        "sha256": "ab" * 32,
        "registry": "bundled",
        "revision": None,
    }
    assert report["warnings"][len(report["doubts"]) :] == ["The window was assumed."]
    assert report["timing_s"]["network"] == 0.25 and report["timing_s"]["measure"] > 0
    assert report["software"]["version"] == liverseg.__version__


def test_nothing_found_is_said_and_its_share_is_null():
    report = measure(*scene(np.zeros((1, 70, 70))))
    assert report.tumour_share_of_liver is None and report.lesions == ()
    assert report.liver.area_mm2 == report.tumour.area_mm2 == 0
    assert report.warnings[0].startswith("Do not trust this result: No liver was found")
    assert report.to_csv() == ",".join(CSV_COLUMNS) + "\n"


def test_tumour_without_liver_and_tumour_apart_from_it_are_said():
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


@pytest.mark.parametrize(
    ("place", "in_slice", "in_volume"),
    [
        ((slice(0, 1), slice(5, 9), slice(5, 9)), False, True),
        ((slice(1, 2), slice(0, 3), slice(5, 9)), True, True),
    ],
)
def test_a_lesion_cut_off_by_the_border_is_marked(place, in_slice, in_volume):
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[place] = 2
    assert measure(*scene(labels)).lesions[0].touches_edge is in_volume
    one = labels.any(axis=0)[None] * 2
    assert measure(*scene(one)).lesions[0].touches_edge is in_slice


def test_lesions_join_over_corners_and_come_largest_first():
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[0, 10:12, 10:12] = labels[1, 12:14, 12:14] = 2  # one lesion: they share a corner across slices
    labels[0, 30, 30] = labels[0, 31, 31] = 2  # one lesion: they share a corner in the slice
    labels[2, 50, 50] = 2
    report = measure(*scene(labels))
    assert [lesion.count for lesion in report.lesions] == [8, 2, 1]
    assert [lesion.id for lesion in report.lesions] == [1, 2, 3]
    assert report.lesions[0].slice_range == (0, 1)


def test_probability_and_hu_are_those_of_the_lesion_s_pixels():
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 10, 10:14] = 2
    probability, hu = np.full(labels.shape, 0.1, np.float32), np.full(labels.shape, 900, np.float32)
    probability[0, 10, 10:14] = [0.5, 0.6, 0.7, 1.0]
    hu[0, 10, 10:14] = [20, 30, 40, 50]
    (lesion,) = measure(*scene(labels, probability=probability, hu=hu)).lesions
    assert lesion.mean_probability == pytest.approx(0.7)
    assert lesion.peak_probability == 1
    assert lesion.mean_hu == 35


def test_of_more_lesions_than_anyone_reads_the_largest_are_listed_and_a_sentence_tells_of_the_rest():
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


def test_patient_coordinates_follow_the_file_s_affine_through_flips():
    labels = np.zeros((4, 70, 80), np.uint8)
    labels[1, 20, 33] = 2
    affine = np.array([[-0.8, 0, 0, 100], [0, 0.9, 0, -50], [0, 0, 2.5, 300], [0, 0, 0, 1.0]])
    native = NativeGrid((80, 70, 4), (2, 1, 0), (False, True, False), affine)
    ct, seg = scene(labels, (2.5, 0.9, 0.8), native=native)
    i, j, k = np.argwhere(native.to_native(labels) == 2)[0]
    expected = (affine @ [i, j, k, 1])[:3]
    assert measure(ct, seg).lesions[0].centroid_ras_mm == pytest.approx(tuple(expected))


def test_the_table_has_a_row_a_lesion_and_empty_cells_for_the_unknown():
    ct, seg = disc_scene()
    known = list(csv.DictReader(io.StringIO(measure(ct, seg).to_csv())))
    assert len(known) == 1 and list(known[0]) == CSV_COLUMNS
    assert float(known[0]["area_mm2"]) == pytest.approx(np.pi * 256, rel=0.02)
    assert known[0]["volume_ml"] == known[0]["voxels"] == known[0]["centroid_r_mm"] == ""
    assert (known[0]["first_slice"], known[0]["touches_liver"]) == ("0", "true")
    blind = list(csv.DictReader(io.StringIO(measure(replace(ct, spacing_mm=None), seg).to_csv())))
    assert blind[0]["area_mm2"] == blind[0]["longest_diameter_mm"] == ""
    assert float(blind[0]["longest_diameter_px"]) == pytest.approx(40, abs=1)


def test_values_that_are_not_finite_become_null_not_invalid_json():
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 5, 5] = 2
    hu = np.full(labels.shape, np.nan, np.float32)
    told = json.loads(measure(*scene(labels, hu=hu)).to_json())
    assert told["lesions"][0]["mean_hu"] is None


def test_a_segmentation_of_another_grid_is_refused():
    ct, _ = disc_scene()
    _, seg = scene(np.zeros((1, 64, 64)))
    with pytest.raises(InvalidSetting):
        measure(ct, seg)


def test_the_public_names_lead_here():
    assert liverseg.measure is measure
    assert liverseg.Report is type(measure(*disc_scene()))


def test_a_thickness_that_is_not_known_is_not_in_the_report():
    ct, seg = scene(np.ones((1, 64, 64)), spacing=(1.0, 0.7, 0.7))
    told = measure(replace(ct, spacing_source="DICOM PixelSpacing" + THICKNESS_UNKNOWN), seg).to_dict()
    assert told["input"]["spacing_mm"] == [None, 0.7, 0.7]
    assert told["liver"]["area_mm2"] == pytest.approx(64 * 64 * 0.49)
