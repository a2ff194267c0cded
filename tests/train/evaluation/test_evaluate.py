"""The entries of a manifest."""

from __future__ import annotations

import json

import numpy as np

from tests.train.sample_scans import (
    EMPTY,
    LARGE,
    LIVER,
    label_reading_network,
    reading_segmenter,
    write_dataset,
)
from train.data.dataset import DatasetFolder
from train.evaluation.evaluate import best_threshold, evaluate, has_volumes
from train.evaluation.models import Model
from train.evaluation.protocol import Protocol
from train.evaluation.scans import LoadedSplit

SOLID = dict.fromkeys(range(4, 9), LARGE)


def val(slices):
    return {"split": "val", "slices": slices}


def test_the_manifest_entry_is_valid_json_with_distances_in_mm(tmp_path):
    folder = DatasetFolder.open(
        write_dataset(tmp_path / "d", {"a": val(SOLID), "b": val({0: LIVER})}, spacing=[2, 1, 1])
    )
    split = LoadedSplit.load(folder, "val")
    model = Model("reader", label_reading_network(), 1, 0.5, {}, reading_segmenter())
    found = evaluate(split, model, Protocol())
    entry = found.entry()
    json.dumps(entry, allow_nan=False)
    assert set(entry) == {"dataset", "split", "protocol", "mode", "values"} and found.slices == 6
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


def test_volumes_have_an_entry_of_their_own(tmp_path):
    apart = {0: np.pad(LARGE, ((0, 64), (0, 0))), 1: np.pad(EMPTY, ((0, 64), (0, 0)))}
    apart[0][100:110, 10:20] = 1  # a second body, which the labels call liver and volume mode removes
    folder = DatasetFolder.open(write_dataset(tmp_path / "d", {"a": val(apart), "b": val({0: LIVER})}))
    split = LoadedSplit.load(folder, "val")
    model = Model("reader", label_reading_network(0.9), 1, 0.5, {}, reading_segmenter())
    slices, volumes = (
        evaluate(split, model, Protocol(mode=mode), "a note").entry() for mode in ("slice", "volume")
    )
    assert has_volumes(split) and (slices["mode"], volumes["mode"]) == ("slice", "volume")
    assert slices["protocol"].endswith("slices alone; 3 slices; a note")
    assert volumes["protocol"].startswith("volumes: all slices of a scan segmented together")
    assert volumes["protocol"].endswith("3 slices; 1 scans are no volume and scored slice by slice; a note")
    assert slices["values"]["recall_global"]["liver"]["value"] == 1
    assert volumes["values"]["recall_global"]["liver"]["value"] == round(3200 / 3300, 4)
    for entry in (slices, volumes):
        assert entry["values"]["liver_free_slices"]["liver"] | {"interval_95": None} == {
            "value": 0.0, "n": 1, "with_false_liver": 0, "false_positive_px": 0, "interval_95": None,
        }  # fmt: skip
        assert entry["values"]["false_lesions_per_scan"]["tumour"]["value"] == 0
        assert entry["values"]["lesion_recall_any_overlap"]["tumour"]["value"] == 1
