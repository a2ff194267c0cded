"""Cross-validation through its command."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import save_untrained_run
from train.__main__ import main
from train.data.dataset import DatasetFolder
from train.data.folds import dataset_folds
from train.errors import TrainError
from train.evaluation.crossvalidation import check_held_out


def fold_folder(path, held):
    scans = {name: about | {"split": "val" if name in held else "train"} for name, about in SCANS.items()}
    return write_dataset(path, scans)


@pytest.fixture
def fold_folders(tmp_path):
    return [fold_folder(tmp_path / f"d{k}", held) for k, held in enumerate(({"1", "4"}, {"2", "3", "5"}))]


def test_every_scan_is_scored_by_the_run_of_its_fold(fold_folders, tmp_path):
    runs = [save_untrained_run(tmp_path / f"run{k}", folder) for k, folder in enumerate(fold_folders)]
    command = ["crossvalidate", "--runs", *map(str, runs), "--fold-data", *map(str, fold_folders)]
    assert main([*command, "--mode", "slice", "--out", str(tmp_path / "cv")]) == 0
    rows = list(csv.DictReader((tmp_path / "cv" / "metrics.csv").open()))
    assert {row["scan"]: row["fold"] for row in rows} == {"1": "0", "4": "0", "2": "1", "3": "1", "5": "1"}
    found = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    assert found["n"]["scans"] == 5 and [fold["n"]["scans"] for fold in found["folds"]] == [2, 3]
    assert [fold["checkpoint"] for fold in found["folds"]] == ["run0", "run1"]
    assert found["split"] == "cross-validation, 2 folds" and found["protocol"]["threshold"] == 0.5
    assert (tmp_path / "cv" / "plots.png").exists() and "run0, run1" in (
        tmp_path / "cv" / "metrics.md"
    ).read_text()


def test_a_run_trained_on_its_fold_directly_or_through_its_start_is_refused(fold_folders, tmp_path, capsys):
    first, second = fold_folders
    runs = [save_untrained_run(tmp_path / "a", first), save_untrained_run(tmp_path / "b", first)]
    command = ["crossvalidate", "--out", str(tmp_path / "cv"), "--fold-data", str(first), str(second)]
    assert main([*command, "--runs", *map(str, runs)]) == 1
    assert "b was trained on 3 of the scans that fold 1 holds out (scan 2)" in capsys.readouterr().err
    started = save_untrained_run(tmp_path / "c", second, init=str(runs[0]))
    assert main([*command, "--runs", str(runs[0]), str(started)]) == 1
    assert "c was trained on 3 of the scans" in capsys.readouterr().err
    gone = save_untrained_run(tmp_path / "d", tmp_path / "moved")
    assert main([*command, "--runs", str(runs[0]), str(gone)]) == 1
    assert "cannot be checked" in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


def test_mismatched_fold_folders_are_refused(fold_folders, tmp_path, capsys):
    run = str(save_untrained_run(tmp_path / "a", fold_folders[0]))
    command = ["crossvalidate", "--out", str(tmp_path / "cv"), "--fold-data"]
    first = str(fold_folders[0])
    assert main([*command, *map(str, fold_folders), "--runs", run]) == 1
    assert main([*command, first, first, "--runs", run, run]) == 1
    assert "Scan 1 is held out by several folds" in capsys.readouterr().err


def test_runs_with_folds_in_their_settings_need_one_dataset(data, tmp_path, capsys):
    dealt = dataset_folds(DatasetFolder.open(data), 2)
    runs = [str(save_untrained_run(tmp_path / f"f{k}", data, folds=2, fold=k)) for k in (1, 0)]
    command = ["crossvalidate", "--data", str(data), "--mode", "slice", "--out", str(tmp_path / "cv")]
    command.append("--folds")
    assert main([*command, "2", "--runs", *runs]) == 0
    rows = csv.DictReader((tmp_path / "cv" / "metrics.csv").open())
    assert {row["scan"]: row["fold"] for row in rows} == {
        scan: str(number) for number, fold in enumerate(dealt) for scan in fold
    }
    assert main([*command, "3", "--runs", *runs]) == 1
    assert "was not trained for one of 3 folds" in capsys.readouterr().err
    assert main([*command, "2", "--runs", runs[0], runs[0]]) == 1
    assert "one run for each of the folds 0 to 1" in capsys.readouterr().err
    together = tmp_path / "groups.csv"  # another group puts a scan of fold 1 into fold 0
    moved = min(dealt[1])
    together.write_text("scan,group\n" + "".join(f"{scan},one\n" for scan in [moved, min(dealt[0])]))
    other = save_untrained_run(tmp_path / "g", data, folds=2, fold=0, groups=str(together))
    assert main([*command, "2", "--runs", runs[0], str(other)]) == 1
    assert "group" in capsys.readouterr().err
    lost = save_untrained_run(tmp_path / "h", data, folds=2, fold=0, groups=str(tmp_path / "none.csv"))
    assert main([*command, "2", "--runs", runs[0], str(lost)]) == 1
    assert "not a CSV file with the columns scan and group" in capsys.readouterr().err


BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"


def test_a_run_from_a_checkpoint_trained_on_the_dataset_is_refused():
    fold = SimpleNamespace(run=BUNDLED / "segformer-b0", folder=SimpleNamespace(name="lits-26"), number=0)
    with pytest.raises(TrainError, match="trained on scans of lits-26"):
        check_held_out(fold)


def test_a_scan_of_several_datasets_counts_in_the_first_one(tmp_path):
    first = [fold_folder(tmp_path / f"d{k}", held) for k, held in enumerate(({"1", "4"}, {"2", "3", "5"}))]
    wide = []
    for k, held in enumerate((set(), {"2", "6"})):
        scans = {"2": SCANS["2"], "6": SCANS["1"], "4": SCANS["4"]}
        scans = {name: about | {"split": "val" if name in held else "train"} for name, about in scans.items()}
        wide.append(write_dataset(tmp_path / f"w{k}", scans, name="wide"))
    runs = [save_untrained_run(tmp_path / f"run{k}", folder) for k, folder in enumerate(first)]
    command = ["crossvalidate", "--runs", *map(str, runs), "--fold-data", *map(str, [*first, *wide])]
    assert main([*command, "--out", str(tmp_path / "cv")]) == 0
    for name in ("metrics.csv", "metrics-volumes.csv"):
        rows = list(csv.DictReader((tmp_path / "cv" / name).open()))
        assert {(row["dataset"], row["scan"]): row["fold"] for row in rows} == {
            ("squares", "1"): "0", ("squares", "4"): "0", ("squares", "2"): "1", ("squares", "3"): "1",
            ("squares", "5"): "1", ("wide", "6"): "1",
        }  # fmt: skip
    found = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    assert found["dataset"] == "squares+wide" and found["mode"] == "slice"
    assert [len(fold["scans_held_out"]) for fold in found["folds"]] == [2, 4]
    volumes = found["volumes"]
    assert volumes["mode"] == "volume" and [fold["n"]["scans"] for fold in volumes["folds"]] == [2, 4]
    assert volumes["notes"] == ["Scan 5 is scored slice by slice, because it has a single slice"]


def test_a_scan_trained_on_under_the_name_of_another_dataset_is_refused(fold_folders, tmp_path, capsys):
    runs = [save_untrained_run(tmp_path / f"run{k}", folder) for k, folder in enumerate(fold_folders)]
    wide = []
    for k, held in enumerate(("2", "9")):  # run 0 is trained on scan 2 of the squares
        scans = {name: SCANS["1"] | {"split": "val" if name == held else "train"} for name in ("2", "9")}
        wide.append(write_dataset(tmp_path / f"w{k}", scans, name="wide"))
    command = ["crossvalidate", "--runs", *map(str, runs), "--out", str(tmp_path / "cv"), "--fold-data"]
    assert main([*command, *map(str, [*wide, *fold_folders])]) == 1
    assert "run0 was trained on 1 of the scans that fold 0 holds out (scan 2)" in capsys.readouterr().err
