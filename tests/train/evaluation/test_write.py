"""What an evaluation writes: tables, metrics.json, plots, overlays; the commands; cross-validation."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
import torch

from liverseg.rendering.colours import FIRST_RGB, SECOND_RGB
from tests.train.sample_scans import LARGE, LIVER, SHAPE, SMALL, box, reads_the_labels, write_dataset
from train.__main__ import main
from train.data.dataset import DatasetFolder
from train.data.folds import dataset_folds
from train.evaluation.overlays import chosen
from train.evaluation.protocol import Protocol
from train.evaluation.record import record
from train.evaluation.scans import scans_of
from train.evaluation.score_scan import score_scans
from train.evaluation.tables import COLUMNS, csv_table, markdown
from train.evaluation.write import to_json, write
from train.models import build

EMPTY = np.zeros(SHAPE, np.uint8)
SCANS = {
    "1": {"split": "val", "slices": dict.fromkeys(range(4), LARGE)},
    "2": {"split": "val", "slices": {0: SMALL, 3: box((40, 46), (30, 40), 2, SMALL)}},
    "3": {"split": "val", "slices": {0: LIVER, 1: EMPTY}},
    "4": {"split": "train", "slices": {0: LARGE, 1: LIVER}},
    "5": {"split": "train", "slices": {0: SMALL}},
}
TODAYS_COLUMNS = [
    *("dataset", "split", "scan"),
    *(f"{s}_{c}" for s in ("liver", "tumour") for c in ("tp", "fp", "fn", "dice")),
]


def sees_only_large(hu):
    """The reference, with small tumours missed: those of fewer than 200 pixels."""
    found = reads_the_labels(0.9)(hu)
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
        score_scans(scans_of(DatasetFolder.open(data), "val"), sees_only_large, 1, Protocol(), snapshots=True)
    )


@pytest.fixture(scope="module")
def found(scores):
    return record(scores, "squares@1", {"kind": "checkpoint"}, Protocol())


def test_the_record_is_plain_json_with_its_promised_keys(found):
    again = json.loads(to_json(found))
    assert {
        *(
            "schema",
            "checkpoint",
            "model",
            "dataset",
            "split",
            "protocol",
            "n",
            "summary",
            "cases",
            "lesions",
        ),
        *("first_project", "sweep", "calibration", "scans"),
    } == set(again)
    assert again["n"] == {"scans": 3, "slices": 8, "with_liver": 3, "with_tumour": 2}
    assert [line["scan"] for line in again["scans"]] == ["1", "2", "3"]
    assert again["summary"]["tumour"]["dice_per_case"]["value"] == 0.5
    assert len(again["summary"]["tumour"]["dice_global"]["interval_95"]) == 2
    assert set(again["protocol"]["texts"]) >= {"counting", "empty_masks", "distances", "lesions"}


def test_lesions_are_listed_by_size_in_the_unit_that_is_known(found):
    sizes = found["lesions"]["overlap_50"]
    assert set(sizes) == {
        "all", "under_10_mm", "10_to_20_mm", "over_20_mm", "under_10_px", "10_to_20_px", "over_20_px",
    }  # fmt: skip
    assert (sizes["over_20_mm"]["reference_lesions"], sizes["over_20_mm"]["recall"]["value"]) == (1, 1)
    assert sizes["under_10_mm"]["recall"]["value"] == 0 and sizes["under_10_px"]["recall"]["value"] is None
    assert found["summary"]["tumour"]["lesion_recall"]["value"] == 1 / 4


def test_the_table_has_a_row_a_scan_and_begins_with_the_columns_of_old(scores):
    rows = list(csv.DictReader(csv_table(scores).splitlines()))
    assert list(rows[0])[: len(TODAYS_COLUMNS)] == TODAYS_COLUMNS and list(rows[0]) == COLUMNS
    assert [row["scan"] for row in rows] == ["1", "2", "3"]
    assert (
        rows[0]["tumour_dice"] == "1.0000"
        and rows[1]["tumour_dice"] == "0.0000"
        and rows[2]["tumour_dice"] == ""
    )
    assert rows[0]["tumour_assd_mm"] == "0.0000" and rows[0]["tumour_assd_2d_px"] == ""
    assert rows[1]["distances_in"] == "2d_mm" and rows[2]["spacing_row_mm"] == ""
    assert rows[1]["tumour_lesions_overlap_50_reference"] == "3" and rows[2]["burden_reference"] == "0.0000"


def test_the_page_to_paste_has_the_headlines_with_intervals_and_n(found):
    text = markdown(found)
    assert "| Dice, mean over scans | 1.000 [1.000, 1.000] (n = 3) | 0.500 [0.000, 1.000] (n = 2) |" in text
    assert "| ASSD, mm (3D) |" in text and "| over 20 mm | 1 | 1.000" in text
    assert "first project's protocol" in text and "nan" not in text and "None" not in text


def test_scans_are_chosen_by_tumour_and_those_without_by_liver(scores):
    picked = {name: score.scan for name, score in chosen(scores).items()}
    assert picked == {"tumour-best": "1", "tumour-worst": "2", "liver-best": "3"}


def test_the_folder_holds_tables_plots_and_overlays(scores, found, tmp_path):
    (tmp_path / "overlays").mkdir()
    (tmp_path / "overlays" / "old.png").write_bytes(b"")
    write(tmp_path, scores, found)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("metrics.csv", "metrics.json", "metrics.md", "plots.png", "overlays"),
    }
    assert {path.name for path in (tmp_path / "overlays").iterdir()} == {
        *("tumour-best_scan-1.png", "tumour-worst_scan-2.png", "liver-best_scan-3.png"),
    }
    page = cv2.imread(str(tmp_path / "plots.png"))
    assert page.shape[0] > 800 and page.shape[1] > 1200 and (page < 250).any(axis=-1).mean() > 0.02
    strip = cv2.imread(str(tmp_path / "overlays" / "tumour-worst_scan-2.png"))[..., ::-1].astype(int)
    for colour in (FIRST_RGB, SECOND_RGB):
        assert (np.abs(strip - colour) < 30).all(axis=-1).sum() > 50


def test_a_page_is_drawn_where_labels_tell_little(tmp_path):
    tumour_only = {"0": ["background", "liver"], "1": ["background", "liver"], "2": ["background", "liver"]}
    folder = write_dataset(tmp_path / "d", {"1": SCANS["3"]}, label_values=tumour_only)
    scores = list(
        score_scans(scans_of(DatasetFolder.open(folder), "val"), reads_the_labels(), 1, Protocol(), True)
    )
    write(tmp_path / "out", scores, record(scores, "x", {}, Protocol()))
    assert (tmp_path / "out" / "plots.png").stat().st_size > 10_000


def save_run(folder, data, **settings):
    """A run folder as `fit` leaves it, untrained."""
    folder.mkdir()
    torch.manual_seed(0)
    fit = {
        "data": [[str(data), 1.0, 0.0]],
        "architecture": "segformer-b0",
        "decoder_width": 32,
        "init": None,
        "window": [40.0, 400.0],
        "working_size": 64,
        "context_slices": 3,
        "validation": "",
        "seed": 1,
    } | settings
    weights = build("segformer-b0", decoder_width=32).state_dict()
    torch.save({"weights": weights, "settings": fit, "seen": 16, "scores": {}}, folder / "best.pt")
    return folder


def test_a_run_is_evaluated_without_a_checkpoint(data, tmp_path, capsys):
    run = save_run(tmp_path / "mine", data)
    arguments = ["evaluate", "--run", str(run), "--data", str(data), "--threshold", "0.4", "--tta", "flips"]
    assert (
        main([*arguments, "--out", str(tmp_path / "out"), "--csv", str(tmp_path / "rows.csv"), "--alone"])
        == 0
    )
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (
        found["checkpoint"] == "mine"
        and found["model"]["working_size"] == 64
        and found["model"]["weights"] == "best.pt"
    )
    assert (
        found["protocol"]["flips"]
        and not found["protocol"]["context"]
        and found["protocol"]["threshold"] == 0.4
    )
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 4
    assert str(tmp_path) not in (tmp_path / "out" / "metrics.json").read_text()
    capsys.readouterr()
    assert main([*arguments, "--working-size", "96", "--context-slices", "1"]) == 0
    assert set(json.loads(capsys.readouterr().out)["values"]) >= {"dice_global", "dice_per_case", "voe"}


def test_refusals_say_what_is_wrong(data, tmp_path, capsys):
    assert main(["evaluate", "--checkpoint", "none-such", "--data", str(data)]) == 1
    assert main(["evaluate", "segformer-b0", "--data", str(data), "--working-size", "64"]) == 1
    assert "options of --run" in capsys.readouterr().err
    run = save_run(tmp_path / "run", data)
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--split", "test"]) == 1
    assert "no scans of the split 'test'" in capsys.readouterr().err
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--threshold", "0"]) == 1
    (tmp_path / "file").write_text("in the way")
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--out", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main(["evaluate", "--data", str(data)])
    assert usage.value.code == 2


def fold_folder(path, held):
    scans = {name: about | {"split": "val" if name in held else "train"} for name, about in SCANS.items()}
    return write_dataset(path, scans)


@pytest.fixture
def fold_folders(tmp_path):
    return [fold_folder(tmp_path / f"d{k}", held) for k, held in enumerate(({"1", "4"}, {"2", "3", "5"}))]


def test_every_scan_is_scored_by_the_run_that_held_it_out(fold_folders, tmp_path):
    runs = [save_run(tmp_path / f"run{k}", folder) for k, folder in enumerate(fold_folders)]
    command = ["crossvalidate", "--runs", *map(str, runs), "--fold-data", *map(str, fold_folders)]
    assert main([*command, "--out", str(tmp_path / "cv")]) == 0
    rows = list(csv.DictReader((tmp_path / "cv" / "metrics.csv").open()))
    assert {row["scan"]: row["fold"] for row in rows} == {"1": "0", "4": "0", "2": "1", "3": "1", "5": "1"}
    found = json.loads((tmp_path / "cv" / "metrics.json").read_text())
    assert found["n"]["scans"] == 5 and [fold["n"]["scans"] for fold in found["folds"]] == [2, 3]
    assert [fold["checkpoint"] for fold in found["folds"]] == ["run0", "run1"]
    assert found["split"] == "cross-validation, 2 folds" and found["protocol"]["threshold"] == 0.5
    assert (tmp_path / "cv" / "plots.png").exists() and "run0, run1" in (
        tmp_path / "cv" / "metrics.md"
    ).read_text()


def test_a_run_that_saw_its_fold_is_refused_even_through_the_run_it_began_with(
    fold_folders, tmp_path, capsys
):
    first, second = fold_folders
    runs = [save_run(tmp_path / "a", first), save_run(tmp_path / "b", first)]
    command = ["crossvalidate", "--out", str(tmp_path / "cv"), "--fold-data", str(first), str(second)]
    assert main([*command, "--runs", *map(str, runs)]) == 1
    assert "b was trained on 3 of the scans that fold 1 holds out (scan 2)" in capsys.readouterr().err
    started = save_run(tmp_path / "c", second, init=str(runs[0]))
    assert main([*command, "--runs", str(runs[0]), str(started)]) == 1
    assert "c was trained on 3 of the scans" in capsys.readouterr().err
    gone = save_run(tmp_path / "d", tmp_path / "moved")
    assert main([*command, "--runs", str(runs[0]), str(gone)]) == 1
    assert "cannot be checked" in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


def test_fold_folders_must_fit_the_runs(fold_folders, tmp_path, capsys):
    run = str(save_run(tmp_path / "a", fold_folders[0]))
    command = ["crossvalidate", "--out", str(tmp_path / "cv"), "--fold-data"]
    first = str(fold_folders[0])
    assert main([*command, *map(str, fold_folders), "--runs", run]) == 1
    assert main([*command, first, first, "--runs", run, run]) == 1
    assert "Scan 1 is held out by several folds" in capsys.readouterr().err
    assert main([*command, first, "--runs", run, "--folds", "2"]) == 1
    assert "Give either" in capsys.readouterr().err


def test_runs_that_know_their_fold_need_one_dataset(data, tmp_path, capsys):
    dealt = dataset_folds(DatasetFolder.open(data), 2)
    runs = [str(save_run(tmp_path / f"f{k}", data, folds=2, fold=k)) for k in (1, 0)]
    command = ["crossvalidate", "--data", str(data), "--out", str(tmp_path / "cv"), "--folds"]
    assert main([*command, "2", "--runs", *runs]) == 0
    rows = csv.DictReader((tmp_path / "cv" / "metrics.csv").open())
    assert {row["scan"]: row["fold"] for row in rows} == {
        scan: str(number) for number, fold in enumerate(dealt) for scan in fold
    }
    assert main([*command, "3", "--runs", *runs]) == 1
    assert "was not fitted for one of 3 folds" in capsys.readouterr().err
    assert main([*command, "2", "--runs", runs[0], runs[0]]) == 1
    assert "one run for each of the folds 0 to 1" in capsys.readouterr().err
    together = tmp_path / "groups.csv"  # another group puts a scan of fold 1 into fold 0
    moved = min(dealt[1])
    together.write_text("scan,group\n" + "".join(f"{scan},one\n" for scan in [moved, min(dealt[0])]))
    other = save_run(tmp_path / "g", data, folds=2, fold=0, groups=str(together))
    assert main([*command, "2", "--runs", runs[0], str(other)]) == 1
    assert "group" in capsys.readouterr().err
    lost = save_run(tmp_path / "h", data, folds=2, fold=0, groups=str(tmp_path / "none.csv"))
    assert main([*command, "2", "--runs", runs[0], str(lost)]) == 1
    assert "not a CSV file with the columns scan and group" in capsys.readouterr().err
