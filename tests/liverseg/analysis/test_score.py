"""Scores agree with SimpleITK, medpy and plain distance maps, and undefined measures are never numbers."""

from __future__ import annotations

import json
import math

import medpy.metric.binary as medpy
import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

import liverseg
from liverseg.analysis.score_report import (
    VALUE_COLUMNS,
    ScoredCase,
    score_json,
    score_table,
    scores_csv,
    summary_of,
)
from liverseg.core.labels_file import LabelsFile
from liverseg.core.segmentation import Segmentation
from liverseg.io.read import from_array

SPACING = (5.0, 0.8, 0.9)


def drawn(labels: np.ndarray, **facts) -> Segmentation:
    return Segmentation.from_labels(labels.astype(np.uint8), LabelsFile("array", **facts))


@pytest.fixture(scope="module")
def pair():
    """A CT, and a result and a reference of irregular shapes with lesions found, missed and false."""
    rng = np.random.default_rng(7)
    smooth = ndimage.gaussian_filter(rng.normal(size=(9, 72, 70)), (1, 9, 9))
    reference = (smooth > 0.002).astype(np.uint8)
    result = (ndimage.shift(smooth, (0, 2, 1), order=1) > 0.004).astype(np.uint8)
    reference[2:5, 20:26, 20:27] = reference[6, 50:55, 50:55] = 2
    result[2:5, 21:27, 20:27] = result[1, 60:62, 10:12] = 2
    ct = from_array(np.zeros(result.shape, np.float32), SPACING)
    return ct, drawn(result), drawn(reference)


def masks(seg: Segmentation) -> dict[str, np.ndarray]:
    return {"liver": seg.labels > 0, "tumour": seg.labels == 2}


@pytest.mark.parametrize("name", ["liver", "tumour"])
def test_the_measures_are_those_of_other_libraries(pair, name):
    ct, result, reference = pair
    found = liverseg.score(ct, result, reference).structures[name]
    a, b = masks(result)[name], masks(reference)[name]
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*(SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (b, a)))
    assert found.dice == pytest.approx(overlap.GetDiceCoefficient(), abs=1e-9)
    assert found.voe == pytest.approx(1 - overlap.GetJaccardCoefficient(), abs=1e-9)
    assert found.rvd == pytest.approx(medpy.ravd(a, b), abs=1e-9)
    assert found.recall == pytest.approx(medpy.recall(a, b), abs=1e-9)
    assert found.precision == pytest.approx(medpy.precision(a, b), abs=1e-9)
    options = {"voxelspacing": SPACING, "connectivity": 2}
    assert found.assd_mm == pytest.approx(medpy.assd(a, b, **options), abs=1e-6)
    assert found.msd_mm == pytest.approx(medpy.hd(a, b, **options), abs=1e-6)
    assert found.reference_ml == pytest.approx(b.sum() * math.prod(SPACING) / 1000)
    # From distance maps, a way that the package does not go.
    structure = ndimage.generate_binary_structure(3, 2)
    edges = [mask & ~ndimage.binary_erosion(mask, structure) for mask in (a, b)]
    far = [ndimage.distance_transform_edt(~edge, SPACING) for edge in edges]
    to_reference, to_result = far[1][edges[0]], far[0][edges[1]]
    both = np.concatenate([to_reference, to_result])
    assert found.surface_dice_2mm == pytest.approx((both <= 2).mean(), abs=1e-9)
    assert found.hd95_mm == pytest.approx(max(np.percentile(d, 95) for d in (to_reference, to_result)))
    assert found.rmsd_mm == pytest.approx(np.sqrt((both**2).mean()))


def test_lesions_and_burden(pair):
    ct, result, reference = pair
    scored = liverseg.score(ct, result, reference)
    numbers = {rule: (one.reference, one.found, one.missed, one.predicted, one.false)
               for rule, one in scored.lesions.items()}  # fmt: skip
    assert numbers == {"any_overlap": (2, 1, 1, 2, 1), "iou_50": (2, 1, 1, 2, 1)}
    shares = [(seg.labels == 2).sum() / (seg.labels > 0).sum() for seg in (reference, result)]
    assert scored.burden.difference == pytest.approx(shares[1] - shares[0])
    barely = result.labels.copy()
    barely[barely == 2] = 1
    barely[2, 25, 26] = 2  # one voxel of a lesion
    touched = liverseg.score(ct, drawn(barely), reference).lesions
    assert (touched["any_overlap"].found, touched["iou_50"].found, touched["iou_50"].false) == (1, 0, 1)


