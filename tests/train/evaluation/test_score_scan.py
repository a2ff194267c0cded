"""Scores of scans with small synthetic references: geometry, empty masks, lesions and partial labels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from liverseg.inference.rules import InferenceRules
from tests.train.sample_scans import (
    EMPTY,
    LARGE,
    LIVER,
    SHAPE,
    SMALL,
    box,
    label_reading_network,
    write_dataset,
)
from train.data.dataset import DatasetFolder
from train.evaluation.protocol import Protocol
from train.evaluation.record import evaluation_numbers, metrics_record
from train.evaluation.scans import scans_of
from train.evaluation.score_scan import quarter_confusion, score_scan, score_scans

SOLID = dict.fromkeys(range(4, 9), LARGE)


def scored(tmp_path, scans, predict, protocol=None, **options):
    folder = DatasetFolder.open(write_dataset(tmp_path / "data", scans, **options))
    return list(score_scans(scans_of(folder, "val"), predict, 1, protocol or Protocol()))


def val(slices):
    return {"split": "val", "slices": slices}


def test_a_perfect_network_scores_perfectly(tmp_path):
    found = scored(tmp_path, {"a": val(SOLID), "b": val({0: SMALL})}, label_reading_network())
    result = metrics_record(found, "perfect@1", {}, Protocol())
    for name in ("liver", "tumour"):
        summary = result["summary"][name]
        for metric in (
            "dice_per_case",
            "dice_global",
            "recall_global",
            "specificity_global",
            "surface_dice_2d_px",
        ):
            assert summary[metric]["value"] == 1, metric
        for metric in ("voe", "rvd", "assd_2d_px", "msd_2d_px", "rmsd_2d_px", "hd95_2d_px", "brier", "ece"):
            assert summary[metric]["value"] == pytest.approx(0, abs=1e-6), metric
    tumour = result["summary"]["tumour"]
    assert tumour["lesion_recall"]["value"] == tumour["lesion_precision"]["value"] == 1
    assert tumour["burden_rmse"]["value"] == 0
    # Not 1: that protocol samples labels at the corner of what the probabilities are averaged over.
    assert 0.9 < result["first_project"]["mean_of_classes"]["dice"] < 1


def test_spacing_and_gaps_decide_the_space_of_distances(tmp_path):
    thinned = dict.fromkeys((0, 2, 4, 6), LARGE)
    scans = {
        "volume": val(SOLID),
        "thinned": val(thinned),
        "unknown": val(SOLID),
        "pair": val({1: LARGE, 2: LARGE}),
    }
    spacing = {"volume": [5, 0.5, 0.8], "thinned": [5, 0.5, 0.8], "unknown": None, "pair": [5, 0.5, 0.8]}
    found = {s.scan: s for s in scored(tmp_path, scans, label_reading_network(), spacing=spacing)}
    assert {name: s.space for name, s in found.items()} == {
        "volume": "mm", "thinned": "2d_mm", "unknown": "2d_px", "pair": "2d_mm",
    }  # fmt: skip
    assert {s.unit for s in found.values()} == {"mm", "px"}
    assert found["unknown"].contiguous and found["unknown"].spacing_mm is None


def test_consecutive_slices_are_measured_in_3d(tmp_path):
    """The prediction misses the last slice, 5 mm from the rest in 3D; in 2D the slice has no distance."""

    def short(hu):
        found = label_reading_network()(hu)
        short.calls += 1
        if short.calls == 5:
            found[:] = np.array([1, 0, 0])[None, :, None, None]
        return found

    for space, spacing in (("mm", [5, 0.5, 0.8]), ("2d_px", None)):
        short.calls = 0
        (scan,) = scored(tmp_path / space, {"a": val(SOLID)}, short, spacing=spacing)
        distances = scan.structures["tumour"].distances
        assert distances["msd"] == (5 if space == "mm" else 0)
        if space == "2d_px":  # four slices agree on both sides, the surface of one has no counterpart
            assert distances["surface_dice"] == pytest.approx(8 / 9)


def test_empty_masks_are_counted_separately_from_the_means(tmp_path):
    scans = {
        "missed": val({0: SMALL}),
        "invented": val({0: LIVER}),
        "clean": val({0: LIVER, 1: EMPTY}),
        "found": val({0: LARGE}),
    }

    def predict(hu):
        found = label_reading_network()(hu)
        scan = ["clean", "clean", "found", "missed", "invented"][predict.calls]  # a slice each
        predict.calls += 1
        if scan == "missed":
            found[:, 1] += found[:, 2]
            found[:, 2] = 0
        if scan == "invented":
            found[:, :, 12:15, 12:15] = np.array([0, 0, 1])[None, :, None, None]
        return found

    predict.calls = 0
    scores = scored(tmp_path, scans, predict, spacing=[1, 2, 0.5])
    assert [s.scan for s in scores] == ["clean", "found", "missed", "invented"]
    found = evaluation_numbers(scores, seed=0)
    tumour, kinds = found["summary"]["tumour"], found["cases"]["tumour"]
    assert tumour["dice_per_case"] | {"interval_95": None} == {
        "value": 0.5, "n": 2, "median": 0.5, "quartiles": [0.25, 0.75], "interval_95": None,
    }  # fmt: skip
    assert tumour["rvd"]["value"] == -0.5 and tumour["rvd_lits_compat"] == {
        "value": 0.0, "n": 1, "median": 0.0, "quartiles": [0.0, 0.0],
    }  # fmt: skip
    assert tumour["assd_2d_mm"]["n"] == 1 and tumour["surface_dice_2d_mm"]["value"] == 0.5
    assert tumour["clean_scans"]["value"] == 0.5 and tumour["clean_scans"]["n"] == 2
    assert tumour["clean_slices"]["value"] == pytest.approx(2 / 3) and tumour["clean_slices"]["slices"] == 3
    assert kinds == {
        "scans": 4, "with_reference": 2, "prediction_empty": 1, "both_empty": 1, "reference_empty": 1,
        "false_positive_px": 9, "false_positive_mm2": 9.0,
    }  # fmt: skip


def test_lesions_connect_across_slices_only_in_a_volume(tmp_path):
    for spacing_name, indices, lesions in (("touching", range(5), 1), ("thinned", range(0, 10, 2), 5)):
        (scan,) = scored(
            tmp_path / spacing_name,
            {"a": val(dict.fromkeys(indices, SMALL))},
            label_reading_network(),
            spacing=[1, 2, 2],
        )
        assert scan.lesions["overlap_50"].tallies == (lesions,) * 4
        diameters = scan.lesions["overlap_50"].reference_diameters
        assert diameters == pytest.approx([2 * math.hypot(6, 5)] * lesions)


def test_burden_is_the_share_of_tumour_in_the_liver(tmp_path):
    (scan,) = scored(tmp_path, {"a": val({0: LARGE})}, label_reading_network(blind_to=[2]))
    assert scan.burden == (24 * 24 / 1600, 0.0)


def test_pixels_with_partial_labels_are_not_scored(tmp_path):
    organ_only = {"0": ["background"], "1": ["liver", "tumour"], "2": ["liver", "tumour"]}
    (scan,) = scored(tmp_path / "o", {"a": val({0: LARGE})}, label_reading_network(), label_values=organ_only)
    tumour = scan.structures["tumour"]
    assert tumour.unknown == 1600 and tumour.pixels == 64 * 64 - 1600 and tumour.counts.predicted == 0
    assert scan.lesions is None and scan.burden is None and scan.confusion is None and tumour.distances == {}
    assert scan.structures["liver"].distances["assd"] == 0

    tumour_only = {"0": ["background", "liver"], "1": ["background", "liver"], "2": ["tumour"]}
    (scan,) = scored(
        tmp_path / "t", {"a": val({0: LARGE})}, label_reading_network(), label_values=tumour_only
    )
    assert set(scan.structures) == {"tumour"} and scan.lesions["overlap_50"].tallies == (1, 1, 1, 1)
    result = metrics_record([scan], "x", {}, Protocol())
    assert set(result["summary"]) == {"tumour"} and result["first_project"] is None
    assert "dice_global" in result["sweep"][0]["tumour"]


def test_the_sweep_scores_other_thresholds(tmp_path):
    found = scored(tmp_path, {"a": val(SOLID)}, label_reading_network(sure=0.45), Protocol(threshold=0.4))
    values = {
        line["threshold"]: line["tumour"]["dice_global"]
        for line in metrics_record(found, "x", {}, Protocol())["sweep"]
    }
    # The tumour has 0.45, all else 0.275: below that everything is tumour, above 0.45 nothing is.
    assert values[0.4] == 1 and values[0.3] == 1 and values[0.5] == 0 and 0 < values[0.2] < 1


def test_flips_average_the_predictions_of_a_slice_and_its_mirror_image(tmp_path):
    def left_is_tumour(hu):
        found = np.zeros((len(hu), 3, *SHAPE), np.float32)
        found[:, 2, :, :32], found[:, 0, :, 32:] = 1, 1
        return found

    whole = {"a": val({0: box((0, 64), (0, 64), 2)})}
    for flips, share in ((False, 0.5), (True, 1.0)):
        (scan,) = scored(tmp_path / str(flips), whole, left_is_tumour, Protocol(flips=flips))
        assert scan.structures["tumour"].counts.tp == share * 64 * 64


def test_hidden_neighbours_are_replaced_by_the_slice(tmp_path):
    seen = []

    def predict(hu):
        seen.append(len({channel.tobytes() for channel in hu[0]}))
        return label_reading_network()(hu)

    folder = DatasetFolder.open(write_dataset(tmp_path / "d", {"a": val({0: LIVER, 1: LARGE, 2: SMALL})}))
    for context in (True, False):
        list(score_scans(scans_of(folder, "val"), predict, 3, Protocol(context=context)))
    assert seen == [2, 3, 2, 1, 1, 1]


def test_the_first_project_protocol_uses_quarter_resolution_and_arg_max():
    bits = np.array([1, 2, 4], np.uint8)[LARGE]
    organ, tumour = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    organ[10:50, 8:48] = 1.0
    tumour[20:44, 14:38] = 0.45  # less than liver's 0.55 there
    confusion = quarter_confusion(organ, tumour, bits)
    assert confusion.sum() == 256 and confusion[:, 2].sum() == 0 and confusion[2, 1] == 36
    assert quarter_confusion(organ, tumour, np.ones(SHAPE, np.uint8)).sum() == 0  # not annotated
    assert quarter_confusion(organ, tumour, np.full(SHAPE, 6, np.uint8)) is None  # liver or tumour


def test_a_lone_slice_keeps_only_bodies_that_the_rules_keep(tmp_path):
    def predict(hu):
        """The same in every slice: sure liver at the top left, less sure liver at the bottom right."""
        organ = np.zeros(hu.shape[-2:], np.float32)
        organ[4:12, 4:12], organ[-10:-4, -10:-4] = 0.95, 0.6
        return np.stack([1 - organ, organ, np.zeros_like(organ)])[None]

    folder = DatasetFolder.open(write_dataset(tmp_path / "data", {"a": val({0: EMPTY})}))
    (scan,) = scans_of(folder, "val")
    before, after, none = (
        score_scan(scan, predict, 1, Protocol(), rules=InferenceRules(least_body_probability=least))
        for least in (0.0, 0.8, 0.97)
    )
    counts = [score.structures["liver"].counts for score in (before, after, none)]
    assert [count.tp + count.fp for count in counts] == [64 + 36, 64, 0]
