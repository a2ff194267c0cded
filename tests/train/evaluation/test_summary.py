"""The numbers over all scans, compared with their definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from medpy.metric import binary

from liverseg.analysis.metrics import Counts, mask_counts
from liverseg.analysis.metrics.calibration import reliability
from train.evaluation.protocol import THRESHOLDS
from train.evaluation.scores import ScanScore, SliceTally, StructureScore
from train.evaluation.summary import (
    case_counts,
    false_positive_mm2,
    structure_summaries,
    threshold_sweep,
)

PIXELS = 400


def scan(tumour, liver=None, spacing_mm=(5.0, 2.0, 0.5), sweep=None, burden=None):
    structures = {"tumour": tumour} | ({} if liver is None else {"liver": liver})
    return ScanScore(
        dataset="d",
        split="val",
        scan="1",
        slices=3,
        space="mm" if spacing_mm else "2d_px",
        spacing_mm=spacing_mm,
        contiguous=True,
        structures=structures,
        sweep=sweep or {},
        lesions=None,
        burden=burden,
        confusion=None,
    )


def counted(tp, fp, fn, **more):
    return StructureScore(Counts(tp, fp, fn), pixels=PIXELS, **more)


@pytest.fixture(scope="module")
def masks():
    """(prediction, reference) of three scans, (20, 20) bool each."""
    random = np.random.default_rng(0)
    return [(random.random((20, 20)) < 0.4, random.random((20, 20)) < share) for share in (0.2, 0.5, 0.8)]


def test_per_case_and_pooled_overlaps_equal_those_of_medpy(masks):
    scores = [scan(StructureScore(mask_counts(*pair), pixels=PIXELS)) for pair in masks]
    tumour = structure_summaries(scores)["tumour"]
    together = [np.concatenate(side) for side in zip(*masks, strict=True)]
    for metric, of in (
        ("dice", binary.dc),
        ("iou", binary.jc),
        ("precision", binary.precision),
        ("recall", binary.recall),
    ):
        assert tumour[f"{metric}_global"]["value"] == pytest.approx(of(*together))
        assert tumour[f"{metric}_per_case"]["value"] == pytest.approx(np.mean([of(*m) for m in masks]))
    assert tumour["specificity_global"]["value"] == pytest.approx(binary.specificity(*together))
    differences = [binary.ravd(*pair) for pair in masks]
    assert tumour["rvd"]["value"] == pytest.approx(np.mean(differences))
    assert tumour["rvd_absolute"]["value"] == pytest.approx(np.mean(np.abs(differences)))
    assert tumour["rvd_lits_compat"]["value"] == pytest.approx(
        np.mean([binary.ravd(*p[::-1]) for p in masks])
    )
    assert tumour["voe"]["value"] == pytest.approx(1 - tumour["iou_per_case"]["value"])
    assert all(tumour[key]["n"] == 3 for key in ("dice_per_case", "dice_global", "rvd"))


def test_scans_without_reference_count_in_pooled_numbers_only():
    scores = [scan(counted(6, 2, 0)), scan(counted(0, 8, 0)), scan(counted(0, 0, 4))]
    tumour = structure_summaries(scores)["tumour"]
    assert tumour["dice_per_case"]["n"] == 2
    assert tumour["dice_per_case"]["value"] == pytest.approx((12 / 14 + 0) / 2)
    assert tumour["dice_global"]["n"] == 3
    assert tumour["dice_global"]["value"] == pytest.approx(12 / (12 + 10 + 4))


def test_a_structure_is_summarised_over_the_scans_whose_labels_can_score_it():
    scores = [scan(counted(1, 0, 0), counted(3, 1, 0)), scan(counted(1, 1, 0))]
    result = structure_summaries(scores)
    assert result["liver"]["dice_global"] == {"value": pytest.approx(6 / 7), "n": 1}
    assert result["tumour"]["dice_global"]["n"] == 2
    assert set(structure_summaries(scores[1:])) == {"tumour"}


def test_distances_are_averaged_within_each_space():
    def with_distances(assd, tp=1):
        distances = dict.fromkeys(("msd", "rmsd", "hd95", "surface_dice"), 1.0) | {"assd": assd}
        return counted(tp, 1, 0, distances=distances)

    scores = [
        scan(with_distances(2.0)),
        scan(with_distances(4.0)),
        scan(with_distances(100.0, tp=0)),  # no reference
        scan(with_distances(7.0), spacing_mm=None),
        scan(with_distances(math.nan), spacing_mm=None),
    ]
    tumour = structure_summaries(scores)["tumour"]
    assert (tumour["assd_mm"]["value"], tumour["assd_mm"]["n"]) == (3.0, 2)
    assert (tumour["assd_2d_px"]["value"], tumour["assd_2d_px"]["n"]) == (7.0, 1)
    assert tumour["hd95_2d_px"]["n"] == 2 and "assd_2d_mm" not in tumour


def test_clean_and_found_slices_are_pooled_and_partly_labelled_scans_are_not_clean():
    tallies = [SliceTally(shown=4, found=3, free=2, clean=1), SliceTally(shown=0, found=0, free=6, clean=5)]
    scores = [
        scan(counted(9, 0, 1, slices=tallies[0])),
        scan(counted(0, 1, 0, slices=tallies[1])),
        scan(counted(0, 0, 0)),
        scan(counted(0, 0, 0, unknown=3)),
    ]
    tumour = structure_summaries(scores)["tumour"]
    assert (tumour["clean_slices"]["value"], tumour["clean_slices"]["slices"]) == (6 / 8, 8)
    assert (tumour["found_slices"]["value"], tumour["found_slices"]["slices"]) == (3 / 4, 4)
    assert (tumour["clean_scans"]["value"], tumour["clean_scans"]["n"]) == (0.5, 2)


def test_the_calibration_pools_the_pixels_of_all_scans():
    random = np.random.default_rng(3)
    pairs = [(random.random(n), random.random(n) < 0.3) for n in (50, 200)]
    parts = [{"slice": reliability(*pair), "in_liver": reliability(*pairs[0])} for pair in pairs]
    tumour = structure_summaries([scan(counted(1, 1, 1, calibration=part)) for part in parts])["tumour"]
    probability, truth = (np.concatenate(side) for side in zip(*pairs, strict=True))
    assert tumour["brier"]["value"] == pytest.approx(np.mean((probability - truth) ** 2))
    assert tumour["brier_in_liver"]["value"] == pytest.approx(np.mean((pairs[0][0] - pairs[0][1]) ** 2))
    bins = np.minimum((probability * 15).astype(int), 14)
    gaps = [abs((probability - truth)[bins == k].sum()) for k in range(15)]
    assert tumour["ece"]["value"] == pytest.approx(sum(gaps) / len(probability))


def test_the_burden_has_the_root_mean_square_and_the_largest_error():
    burdens = [(0.1, 0.2), (0.5, 0.2), None, (0.0, 0.0)]
    tumour = structure_summaries([scan(counted(1, 0, 0), burden=pair) for pair in burdens])["tumour"]
    assert tumour["burden_rmse"]["value"] == pytest.approx(math.sqrt((0.1**2 + 0.3**2) / 3))
    assert tumour["burden_max_error"] == {"value": pytest.approx(0.3), "n": 3}
    assert "burden_rmse" not in structure_summaries([scan(counted(1, 0, 0))])["tumour"]


def test_cases_count_empty_masks_and_false_positives_without_reference():
    scores = [scan(counted(5, 4, 0)), scan(counted(0, 0, 7)), scan(counted(0, 0, 0)), scan(counted(0, 6, 0))]
    assert case_counts(scores, "tumour") == {
        "scans": 4,
        "with_reference": 2,
        "prediction_empty": 1,
        "both_empty": 1,
        "reference_empty": 1,
        "false_positive_px": 6,
        "false_positive_mm2": 6 * 2.0 * 0.5,
    }
    assert false_positive_mm2(scores[0], "tumour") == 4.0  # pixels of 2 mm x 0.5 mm
    unknown = [*scores, replace(scores[2], spacing_mm=None)]
    assert case_counts(unknown, "tumour")["false_positive_mm2"] is None
    assert case_counts(scores[:2], "tumour")["false_positive_mm2"] is None
    assert case_counts(scores, "liver")["scans"] == 0


def test_the_sweep_has_both_dice_at_each_threshold():
    sweeps = [
        {t: {"tumour": Counts(round(10 * t), 2, 1)} for t in THRESHOLDS},
        {t: {"tumour": Counts(0, 3, 0), "liver": Counts(1, 0, 0)} for t in THRESHOLDS},
    ]
    result = threshold_sweep([scan(counted(1, 0, 0), sweep=sweep) for sweep in sweeps])
    assert [line["threshold"] for line in result] == list(THRESHOLDS)
    for line in result:
        tp = round(10 * line["threshold"])
        assert line["tumour"]["dice_global"] == pytest.approx(2 * tp / (2 * tp + 5 + 1))
        assert line["tumour"]["dice_per_case"] == pytest.approx(2 * tp / (2 * tp + 3))
        assert line["liver"] == {"dice_global": 1.0, "dice_per_case": 1.0}
    (line, *_) = threshold_sweep([scan(counted(1, 0, 0), sweep=sweeps[0])])
    assert line["liver"] == {"dice_global": None, "dice_per_case": None}
