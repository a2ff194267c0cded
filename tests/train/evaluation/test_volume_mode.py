"""Scores of scans that are segmented as volumes."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.metrics import dice
from tests.train.sample_scans import (
    EMPTY,
    LIVER,
    box,
    label_reading_network,
    reading_segmenter,
    write_dataset,
)
from train.data.dataset import DatasetFolder
from train.evaluation.models import Model
from train.evaluation.modes import score_in_mode
from train.evaluation.protocol import Protocol
from train.evaluation.record import metrics_record
from train.evaluation.scans import scans_of
from train.evaluation.volume_mode import count_volume_pixels, score_volume

VOLUMES = Protocol(mode="volume")
LESION = box((20, 30), (14, 24), 2, LIVER)
SLICES = {0: LIVER, 2: LESION, 4: LESION, 6: LIVER, 8: EMPTY}
"""One lesion of 200 pixels in two slices of one scan, whose slices are two apart."""


def invents(hu):
    """The reference, a false tumour of 4 pixels in each liver, and false liver where there is none."""
    found = label_reading_network(0.9)(hu)
    if found[0, 1:, 20, 20].sum() > 0.5:
        found[:, :, 40:42, 40:42] = np.array([0.05, 0.35, 0.6])[:, None, None]
    else:
        found[:, :, 60:63, 60:63] = np.array([0.1, 0.9, 0.0])[:, None, None]
    return found.astype(np.float32)


MODEL = {
    "intercept": 0.0,
    "terms": [
        {
            "feature": "peak_probability",
            "transform": "none",
            "centre": 0.75,
            "scale": 0.01,
            "coefficient": 1.0,
        }
    ],
    "cut": 0.5,
}
RULES = {"lesion_model": {"method": "logistic regression", "volume": MODEL, "slice": MODEL}}
"""A candidate is likely where its peak tumour probability is above 0.75."""


def the_scan(folder, slices=SLICES, label_values=None):
    data = write_dataset(folder / "data", {"a": {"split": "val", "slices": slices}}, None, label_values)
    return next(scans_of(DatasetFolder.open(data), "val"))


def test_a_volume_is_scored_with_the_rules_that_users_get(tmp_path):
    scan = the_scan(tmp_path)
    model = Model("x", invents, 1, 0.5, {}, reading_segmenter(invents))
    volume = score_in_mode(scan, model, VOLUMES)
    slices = score_in_mode(scan, model, Protocol())
    assert (volume.mode, slices.mode, volume.note) == ("volume", "slice", "")
    assert volume.structures["liver"].counts.fp == 0, "the largest body alone is kept"
    assert slices.structures["liver"].counts.fp == 9
    assert (slices.structures["liver"].slices.free, slices.structures["liver"].slices.false_px) == (1, 9)
    assert slices.lesions["overlap_any"].tallies == (2, 2, 2, 6), "8-connected within each slice"
    assert volume.lesions["overlap_any"].tallies == (1, 1, 1, 2), "26-connected over the slices in hand"
    assert volume.candidates is None and volume.confusion is None and slices.confusion is not None
    record = metrics_record([slices], "x", {}, Protocol())
    assert record["liver_free_slices"]["value"] == 1 and record["liver_free_slices"]["false_positive_px"] == 9
    assert record["summary"]["tumour"]["false_lesions_per_scan"]["value"] == 4


def test_a_lesion_model_tells_likely_lesions_from_all_candidates(tmp_path):
    scan = the_scan(tmp_path)
    model = Model("x", invents, 1, 0.5, {}, reading_segmenter(invents, RULES))
    for mode, likely, listed in (("volume", (1, 1, 1, 1), (1, 1, 1, 2)), ("slice", (2,) * 4, (2, 2, 2, 6))):
        score = score_in_mode(scan, model, Protocol(mode=mode))
        assert score.lesions["overlap_any"].tallies == likely, mode
        assert score.candidates["overlap_any"].tallies == listed, mode
        assert score.structures["tumour"].counts.fp == 0, mode
        assert score.sweep[0.5]["tumour"].fp == 0, mode
    record = metrics_record([score], "x", {}, VOLUMES)
    sizes = record["candidates"]["overlap_any"]
    assert (sizes["all"]["false"], sizes["under_10_px"]["false"], sizes["all"]["missed"]) == (4, 4, 0)
    assert record["summary"]["tumour"]["candidate_precision_any_overlap"]["value"] == pytest.approx(1 / 3)


def test_the_sweep_of_a_volume_relabels_its_probabilities(tmp_path):
    score = score_volume(the_scan(tmp_path), reading_segmenter(invents), VOLUMES)
    assert {t: counts["tumour"].fp for t, counts in score.sweep.items()} == {
        0.2: 16, 0.3: 16, 0.4: 16, 0.5: 16, 0.6: 16, 0.7: 0,
    }  # fmt: skip


def test_pixels_with_open_labels_are_left_out(tmp_path):
    either = {"0": ["background"], "1": ["liver", "tumour"], "2": ["tumour"]}
    scan = the_scan(tmp_path, label_values=either)
    score = score_volume(scan, reading_segmenter(invents), VOLUMES)
    tumour = score.structures["tumour"]
    assert tumour.unknown == 4 * 1600 - 200 and tumour.counts.fp == 0 and tumour.counts.tp == 200
    assert score.lesions is None and score.burden is None
    counts = count_volume_pixels(scan, reading_segmenter(invents), 0.5)
    assert counts == {name: part.counts for name, part in score.structures.items()}
    assert dice(counts["liver"]) == 1


def test_a_scan_that_is_no_volume_is_scored_slice_by_slice_and_says_so(tmp_path):
    scan = the_scan(tmp_path, {0: LIVER, 1: np.pad(LESION, ((0, 16), (0, 0)))})
    model = Model("x", invents, 1, 0.5, {}, reading_segmenter(invents))
    score = score_in_mode(scan, model, VOLUMES)
    assert score.mode == "slice"
    assert score.note == "Scan a is scored slice by slice, because its slices differ in size"
    assert metrics_record([score], "x", {}, VOLUMES)["notes"] == [score.note]
