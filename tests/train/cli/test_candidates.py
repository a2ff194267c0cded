"""`python -m train candidates` for the runs of folds and for a single run."""

from __future__ import annotations

import csv
import json

import pytest

from tests.train.sample_scans import LARGE, LIVER, write_dataset
from tests.train.small_runs import save_untrained_run
from train.__main__ import main


def rows(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def fold_data(folder, name, held_out):
    """A fold folder whose val scan is `held_out`; no scan is trained on where `held_out` is None."""
    scans = {
        scan: {"split": "val" if scan == held_out else "train", "slices": {0: LARGE, 1: LIVER}}
        for scan in ("1", "2")
    }
    return write_dataset(folder, scans, name=name)


def test_every_scan_is_listed_by_the_run_that_did_not_see_it(tmp_path, capsys):
    folds = [fold_data(tmp_path / f"a{k}", "squares", scan) for k, scan in enumerate("21")]
    wide = [fold_data(tmp_path / f"w{k}", "wide", scan) for k, scan in enumerate(("2", None))]
    runs = [save_untrained_run(tmp_path / f"run{k}", data) for k, data in enumerate(folds)]
    out = tmp_path / "candidates.csv"
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"smoothing": {"sigma_mm": 2.0, "sigma_slices": 1.0}}))
    command = ["candidates", "--runs", *map(str, runs), "--fold-data", *map(str, [*folds, *wide])]
    assert main([*command, "--out", str(out), "--threshold", "0.2", "--rules", str(rules)]) == 0
    lesions = rows(tmp_path / "candidates-reference.csv")
    assert {(r["dataset"], r["scan"], r["fold"], r["mode"]) for r in lesions} == {
        (*scan, mode)
        for scan in (("squares", "2", "0"), ("squares", "1", "1"), ("wide", "2", "0"))
        for mode in ("volume", "slice")
    }
    assert len(rows(out)) > 0, "the untrained network finds tumours at a low threshold"
    assert "volume mode: " in capsys.readouterr().out

    assert main([*command[:3], str(runs[0]), *command[4:], "--out", str(out)]) == 1
    assert "trained on 1 of the scans that fold 1 holds out" in capsys.readouterr().err


def test_a_single_run_lists_a_split_in_one_mode(tmp_path):
    data = fold_data(tmp_path / "data", "squares", "1")
    run = save_untrained_run(tmp_path / "run", data)
    out = tmp_path / "out.csv"
    command = ["candidates", "--run", str(run), "--data", str(data), "--out", str(out), "--mode", "slice"]
    assert main(command) == 0
    found = rows(tmp_path / "out-reference.csv")
    assert {(r["scan"], r["mode"], r["fold"]) for r in found} == {("1", "slice", "")}


@pytest.mark.parametrize(
    "more, complaint",
    [
        (["--threshold", "1"], "between 0 and 1"),
        (["--fold-data", "x"], "--fold-data belongs to --runs"),
        (["--rules", "none.json"], "none.json cannot be read"),
    ],
)
def test_refusals_name_the_problem(tmp_path, capsys, more, complaint):
    data = fold_data(tmp_path / "data", "squares", "1")
    run = save_untrained_run(tmp_path / "run", data)
    out = tmp_path / "out.csv"
    assert main(["candidates", "--run", str(run), "--data", str(data), "--out", str(out), *more]) == 1
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1 and not out.exists()
