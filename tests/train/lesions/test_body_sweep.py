"""The comparison of least body probabilities: its numbers are those of the bodies that are left."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.metrics import dice_global, mask_counts
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, SliceRow, SlicesInMemory
from train.data.intensity import Intensity
from train.evaluation.scans import ScanSlices
from train.lesions.body_sweep import sweep_rows, sweep_scan

SHAPE = (3, 64, 64)


class _Network:
    """Stands for a segmenter: gives the probabilities of one slice after the other."""

    def __init__(self, organ):
        self.slices = iter(organ)

    def segment(self, ct):
        assert ct.kind == "slice"
        organ = next(self.slices)[None]
        labels = (organ >= 0.5).astype(np.uint8)
        return type("Seg", (), {"organ_probability": organ, "labels": labels})()


def test_rows_count_what_is_left():
    truth = np.zeros(SHAPE, bool)
    truth[0, 10:50, 10:50] = truth[1, 30:34, 30:34] = True
    organ = np.where(truth, np.float32(0.95), np.float32(0.0))
    organ[1] *= 0.75 / 0.95  # a small part of the liver that the network is less sure of
    organ[0, 55:60, 55:60] = 0.6  # false liver beside the liver
    organ[2, 5:15, 5:15] = 0.65  # false liver in a slice without liver
    labels = np.where(truth, LIVER_BIT, BACKGROUND_BIT).astype(np.uint8)
    rows = tuple(SliceRow(f"s{k}", "3", k, "val") for k in range(3))
    intensity = Intensity.from_json({"kind": "window", "center_hu": 60, "width_hu": 200, "bits": 8})
    greys = [np.full(SHAPE[1:], 100, np.uint8)] * 3
    slices = SlicesInMemory("lits-26", intensity, rows, greys, list(labels))
    scan = ScanSlices("lits-26", "val", "3", slices, tuple(range(3)), None)

    found = sweep_rows([sweep_scan(scan, _Network(organ), [0.0, 0.7, 0.9])])
    assert [row["with_false_liver"] for row in found] == [1, 0, 0]
    assert [row["without_any"] for row in found] == [0, 0, 1]
    assert all(row["liver_free_slices"] == 1 and row["liver_slices"] == 2 for row in found)
    assert [row["liver_kept"] for row in found] == [1.0, 1.0, pytest.approx(1600 / 1616, abs=1e-5)]
    left = [organ >= 0.5, truth, truth & (np.arange(3) == 0)[:, None, None]]
    for row, mask in zip(found, left, strict=True):
        assert row["liver_pooled"] == pytest.approx(dice_global([mask_counts(mask, truth)]), abs=1e-4)
