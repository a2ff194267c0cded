"""The report of an edited result: its sums from the label volume, its keys, and its sentences."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from liverseg.analysis.compare import compare
from liverseg.analysis.edits import EDIT_COLUMNS, EDIT_DEFINITIONS
from liverseg.analysis.lesions import lesion_volume
from liverseg.analysis.measure import labels_digest, measure
from liverseg.analysis.report import CSV_COLUMNS
from liverseg.analysis.report_diff import result_differences
from liverseg.analysis.report_text import lesion_headline, provenance_rows
from liverseg.core.labels import LIVER, TUMOUR
from tests.liverseg.analysis.scenes import scene
from tests.liverseg.lesion_scenes import LIKELY_VOXELS, UNSURE_VOXELS, VOXEL_ML, decided


def four_lesions():
    """A liver of 900 pixels with lesions of 36, 16, 9 and 4, in the order of their numbers."""
    labels = np.zeros((1, 64, 64), np.uint8)
    labels[0, 10:40, 10:40] = 1
    for side, column in ((6, 11), (4, 19), (3, 25), (2, 30)):
        labels[0, 20 : 20 + side, column : column + side] = 2
    return scene(labels, (1.0, 0.5, 0.5))


def same(a, b) -> bool:
    """Whether two reports are equal apart from their times."""
    first, second = (json.loads(report.to_json()) for report in (a, b))
    return {**first, "timing_s": 0} == {**second, "timing_s": 0}


@pytest.mark.parametrize("rejected", [(1,), (2, 4), (1, 2, 3, 4)])
def test_sums_are_those_of_the_labels_and_numbers_stay(rejected):
    ct, seg = four_lesions()
    before, edited = measure(ct, seg), seg.with_rejected(rejected)
    report = measure(ct, edited)
    sizes = {1: 36, 2: 16, 3: 9, 4: 4}
    tumour = sum(sizes[k] for k in sizes if k not in rejected)
    assert (edited.labels == TUMOUR).sum() == report.tumour.count == tumour
    assert (edited.labels == LIVER).sum() == report.liver.count == 900 - tumour
    assert report.tumour_share_of_liver == tumour / 900
    assert report.tumour.area_mm2 == pytest.approx(tumour * 0.25)
    assert report.labels_sha256 == labels_digest(edited.labels) != before.labels_sha256
    assert [(x.id, x.count) for x in report.lesions] == [(x.id, x.count) for x in before.lesions]
    assert [x.rejected for x in report.lesions] == [k in rejected for k in sizes]
    assert [x.likely for x in report.lesions] == [k not in rejected for k in sizes]
    assert [x.id for x in report.likely_lesions] == [k for k in sizes if k not in rejected]
    assert [x.id for x in report.rejected_lesions] == list(rejected) and report.unsure_lesions == ()
    np.testing.assert_array_equal(lesion_volume(edited), lesion_volume(seg))
    assert same(measure(ct, edited.with_rejected([])), before)


def test_the_keys_of_edits_are_in_edited_reports_only():
    ct, seg = four_lesions()
    plain, edited = (measure(ct, one).to_dict() for one in (seg, seg.with_rejected([2, 3])))
    assert set(edited) - set(plain) == {"edited"}
    assert set(edited["lesions"][0]) - set(plain["lesions"][0]) == {"rejected"}
    assert set(edited["definitions"]) - set(plain["definitions"]) == set(EDIT_DEFINITIONS)
    assert edited["edited"] == {
        "rejected": [2, 3],
        "count": 2,
        "pixels": 25,
        "area_mm2": 6.25,
        "made_at": {"threshold": 0.5, "lesion_cut": None, "rejected": [2, 3]},
        "lapsed": 0,
    }


def test_the_csv_table_gains_a_column():
    ct, seg = four_lesions()
    plain, edited = (
        list(csv.DictReader(io.StringIO(measure(ct, one).to_csv()))) for one in (seg, seg.with_rejected([2]))
    )
    assert tuple(plain[0]) == tuple(CSV_COLUMNS)
    assert tuple(edited[0]) == (*CSV_COLUMNS, *EDIT_COLUMNS)
    assert [row["rejected"] for row in edited] == ["false", "true", "false", "false"]
    assert [row["likely"] for row in edited] == ["true", "false", "true", "true"]


def test_an_edited_report_says_so_in_words():
    ct, seg = four_lesions()
    one, two = (measure(ct, seg.with_rejected(numbers)) for numbers in ([1], [2, 3]))
    assert one.warnings[len(one.doubts)] == (
        "Edited by the user: lesion 1 was rejected, 9.00 mm². It is labelled liver and not counted as tumour."
    )
    assert two.warnings[len(two.doubts)] == (
        "Edited by the user: lesions 2 and 3 were rejected, 6.25 mm² together. They are labelled liver and "
        "not counted as tumour."
    )
    assert lesion_headline(two) == "2 lesions, 10.0 mm²; 2 rejected, 6.25 mm²"
    assert dict(provenance_rows(two))["Edited"] == "edited by the user: 2 lesions rejected"
    assert "Edited" not in dict(provenance_rows(measure(ct, seg)))


def test_a_rejected_unsure_lesion_is_neither_unsure_nor_tumour():
    ct, seg = decided()
    report = measure(ct, seg.with_rejected([2]))
    assert (report.decision.unsure, report.tumour.count) == (0, LIKELY_VOXELS)
    assert report.edited.size.volume_ml == pytest.approx(UNSURE_VOXELS * VOXEL_ML)
    assert report.to_dict()["edited"]["made_at"]["lesion_cut"] == 0.5
    kept = measure(ct, seg.with_rejected([1]))
    assert (kept.decision.unsure, kept.tumour.count) == (1, 0)
    assert lesion_headline(kept) == "no likely lesion; 1 unsure, 0.029 mL; 1 rejected, 0.230 mL"


def test_a_lapsed_rejection_is_named_and_one_that_is_gone_leaves_no_trace():
    tumour = np.zeros((1, 64, 64), np.float32)
    tumour[0, 20, 20:22], tumour[0, 20, 22], tumour[0, 20, 23:28] = 0.9, 0.4, 0.8
    organ = np.zeros_like(tumour)
    organ[0, 10:40, 10:40] = 1
    ct, seg = scene((organ + (tumour >= 0.5)).astype(np.uint8), probability=tumour)
    merged = measure(ct, seg.with_rejected([1]).at_threshold(0.3))  # one lesion of 8 pixels, with lesion 2
    assert merged.edited.rejected == () and merged.edited.lapsed == 1 and merged.tumour.count == 8
    assert merged.warnings[len(merged.doubts)] == (
        "1 lesion that was rejected at the tumour threshold 0.50 is part of a lesion that counts here: check "
        "that lesion."
    )
    assert dict(provenance_rows(merged))["Edited"].endswith("no lesion rejected at this threshold")
    gone = seg.with_rejected([1]).at_threshold(0.85)
    assert same(measure(ct, gone), measure(ct, seg.at_threshold(0.85)))


def test_a_report_without_rejections_differs_from_an_edited_one_in_what_was_rejected():
    ct, seg = four_lesions()
    plain, edited = (json.loads(measure(ct, one).to_json()) for one in (seg, seg.with_rejected([2])))
    lines = result_differences(plain, edited)
    assert "lesions.1.rejected: False, now True" in lines
    assert any(line.startswith("edited: nothing, now ") for line in lines)
    assert not any(line.startswith("lesions.0.") for line in lines)
    assert result_differences(edited, edited) == []


def test_a_comparison_names_lesions_as_the_reports_do():
    ct, seg = four_lesions()
    matches = compare(ct, seg.with_rejected([1, 3]), seg.with_rejected([2])).lesions
    assert [(match.a, match.b) for match in matches] == [((4,), (4,)), ((2,), ()), ((), (1,)), ((), (3,))]
