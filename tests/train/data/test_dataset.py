"""Dataset folders: splits, label bits, neighbours."""

import numpy as np
import pytest

from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, ORGAN_BITS, TUMOUR_BIT, DatasetFolder
from train.errors import TrainError


def test_a_split_has_its_scans_and_labels_become_bits(discs):
    train, val = discs.load("train"), discs.load("val")
    assert {row.scan for row in train.rows} == {"0", "1"} and {row.scan for row in val.rows} == {"2"}
    assert set(np.unique(train.labels[1])) == {BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT}
    assert train.shows_tumour.tolist() == [False, True, True, False] + [False] * 4
    assert train.shows_organ.tolist() == [False, True, True, False] * 2
    assert {scan: positions.tolist() for scan, positions in train.by_scan.items()} == {
        "0": [0, 1, 2, 3],
        "1": [4, 5, 6, 7],
    }


def test_neighbours_stay_in_the_scan(discs):
    train = discs.load("train")
    assert [train.neighbour(3, offset) for offset in (-1, 0, 1)] == [2, 3, 3]
    assert [train.neighbour(4, offset) for offset in (-2, -1, 1, 2)] == [4, 4, 5, 6]


def test_partial_labels_and_unlisted_values_have_several_bits(tmp_path, write_discs):
    dataset = write_discs(tmp_path / "partial", label_values={"0": ["background"], "1": ["liver", "tumour"]})
    bits = dataset.load("train").labels[1]
    assert bits[48, 20] == ORGAN_BITS
    assert bits[50, 44] == BACKGROUND_BIT | ORGAN_BITS  # value 2 is not in label_values


def test_a_folder_without_a_dataset_and_an_empty_split_are_refused(tmp_path, discs):
    with pytest.raises(TrainError, match="not a dataset"):
        DatasetFolder.open(tmp_path)
    with pytest.raises(TrainError, match="no slices of the split 'test'"):
        discs.load("test")
