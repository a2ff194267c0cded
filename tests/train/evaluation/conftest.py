"""A scored dataset of squares that several tests share."""

from __future__ import annotations

import pytest

from tests.train.sample_scans import SCANS, label_reading_network, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation.protocol import Protocol
from train.evaluation.record import metrics_record
from train.evaluation.scans import scans_of
from train.evaluation.score_scan import score_scans


def misses_small_tumours(hu):
    """A predictor of the reference without tumours of fewer than 200 pixels in a slice."""
    found = label_reading_network(0.9)(hu)
    few = (found[:, 2] > 0.5).sum(axis=(1, 2)) < 200
    found[few, 1] += found[few, 2] * (found[few, 2] > 0.5)
    found[few, 2] *= found[few, 2] < 0.5
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares") / "data"
    return write_dataset(folder, SCANS, spacing={"1": [2, 1, 1], "2": [2, 1, 1], "3": None})


@pytest.fixture(scope="module")
def scores(data):
    return list(
        score_scans(
            scans_of(DatasetFolder.open(data), "val"), misses_small_tumours, 1, Protocol(), snapshots=True
        )
    )


@pytest.fixture(scope="module")
def found(scores):
    return metrics_record(scores, "squares@1", {"kind": "checkpoint"}, Protocol())
