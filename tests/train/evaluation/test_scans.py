"""The scans of a dataset and their spacing."""

from __future__ import annotations

import pytest

from tests.train.sample_scans import LARGE, LIVER, SMALL, write_dataset
from train.data.dataset import DatasetFolder
from train.errors import TrainError
from train.evaluation.scans import scan_names, scans_of, spacing_of


def val(slices):
    return {"split": "val", "slices": slices}


def test_scans_are_yielded_in_numerical_order(tmp_path):
    scans = {
        "10": val({0: LIVER}),
        "9": val({0: LARGE, 1: LARGE}),
        "t": {"split": "train", "slices": {0: SMALL}},
    }
    folder = DatasetFolder.open(write_dataset(tmp_path / "d", scans))
    assert scan_names(folder, "val") == ["9", "10"] and scan_names(folder) == ["9", "t", "10"]
    given = [(s.scan, s.split, len(s.slices.rows)) for s in scans_of(folder, None, only={"t", "9"})]
    assert given == [("9", "val", 2), ("t", "train", 1)]
    with pytest.raises(TrainError, match="no scans"):
        next(scans_of(folder, "test"))


@pytest.mark.parametrize("wrong", [{"a": [1, 2]}, {"a": [1, 0, 1]}, {"a": "1 mm"}, [1, 1]])
def test_an_invalid_spacing_is_refused(wrong):
    with pytest.raises(TrainError, match="three lengths"):
        spacing_of({"spacing_mm": wrong}, "a")
