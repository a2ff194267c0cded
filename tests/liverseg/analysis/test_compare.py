"""Two segmentations of one image compared: cases small enough to count by hand."""

import json

import numpy as np
import pytest

from liverseg.analysis.compare import compare
from liverseg.analysis.measure import measure
from liverseg.errors import InvalidSetting
from tests.liverseg.analysis.scenes import blank_image, labelled

A = labelled([[[1, 1, 1, 0], [1, 2, 2, 0], [1, 1, 1, 0]]])
B = labelled([[[0, 1, 1, 1], [0, 2, 1, 1], [0, 1, 2, 1]]], "b@2", 0.4)


def test_pixels_in_both_and_in_only_one():
    found = compare(blank_image((1, 3, 4)), A, B)
    counted = {
        name: [getattr(overlap, part).count for part in ("a", "b", "both", "only_a", "only_b", "difference")]
        for name, overlap in (("liver", found.liver), ("tumour", found.tumour), ("organ", found.organ))
    }
    assert counted == {
        "liver": [7, 7, 3, 4, 4, 0],
        "tumour": [2, 2, 1, 1, 1, 0],
        "organ": [9, 9, 6, 3, 3, 0],
    }
    assert found.liver.dice == pytest.approx(6 / 14)
    assert (found.tumour.dice, found.organ.dice) == (0.5, pytest.approx(12 / 18))
    assert found.differing.count == 8 and found.most_different_slice == 0
    assert found.tumour_share_of_liver_a == found.tumour_share_of_liver_b == pytest.approx(2 / 9)


def test_sizes_are_in_mm2_or_ml_and_unknown_without_spacing():
    more = labelled([[[1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 1, 1]]])
    area = compare(blank_image((1, 3, 4), (1.0, 0.5, 2.0)), A, more).liver
    assert (area.a.area_mm2, area.b.area_mm2, area.difference.area_mm2) == (7.0, 10.0, 3.0)
    assert area.relative_difference == pytest.approx(3 / 7) and area.a.volume_ml is None
    volume = compare(blank_image((1, 3, 4), (10.0, 5.0, 20.0), "volume"), A, more).liver
    assert (volume.a.volume_ml, volume.difference.volume_ml) == (7.0, 3.0)
    unknown = compare(blank_image((1, 3, 4)), A, more).liver
    assert unknown.difference.count == 3 and unknown.difference.area_mm2 is None


def test_amounts_equal_those_of_the_reports():
    ct = blank_image((1, 3, 4), (1.0, 0.7, 0.7))
    found = compare(ct, A, B)
    for seg, side in ((A, "a"), (B, "b")):
        report = measure(ct, seg)
        assert getattr(found.liver, side) == report.liver and getattr(found.tumour, side) == report.tumour


def test_two_empty_segmentations_have_no_dice():
    empty = labelled(np.zeros((1, 3, 4)))
    found = compare(blank_image((1, 3, 4)), empty, empty)
    assert found.tumour.dice is None and found.liver.relative_difference is None
    assert found.most_different_slice is None and found.lesions == ()
    assert found.tumour_share_of_liver_a is None and found.share_difference is None
    one_sided = compare(blank_image((1, 3, 4)), empty, A)
    assert one_sided.tumour.dice == 0 and one_sided.share_difference is None


def test_a_segmentation_agrees_with_itself():
    found = compare(blank_image((1, 3, 4)), A, A)
    assert found.liver.dice == found.tumour.dice == found.organ.dice == 1
    assert found.differing.count == 0 and found.most_different_slice is None
    assert [match.found_in for match in found.lesions] == ["both"] and found.lesions[0].dice == 1


def test_each_structure_has_its_most_different_slice():
    a, b = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    a[0, 0] = 2  # four pixels of tumour against liver: they agree on the organ
    b[0, 0] = 1
    a[1] = 1  # 16 of liver against nothing
    b[2, :3, 0] = 2  # three of tumour against nothing
    found = compare(blank_image((3, 4, 4), kind="volume"), labelled(a), labelled(b))
    slices = (found.most_different_slice, found.liver.most_different_slice)
    assert slices == (1, 1)
    assert (found.tumour.most_different_slice, found.organ.most_different_slice) == (0, 1)
    assert found.differing.to_dict() == {"voxels": 23, "volume_ml": None}


def test_the_json_names_both_sides_and_defines_its_terms():
    result = json.loads(json.dumps(compare(blank_image((1, 3, 4)), A, B).to_dict(), allow_nan=False))
    assert (result["checkpoint_a"]["ref"], result["checkpoint_b"]["ref"]) == ("a@1", "b@2")
    assert (result["tumour_threshold_a"], result["tumour_threshold_b"]) == (0.5, 0.4)
    assert result["tumour"]["only_a"] == {"pixels": 1, "area_mm2": None} and result["tumour"]["dice"] == 0.5
    assert result["tumour_share_of_liver"]["difference"] == 0
    assert result["lesions"][0]["found_in"] == "both"
    assert set(result["definitions"]) >= {"liver", "organ", "difference", "dice"}


def test_segmentations_on_another_grid_are_refused():
    with pytest.raises(InvalidSetting, match="grid"):
        compare(blank_image((1, 4, 4)), A, B)
