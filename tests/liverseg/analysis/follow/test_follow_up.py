"""Two scans of a phantom with known growth, shift, rotation and slice distance."""

from __future__ import annotations

import csv
import functools
import io
import json
from dataclasses import replace

import numpy as np
import pytest

import liverseg
from liverseg.analysis.follow.change import GONE, GROWN, NEW, NOT_COVERED, SHRUNK, STABLE
from liverseg.analysis.follow.follow_up import NOTICE, FollowUp, MeasuredScan, follow_scans
from liverseg.errors import InvalidSetting
from tests.liverseg.analysis.follow.moved_scans import Grid, Sphere, motion, scan
from tests.liverseg.analysis.scenes import segmentation

GROWING, STEADY, SHRINKING = (40, 0, 0), (0, 0, 30), (30, 10, -50)
VANISHING, COMING, SPLITTING = (-20, 20, 10), (20, 40, 10), (50, -20, -30)
BEFORE = (
    Sphere(STEADY, 13),
    Sphere(SHRINKING, 12),
    Sphere(SPLITTING, 10.5),
    Sphere(GROWING, 8),
    Sphere(VANISHING, 6),
)
AFTER = (
    Sphere(STEADY, 13),
    Sphere(GROWING, 12),
    Sphere(SHRINKING, 8),
    Sphere(COMING, 7),
    Sphere((44, -20, -30), 5),
    Sphere((57, -20, -30), 4.5),
)
THICK = Grid((5.0, 1.6, 1.6))
MOVED = motion((8, -6, 12), (15, -25, 60))


@functools.cache
def followed_on(grid: Grid, turned: bool) -> FollowUp:
    """BEFORE and AFTER, the follow-up patient turned and shifted, with slices of another distance."""
    return follow_spheres(BEFORE, AFTER, grid, MOVED if turned else np.eye(4))


def followed() -> FollowUp:
    return followed_on(THICK, True)


def follow_spheres(before, after, grid=None, moved_by=None, **options) -> FollowUp:
    first, labels_before = scan(before)
    second, labels_after = scan(after, grid, moved_by, **options)
    return liverseg.follow(first, segmentation(labels_before), second, segmentation(labels_after))


@pytest.mark.parametrize("grid, turned", [(THICK, True), (Grid(), False), (Grid((2.0, 1.6, 1.6)), True)])
def test_every_lesion_is_followed_through_rotation_shift_and_other_slices(grid, turned):
    found = followed_on(grid, turned)
    expected = [(STABLE, "single"), (SHRUNK, "single"), (SHRUNK, "split"), (GROWN, "single")]
    expected += [(GONE, "single"), (NEW, "single")]
    assert [(one.state, one.pattern) for one in found.lesions] == expected
    assert found.counts() == {STABLE: 1, SHRUNK: 2, GROWN: 1, GONE: 1, NEW: 1}
    for side, spheres in (("baseline", BEFORE), ("follow_up", AFTER)):
        numbers = sorted(number for one in found.lesions for number in getattr(one, side).numbers)
        assert numbers == list(range(1, len(spheres) + 1))  # every lesion once


def test_the_motion_is_found_within_a_millimetre_and_two_degrees():
    found = followed().registration
    error = found.matrix @ MOVED - np.eye(4)
    corners = np.array(np.meshgrid(*[(-70, 70)] * 3)).reshape(3, -1).T
    assert np.linalg.norm(corners @ error[:3, :3].T + error[:3, 3], axis=1).max() < 2
    assert np.linalg.norm(error[:3, 3]) < 1
    angle = np.degrees(np.arccos((np.trace(MOVED[:3, :3]) - 1) / 2))
    assert found.rotation_deg == pytest.approx(angle, abs=2) and found.dice > 0.95 and found.surface_mm < 1.5
    assert all(
        one.distance_mm < 3 for one in followed().lesions if one.pattern == "single" and one.distance_mm
    )


def test_a_resected_part_does_not_pull_the_rest_along():
    _, whole = scan()
    ct, labels = scan((), None, MOVED)
    columns = np.cumsum((labels > 0).sum(axis=(0, 1)))
    labels[:, :, np.searchsorted(columns, 0.7 * columns[-1]) :] = 0  # 30 % of the liver, from the left
    found = liverseg.follow(scan()[0], segmentation(whole), ct, segmentation(labels)).registration
    error = found.matrix @ MOVED - np.eye(4)
    assert np.linalg.norm(error[:3, 3]) < 2.5 and np.abs(error[:3, :3]).max() < 0.03
    assert not found.is_good  # the livers differ, and that is told


def test_sizes_and_their_change_are_those_of_the_spheres():
    steady, shrunk, split, grown, gone, new = followed().lesions
    for one, before, after in ((steady, 13, 13), (shrunk, 12, 8), (grown, 8, 12)):
        assert one.baseline.diameter_mm == pytest.approx(2 * before, abs=2.5)
        assert one.follow_up.diameter_mm == pytest.approx(2 * after, abs=2.5)
        assert 1 + one.volume_change == pytest.approx((after / before) ** 3, rel=0.15)
    assert split.follow_up.diameter_mm == pytest.approx(10 + 9, abs=4)
    assert split.follow_up.volume_ml == pytest.approx(AFTER[4].volume_ml + AFTER[5].volume_ml, rel=0.25)
    assert gone.volume_change == -1 and gone.follow_up.diameter_mm == 0 and gone.distance_mm is None
    assert new.volume_change is None and new.follow_up.volume_ml == pytest.approx(AFTER[3].volume_ml, rel=0.2)


