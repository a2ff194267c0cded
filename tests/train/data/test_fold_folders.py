"""Folds of several datasets of the same scans, as dataset folders."""

import json

import pytest

from train.data.dataset import DatasetFolder
from train.data.fold_folders import joint_folds, write_fold_folders
from train.data.folds import dataset_folds
from train.errors import TrainError


def _dataset(folder, name, scans):
    """A dataset without pictures: `scans` maps a scan to its split; each has two slices."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    about = {"name": name, "label_values": {"0": ["background"]}, "intensity": None}
    (folder / "dataset.json").write_text(json.dumps(about))
    lines = [f"volume-{s}_{k},{s},{k},{split},{k}" for s, split in scans.items() for k in range(2)]
    (folder / "slices.csv").write_text("\n".join(["slice,scan,index,split,tumour_px", *lines]) + "\n")
    return DatasetFolder.open(folder)


@pytest.fixture
def two(tmp_path):
    train = ("3", "4", "7", "8", "14", "15", "18", "29")
    first = _dataset(tmp_path / "lits", "lits-26", dict.fromkeys(train, "train") | {"5": "val", "22": "val"})
    wide = {"1": "train", "2": "train", "6": "train", "3": "train", "5": "val", "7": "train", "12": "train"}
    return first, _dataset(tmp_path / "wide", "lits-wide", wide)


def test_a_scan_of_both_datasets_is_in_one_fold(two):
    folds = joint_folds(two, 3)
    assert [
        fold & {"3", "4", "5", "7", "8", "14", "15", "18", "22", "29"} for fold in folds
    ] == dataset_folds(two[0], 3)
    assert folds[0] == {"5", "22"}
    assert sum(map(len, folds)) == len(set().union(*folds)) == 14  # 10, and 1, 2, 6, 12
    assert next(fold for fold in folds if "12" in fold) >= {"7", "8", "12"}  # one group
    assert not {"1", "6"} & next(fold for fold in folds if "2" in fold)  # each joined the smaller fold


def test_folders_differ_in_the_split_only(two, tmp_path):
    folds = joint_folds(two, 3)
    places = write_fold_folders(two, folds, tmp_path / "out")
    for place, fold in zip(places, folds, strict=True):
        for source in two:
            copy = DatasetFolder.open(place / source.folder.name)
            assert (copy.folder / "images").resolve() == (source.folder / "images").resolve()
            assert copy.about == source.about and len(copy.rows) == len(source.rows)
            for row, own in zip(copy.rows, source.rows, strict=True):
                assert (row.name, row.index, row.tumour_px) == (own.name, own.index, own.tumour_px)
                assert row.split == ("val" if row.scan in fold else "train")
    with pytest.raises(TrainError, match="exists already"):
        write_fold_folders(two, folds, tmp_path / "out")


def test_a_scan_in_two_splits_is_refused(two, tmp_path):
    other = _dataset(tmp_path / "other", "lits-other", {"5": "train", "1": "val"})
    with pytest.raises(TrainError, match="another split"):
        joint_folds([two[0], other], 3)
