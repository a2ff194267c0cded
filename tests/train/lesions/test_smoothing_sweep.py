"""The comparison of smoothing widths: its numbers are those of the smoothed probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.metrics import dice_global, mask_counts
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT, SliceRow, SlicesInMemory
from train.data.intensity import Intensity
from train.evaluation.scans import ScanSlices
from train.lesions.smoothing_sweep import sweep_rows, sweep_scan

SHAPE = (6, 64, 64)


class _Network:
    """Stands for a segmenter: gives probabilities that are known."""

    def __init__(self, organ, tumour):
        self.organ, self.tumour = organ, tumour

    def segment(self, ct):
        assert ct.shape == SHAPE and ct.kind == "volume"
        return type("Seg", (), {"organ_probability": self.organ, "tumour_probability": self.tumour})()


@pytest.fixture
def scan():
    """A liver in slices 1 to 4 with one tumour in slices 2 and 3."""
    labels = np.full(SHAPE, BACKGROUND_BIT, np.uint8)
    labels[1:5, 10:50, 10:50] = LIVER_BIT
    labels[2:4, 20:30, 20:30] = TUMOUR_BIT
    rows = tuple(SliceRow(f"s{k}", "3", k, "val") for k in range(6))
    intensity = Intensity.from_json({"kind": "window", "center_hu": 60, "width_hu": 200, "bits": 8})
    greys = [np.full(SHAPE[1:], 100, np.uint8)] * 6
    slices = SlicesInMemory("lits-26", intensity, rows, greys, list(labels))
    return ScanSlices("lits-26", "val", "3", slices, tuple(range(6)), None)


def test_noise_in_one_slice_is_smoothed_away(scan):
    organ = np.zeros(SHAPE, np.float32)
    organ[1:5, 10:50, 10:50] = 0.95
    tumour = np.zeros(SHAPE, np.float32)
    tumour[2:4, 20:30, 20:30] = 0.9
    tumour[1, 40:44, 40:44] = 0.6  # in one slice only
    results = sweep_scan(scan, _Network(organ, tumour), [0.0, 0.85], [0.5])
    rows = {row["sigma_slices"]: row for row in sweep_rows([results])}
    assert (rows[0.0]["predicted"], rows[0.0]["false"], rows[0.0]["found"]) == (2, 1, 1)
    assert (rows[0.85]["predicted"], rows[0.85]["false"], rows[0.85]["found"]) == (1, 0, 1)
    predicted = tumour >= 0.5
    truth = np.zeros(SHAPE, bool)
    truth[2:4, 20:30, 20:30] = True
    assert rows[0.0]["tumour_pooled"] == pytest.approx(dice_global([mask_counts(predicted, truth)]), abs=1e-4)
    assert rows[0.0]["liver_pooled"] == 1.0
    assert tumour.max() == pytest.approx(0.9)  # the network's own probabilities are not changed


def test_rows_sum_over_scans(scan):
    whole = np.zeros(SHAPE, np.float32)
    whole[1:5, 10:50, 10:50] = 0.9
    results = sweep_scan(scan, _Network(whole, np.zeros(SHAPE, np.float32)), [0.0], [0.3, 0.5])
    rows = sweep_rows([results, results])
    assert [(row["threshold"], row["scans"], row["lesions"], row["found"]) for row in rows] == [
        (0.3, 2, 2, 0),
        (0.5, 2, 2, 0),
    ]
    assert rows[0]["tumour_pooled"] == 0.0
