"""Two segmentations of one image compared: cases small enough to count by hand."""

import json

import numpy as np
import pytest

from liverseg.analysis.compare import compare
from liverseg.analysis.lesion_matching import match_lesions
from liverseg.analysis.lesions import find_lesions
from liverseg.analysis.measure import measure
from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.segmentation import CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting


def image(shape, spacing_mm=None, kind="slice"):
    native = NativeGrid(shape, (0, 1, 2), (False, False, False))
    return CTImage(np.zeros(shape, np.float32), spacing_mm, "test", "array", native, kind)


def labelled(labels, ref="a@1", threshold=0.5):
    labels = np.asarray(labels, np.uint8)
    tumour = (labels == 2).astype(np.float32)
    identity = CheckpointIdentity(ref, "0" * 64, "bundled")
    return Segmentation(labels, tumour, (labels > 0).astype(np.float32), threshold, identity, "torch")


A = labelled([[[1, 1, 1, 0], [1, 2, 2, 0], [1, 1, 1, 0]]])
B = labelled([[[0, 1, 1, 1], [0, 2, 1, 1], [0, 1, 2, 1]]], "b@2", 0.4)


def test_pixels_of_both_and_of_one_alone():
    found = compare(image((1, 3, 4)), A, B)
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


def test_sizes_are_in_mm2_of_a_slice_and_in_ml_of_a_volume_and_unknown_without_spacing():
    more = labelled([[[1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 1, 1]]])
    area = compare(image((1, 3, 4), (1.0, 0.5, 2.0)), A, more).liver
    assert (area.a.area_mm2, area.b.area_mm2, area.difference.area_mm2) == (7.0, 10.0, 3.0)
    assert area.relative_difference == pytest.approx(3 / 7) and area.a.volume_ml is None
    volume = compare(image((1, 3, 4), (10.0, 5.0, 20.0), "volume"), A, more).liver
    assert (volume.a.volume_ml, volume.difference.volume_ml) == (7.0, 3.0)
    unknown = compare(image((1, 3, 4)), A, more).liver
    assert unknown.difference.count == 3 and unknown.difference.area_mm2 is None


def test_the_amounts_are_those_of_the_reports():
    ct = image((1, 3, 4), (1.0, 0.7, 0.7))
    found = compare(ct, A, B)
    for seg, side in ((A, "a"), (B, "b")):
        report = measure(ct, seg)
        assert getattr(found.liver, side) == report.liver and getattr(found.tumour, side) == report.tumour


def test_where_neither_has_any_there_is_no_dice():
    empty = labelled(np.zeros((1, 3, 4)))
    found = compare(image((1, 3, 4)), empty, empty)
    assert found.tumour.dice is None and found.liver.relative_difference is None
    assert found.most_different_slice is None and found.lesions == ()
    assert found.tumour_share_of_liver_a is None and found.share_difference is None
    one_sided = compare(image((1, 3, 4)), empty, A)
    assert one_sided.tumour.dice == 0 and one_sided.share_difference is None


def test_a_segmentation_agrees_with_itself():
    found = compare(image((1, 3, 4)), A, A)
    assert found.liver.dice == found.tumour.dice == found.organ.dice == 1
    assert found.differing.count == 0 and found.most_different_slice is None
    assert [match.found_in for match in found.lesions] == ["both"] and found.lesions[0].dice == 1


def test_the_slice_where_they_differ_most_is_told_for_each_structure():
    a, b = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    a[0, 0] = 2  # four pixels of tumour against liver: they agree on the organ
    b[0, 0] = 1
    a[1] = 1  # 16 of liver against nothing
    b[2, :3, 0] = 2  # three of tumour against nothing
    found = compare(image((3, 4, 4), kind="volume"), labelled(a), labelled(b))
    slices = (found.most_different_slice, found.liver.most_different_slice)
    assert slices == (1, 1)
    assert (found.tumour.most_different_slice, found.organ.most_different_slice) == (0, 1)
    assert found.differing.to_dict() == {"voxels": 23, "volume_ml": None}


def lesions(*places):
    mask = np.zeros((2, 8, 12), bool)
    for place in places:
        mask[place] = True
    return mask


def test_lesions_are_matched_by_overlap_with_the_numbers_of_the_reports():
    large = (0, slice(0, 4), slice(0, 4))  # 16
    wide = (0, slice(0, 2), slice(0, 5))  # 10, 8 of them in `large`
    corner = (slice(None), 3, slice(3, 5))  # 4 in two slices, 1 of them in `large`
    lone_a, lone_b = (1, 7, slice(0, 3)), (1, slice(6, 8), slice(9, 12))  # 3 and 6
    a, b = lesions(large, lone_a), lesions(wide, corner, lone_b)
    matches = match_lesions(image((2, 8, 12), kind="volume"), a, b)
    assert [(m.found_in, m.a, m.b) for m in matches] == [
        ("both", (1,), (1, 3)),
        ("a", (2,), ()),
        ("b", (), (2,)),
    ]
    joined, only_a, only_b = matches
    assert (joined.amount_a.count, joined.amount_b.count) == (16, 14)
    assert joined.dice == pytest.approx(2 * 9 / 30) and only_a.dice == only_b.dice == 0
    assert (only_a.amount_b.count, only_b.amount_b.count) == (0, 6)
    ct = image((2, 8, 12), kind="volume")
    sizes = [lesion.count for lesion in find_lesions(ct, labelled(2 * b))[0]]
    assert sizes == [10, 6, 4]


def test_lesions_of_one_only_and_of_none():
    ct, some, none = image((2, 8, 12), kind="volume"), lesions((0, 1, 1)), lesions()
    assert [m.found_in for m in match_lesions(ct, some, none)] == ["a"]
    assert [m.found_in for m in match_lesions(ct, none, some)] == ["b"]
    assert match_lesions(ct, none, none) == ()
    apart = match_lesions(ct, some, lesions((1, 7, 7)))
    assert [m.found_in for m in apart] == ["a", "b"]


def test_the_json_says_which_is_which_and_what_its_words_mean():
    told = json.loads(json.dumps(compare(image((1, 3, 4)), A, B).to_dict(), allow_nan=False))
    assert (told["checkpoint_a"]["ref"], told["checkpoint_b"]["ref"]) == ("a@1", "b@2")
    assert (told["tumour_threshold_a"], told["tumour_threshold_b"]) == (0.5, 0.4)
    assert told["tumour"]["only_a"] == {"pixels": 1, "area_mm2": None} and told["tumour"]["dice"] == 0.5
    assert told["tumour_share_of_liver"]["difference"] == 0
    assert told["lesions"][0]["found_in"] == "both"
    assert set(told["definitions"]) >= {"liver", "organ", "difference", "dice"}


def test_both_must_lie_on_the_grid_of_the_image():
    with pytest.raises(InvalidSetting, match="grid"):
        compare(image((1, 4, 4)), A, B)
