"""The entries of a manifest."""

from __future__ import annotations

import json

from tests.train.sample_scans import LARGE, LIVER, label_reading_network, write_dataset
from train.data.dataset import DatasetFolder
from train.evaluation.evaluate import best_threshold, evaluate
from train.evaluation.protocol import Protocol
from train.evaluation.scans import LoadedSplit

SOLID = dict.fromkeys(range(4, 9), LARGE)


def val(slices):
    return {"split": "val", "slices": slices}


def test_the_manifest_entry_is_valid_json_with_distances_in_mm(tmp_path):
    folder = DatasetFolder.open(
        write_dataset(tmp_path / "d", {"a": val(SOLID), "b": val({0: LIVER})}, spacing=[2, 1, 1])
    )
    found = evaluate(LoadedSplit.load(folder, "val"), label_reading_network(), 1, Protocol())
    entry = found.entry()
    json.dumps(entry, allow_nan=False)
    assert set(entry) == {"dataset", "split", "protocol", "values"} and found.slices == 6
    assert entry["values"]["assd_mm"]["tumour"] == {"value": 0.0, "n": 1}
    assert entry["values"]["tumour_free_scans"]["tumour"] == {"value": 1, "n": 1, "false_positive_px": 0}
    assert (
        found.csv()
        .splitlines()[0]
        .startswith(
            "dataset,split,scan,liver_tp,liver_fp,liver_fn,liver_dice,tumour_tp,tumour_fp,tumour_fn,tumour_dice,"
        )
    )
    assert best_threshold(folder.load("val"), label_reading_network(sure=0.45), 1, (0.3, 0.4, 0.5)) in (
        0.3,
        0.4,
    )
