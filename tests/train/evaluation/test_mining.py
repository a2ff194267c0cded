"""False livers and false tumours: which pixels count, their middle, and which scans may be mined."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from tests.train.sample_scans import EMPTY, LIVER, SMALL, box, label_reading_network, write_dataset
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError
from train.evaluation.mining import false_liver, false_tumours, middle_of_largest, mine, training_side
from train.evaluation.models import Model

BITS = np.array([BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT], np.uint8)


def test_false_liver_counts_in_slices_without_liver_only():
    predicted = box((10, 14), (10, 15), 1, box((40, 42), (40, 42), 2))
    assert false_liver(predicted, BITS[EMPTY]).sum() == 4 * 5 + 2 * 2
    assert not false_liver(predicted, BITS[box((0, 1), (0, 1), 1)]).any()
    unknown = BITS[EMPTY]
    unknown[10:12] = BACKGROUND_BIT | LIVER_BIT
    assert false_liver(predicted, unknown).sum() == 2 * 5 + 2 * 2


def test_a_tumour_that_meets_a_labelled_one_is_not_false():
    truth = box((30, 36), (20, 26), 2, LIVER)
    predicted = box((26, 40), (20, 26), 2, LIVER)  # reaches beyond the labelled tumour
    assert not false_tumours(predicted, BITS[truth]).any()
    predicted = box((12, 15), (12, 16), 2, predicted)
    predicted[15, 16] = 2  # touches it at a corner
    assert false_tumours(predicted, BITS[truth]).sum() == 3 * 4 + 1
    assert not false_tumours(predicted, np.full_like(truth, ORGAN_BITS)).any(), "may be tumour everywhere"


def test_the_middle_of_the_largest_component_lies_in_it():
    assert middle_of_largest(np.zeros((8, 8), bool)) is None
    mask = np.zeros((40, 40), bool)
    mask[2:5, 2:5] = True
    mask[10:21, 20:31] = True
    assert middle_of_largest(mask) == (15, 25)
    mask[12:19, 22:29] = False  # a ring: its centroid lies outside
    row, column = middle_of_largest(mask)
    assert mask[row, column] and abs(row - 15) <= 5 and abs(column - 25) <= 5


def test_slices_of_training_scans_are_mined(tmp_path):
    """The network reads the greys, so changed labels make what it finds false."""
    scans = {
        "4": {"split": "train", "slices": {0: LIVER, 1: SMALL}},
        "5": {"split": "val", "slices": {0: LIVER}},
    }
    folder = write_dataset(tmp_path / "squares", scans)
    cv2.imwrite(str(folder / "labels" / "4_000.png"), EMPTY)
    cv2.imwrite(str(folder / "labels" / "4_001.png"), LIVER)
    model = Model("reader", label_reading_network(0.9), 1, 0.5, {})
    ((first, second),) = mine(DatasetFolder.open(folder), ["4"], model, 0.5)
    assert (first.slice, first.scan, first.index) == ("4_000", "4", 0)
    assert (first.false_liver_px, first.false_tumour_px) == ((LIVER > 0).sum(), 0)
    assert (second.false_liver_px, second.false_tumour_px) == (0, 36)
    assert 32 <= second.row <= 33 and 22 <= second.column <= 23
    assert abs(first.row - 29.5) < 1 and abs(first.column - 27.5) < 1


def settings_of(scored, **more):
    return {"data": [[str(scored), 1.0, 0.0]], "validation": "", **more}


def test_scans_that_a_run_is_scored_on_are_not_of_its_training_side(tmp_path):
    scans = {str(n): {"split": "val" if n == 5 else "train", "slices": {0: SMALL}} for n in range(1, 6)}
    folder = write_dataset(tmp_path / "a", scans, name="lits-5")
    wide = write_dataset(tmp_path / "b", {**scans, "6": scans["1"]}, name="lits-wide-6")
    other = write_dataset(tmp_path / "c", scans, name="others")
    opened = {path: DatasetFolder.open(path) for path in (folder, wide, other)}
    assert training_side(opened[folder], settings_of(folder), "run") == ["1", "2", "3", "4"]
    assert training_side(opened[folder], {"data": ()}, "checkpoint") == ["1", "2", "3", "4"]
    first = training_side(opened[folder], settings_of(folder, folds=3, fold=1), "run")
    second = training_side(opened[folder], settings_of(folder, folds=3, fold=2), "run")
    assert sorted(set(first) & set(second)) == ["5"] and set(first) | set(second) == set(scans)
    held_out = set(scans) - set(first)
    in_wide = training_side(opened[wide], settings_of(folder, folds=3, fold=1), "run")
    assert set(in_wide) == {"1", "2", "3", "4", "6"} - held_out
    assert training_side(opened[other], settings_of(folder, folds=3, fold=1), "run") == ["1", "2", "3", "4"]
    (folder / "dataset.json").write_text(json.dumps({"name": "gone"}))
    (folder / "slices.csv").unlink()
    with pytest.raises(TrainError, match="scans that run was scored on are not known"):
        training_side(opened[wide], settings_of(folder), "run")