def test_a_new_lesion_suggests_progression_and_the_sum_has_two_targets():
    found = followed()
    response = found.response
    assert response.targets == (1, 2)  # the two longest of the baseline
    assert response.baseline_mm == pytest.approx(26 + 24, abs=4)
    assert response.follow_up_mm == pytest.approx(26 + 16, abs=4)
    assert response.category == "PD" and "1 new likely lesion" in response.reason


def test_several_lesions_become_one():
    apart = (Sphere((44, -20, -30), 5), Sphere((57, -20, -30), 4.5))
    found = follow_spheres(apart, [Sphere(SPLITTING, 12)])
    (one,) = found.lesions
    assert (one.state, one.pattern) == (GROWN, "merged") and len(one.baseline.numbers) == 2
    assert one.baseline.diameter_mm == pytest.approx(19, abs=4)


def test_a_lesion_beyond_the_end_of_the_other_scan_is_neither_gone_nor_new():
    short = Grid((3.0, 2.0, 2.0), (110.0, 160.0, 190.0), above_mm=25.0)
    found = follow_spheres([Sphere(STEADY, 10), Sphere(SHRINKING, 12)], [Sphere(STEADY, 10)], short)
    assert {one.state for one in found.lesions} == {STABLE, NOT_COVERED}
    assert found.registration.is_good
    assert found.response.category is None and "does not cover" in found.response.reason


def test_a_lesion_that_is_only_less_sure_is_no_new_lesion():
    first, labels = scan([Sphere(STEADY, 10), Sphere(GROWING, 8)])
    second, _ = scan([Sphere(STEADY, 10), Sphere(GROWING, 8)])
    likely = segmentation(labels)
    sure, unsure = liverseg.measure(first, likely), liverseg.measure(second, likely)
    lesions = tuple(replace(lesion, likely=lesion.id == 1) for lesion in unsure.lesions)
    later = MeasuredScan(second, likely, replace(unsure, lesions=lesions))
    found = follow_scans(later, MeasuredScan(first, likely, sure))
    assert [(one.state, one.baseline.likely, one.follow_up.likely) for one in found.lesions] == [
        (STABLE, True, True),
        (STABLE, False, True),
    ]
    assert found.response.category == "SD" and found.response.targets == (1,)  # the unsure one is no target
    neither = follow_scans(later, later)
    assert [one.likely for one in neither.lesions] == [True, False] and len(neither.likely_lesions) == 1


def test_scans_of_two_patients_are_doubted_and_get_no_category():
    found = follow_spheres([Sphere(STEADY, 10)], [Sphere(STEADY, 10)], seed=3)
    assert found.registration.dice < 0.85 and found.response.category is None
    assert found.warnings[0].startswith("Do not trust this result: The livers match poorly")


def test_a_scan_of_three_thin_slices_is_followed_too():
    thin = Grid((1.0, 2.0, 2.0), (3.0, 160.0, 190.0), above_mm=30.0)
    first, labels = scan([Sphere(STEADY, 10)], thin)
    found = liverseg.follow(first, segmentation(labels), first, segmentation(labels))
    assert [one.state for one in found.lesions] == [STABLE] and found.registration.dice > 0.95


def test_without_lesions_the_follow_up_says_so():
    found = follow_spheres([], [])
    assert found.lesions == () and found.response.category is None
    assert found.warnings == ("Neither scan shows a likely lesion, so there is nothing to follow.",)
    assert found.to_csv().count("\n") == 1


@pytest.mark.parametrize("name", ["baseline", "follow-up"])
def test_a_scan_without_liver_or_sizes_is_refused(name):
    good, labels = scan()
    empty, nothing = scan(has_liver=False)

    def refusal(ct, seg):
        scans = [(ct, seg), (good, segmentation(labels))]
        with pytest.raises(InvalidSetting) as refused:
            first, second = scans if name == "baseline" else reversed(scans)
            liverseg.follow(*first, *second)
        return str(refused.value)

    assert refusal(empty, segmentation(nothing)) == (
        f"No liver was found in the {name} scan, so the scans cannot be compared."
    )
    unknown = replace(good, spacing_mm=None)
    assert f"the spacing of the {name} scan is unknown" in refusal(unknown, segmentation(labels))
    one = replace(good, hu=good.hu[30:31], kind="slice")
    assert f"the {name} scan is a single slice" in refusal(one, segmentation(labels[30:31]))


def test_different_settings_and_the_same_file_are_told():
    ct, labels = scan([Sphere(STEADY, 10)])
    ct = replace(ct, sha256="ab" * 32)
    other = replace(segmentation(labels), threshold=0.4)
    found = liverseg.follow(ct, segmentation(labels), replace(ct, orientation_known=False), other)
    told = " ".join(found.warnings)
    assert "the same file" in told and "different tumour thresholds" in told and "orientation" in told
    assert found.response.category == "SD" and found.lesions[0].volume_change == 0


def test_json_and_csv_hold_every_lesion_and_say_that_nothing_is_verified():
    found = followed()
    content = json.loads(found.to_json())
    assert content["notice"] == NOTICE and content["response"]["verified"] is False
    assert [one["state"] for one in content["lesions"]] == [one.state for one in found.lesions]
    assert set(content["lesions"][0]) >= {"baseline", "follow_up", "volume_change", "distance_mm"}
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["state"] for row in rows] == [one.state for one in found.lesions]
    assert rows[0]["target"] == "true" and rows[2]["follow_up_lesions"].count(" ") == 1
    assert rows[-1]["baseline_volume_ml"] == "0.0" and rows[-1]["volume_change"] == ""
