"""Reading the tables of candidates: scans without rows count, and left-open candidates do not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from liverseg.core.lesion_model import FEATURES
from train.data.dataset import DatasetFolder
from train.errors import TrainError
from train.evaluation.candidates import CANDIDATE_COLUMNS, REFERENCE_COLUMNS, CandidateTables, write_tables
from train.lesions.read import read_candidates


@pytest.fixture
def folder(tmp_path):
    """Val scans 3, 7, 8 and 9 of a dataset, two slices each, and the train scan 4."""
    place = tmp_path / "lits"
    place.mkdir()
    (place / "dataset.json").write_text(json.dumps({"name": "lits-26", "label_values": {}}))
    lines = [f"{s}-{k},{s},{k},{'train' if s == 4 else 'val'}" for s in (3, 4, 7, 8, 9) for k in (0, 2)]
    (place / "slices.csv").write_text("\n".join(["slice,scan,index,split", *lines]) + "\n")
    return DatasetFolder.open(place)


def _candidate(scan, number, real, mode="volume", index=0):
    row = {"dataset": "lits-26", "scan": scan, "fold": 0, "mode": mode, "index": index, "candidate": number}
    values = {name: 0.5 + 0.01 * k for k, name in enumerate(FEATURES)}
    return row | {"voxels": 9, **values, "real": real, "overlap": 0, "unknown": 0}


def _lesion(scan, number, touched, mode="volume", index=0):
    row = {"dataset": "lits-26", "scan": scan, "fold": 0, "mode": mode, "index": index, "lesion": number}
    return row | {"voxels": 4, "slices": 1, "touched_by": touched}


def test_a_table_comes_back(tmp_path, folder):
    candidates = [_candidate("3", 0, 1), _candidate("3", 1, 0), _candidate("7", 0, ""), _candidate("8", 0, 1)]
    candidates.append(_candidate("3", 0, 1, "slice", 2))
    lesions = [
        _lesion("3", 0, "0"),
        _lesion("8", 0, ""),
        _lesion("8", 1, "0"),
        _lesion("3", 0, "0", "slice", 2),
    ]
    assert set(candidates[0]) == set(CANDIDATE_COLUMNS) and set(lesions[0]) == set(REFERENCE_COLUMNS)
    path = tmp_path / "cv.csv"
    write_tables(path, CandidateTables(candidates, lesions))

    table = read_candidates(path, "volume", [folder])
    assert table.real.tolist() == [True, False, True]  # that of scan 7 is left open
    assert table.scan.tolist() == ["lits-26/3", "lits-26/3", "lits-26/8"]
    assert table.references == (("lits-26/3", (0,)), ("lits-26/8", ()), ("lits-26/8", (2,)))
    assert table.tumour_free == ("lits-26/7", "lits-26/9")
    assert table.groups["lits-26/7"] == table.groups["lits-26/8"] != table.groups["lits-26/3"]
    assert np.allclose(table.features["mean_probability"], 0.51)

    slices = read_candidates(path, "slice", [folder])
    assert slices.scans[:2] == ("lits-26/3/0", "lits-26/3/2") and len(slices.scans) == 8
    assert slices.references == (("lits-26/3/2", (0,)),)
    assert slices.groups["lits-26/3/0"] == slices.groups["lits-26/3/2"]


def test_other_files_and_other_scans_are_refused(tmp_path, folder):
    path = tmp_path / "cv.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(TrainError, match="is not a table"):
        read_candidates(path, "volume", [folder])
    write_tables(path, CandidateTables([_candidate("4", 0, 1)], []))
    with pytest.raises(TrainError, match="do not hold scan lits-26/4"):
        read_candidates(path, "volume", [folder])