def test_equal_labels_are_perfect_and_have_no_worst_slice(pair):
    ct, result, _ = pair
    scored = liverseg.score(ct, result, result)
    for structure in scored.structures.values():
        assert (structure.dice, structure.voe, structure.rvd, structure.msd_mm) == (1, 0, 0, 0)
        assert structure.surface_dice_2mm == 1
    assert scored.worst_slices == () and "the same everywhere" in score_table(scored)


def test_what_is_undefined_is_null(pair):
    ct, result, reference = pair
    without = drawn(np.minimum(reference.labels, 1))
    scored = liverseg.score(ct, result, without)
    tumour = json.loads(score_json(ct, result, without, scored))["tumour"]
    sizes = ("reference", "result", "reference_ml", "result_ml")
    assert tumour["reference"] == 0 and tumour["result"] > 0
    assert {value for key, value in tumour.items() if key not in sizes} == {None}
    assert scored.lesions["iou_50"].false == 2 and math.isnan(scored.lesions["iou_50"].recall)

    empty = liverseg.score(ct, drawn(0 * result.labels), reference).structures["liver"]
    assert (empty.dice, empty.rvd, empty.surface_dice_2mm) == (0, -1, 0) and math.isnan(empty.assd_mm)
    assert math.isnan(empty.precision)

    unlabelled = liverseg.score(ct, result, drawn(reference.labels, tumour=()))
    assert unlabelled.lesions is None and math.isnan(unlabelled.burden.difference)
    assert math.isnan(unlabelled.structures["tumour"].dice) and unlabelled.structures["liver"].dice > 0.5

    tumours = liverseg.score(ct, result, drawn(2 * (reference.labels == 2), liver=())).structures
    assert math.isnan(tumours["liver"].reference) and tumours["liver"].result > 0
    assert math.isnan(tumours["liver"].dice) and tumours["tumour"].dice > 0.3

    unknown = liverseg.score(from_array(ct.hu), result, reference).structures["liver"]
    assert math.isnan(unknown.assd_mm) and math.isnan(unknown.reference_ml) and unknown.dice > 0.5


def test_a_slice_has_distances_within_it(pair):
    ct, result, reference = pair
    one = from_array(ct.hu[3], SPACING)
    found = liverseg.score(one, drawn(result.labels[3:4]), drawn(reference.labels[3:4])).structures["liver"]
    a, b = result.labels[3] > 0, reference.labels[3] > 0
    assert found.assd_mm == pytest.approx(medpy.assd(a, b, voxelspacing=SPACING[1:], connectivity=2))
    assert math.isnan(found.result_ml)


def test_tables_of_cases_leave_undefined_cells_empty_and_out_of_means(pair):
    ct, result, reference = pair
    first = liverseg.score(ct, result, reference)
    second = liverseg.score(ct, reference, drawn(np.minimum(reference.labels, 1)))
    assert tuple(first.values()) == VALUE_COLUMNS
    cases = [ScoredCase("a", first), ScoredCase("b", second), ScoredCase("c", refusal="It cannot be read.")]
    rows = [line.split(",") for line in scores_csv(cases).splitlines()]
    column = rows[0].index("tumour_dice")
    assert [row[column] != "" for row in rows] == [True, True, False, False]
    assert rows[3][-1] == "It cannot be read." and set(rows[3][1:-1]) == {""}
    summary = summary_of(cases)
    assert (summary["cases"], summary["scored"]) == (3, 2)
    tumour, liver = (summary["measures"][f"{name}_dice"] for name in ("tumour", "liver"))
    assert tumour == {"n": 1, "mean": pytest.approx(first.structures["tumour"].dice, abs=1e-6),
                      "interval_95": None}  # fmt: skip
    assert liver["n"] == 2 and liver["interval_95"][0] <= liver["mean"] <= liver["interval_95"][1]


def test_other_grids_are_refused(pair):
    ct, result, reference = pair
    with pytest.raises(liverseg.LiversegError, match="grid of the scan"):
        liverseg.score(ct, drawn(result.labels[1:]), reference)
