"""The results page: from records to Markdown, and the one in the repository."""

import json
from pathlib import Path

import pytest

import train
from registry import open_registries
from train.__main__ import main
from train.results.ablations import QUESTIONS, Ablation, ablations_table

PACKAGE = Path(train.__file__).parent
RECORDS = PACKAGE / "results" / "data"


def test_the_page_in_the_repository_is_what_the_command_writes(tmp_path, capsys):
    out = tmp_path / "RESULTS.md"
    assert main(["results", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    written = (PACKAGE / "RESULTS.md").read_text(encoding="utf-8")
    assert out.read_text(encoding="utf-8") == written, "run python -m train results"
    for checkpoint in open_registries("bundled").list():
        assert checkpoint.ref in written
        assert f"{checkpoint.manifest.training['samples_seen']:,}" in written


def test_cross_validations_on_the_page_add_up():
    records = [json.loads(path.read_text()) for path in RECORDS.glob("crossvalidation-*.json")]
    assert records
    for record in records:
        scans = [scan["scan"] for scan in record["scans"]]
        assert len(scans) == len(set(scans)) == record["n"]["scans"]
        assert sorted(sum((fold["scans_held_out"] for fold in record["folds"]), [])) == sorted(scans)
        overlap = sum(scan["tumour"]["tp"] for scan in record["scans"])
        total = sum(2 * s["tumour"]["tp"] + s["tumour"]["fp"] + s["tumour"]["fn"] for s in record["scans"])
        pooled = record["summary"]["tumour"]["dice_global"]["value"]
        assert pooled == pytest.approx(2 * overlap / total, abs=1e-4)


def test_rows_of_a_question_stand_together_and_what_was_not_tried_is_named():
    numbers = (0.9, 0.8, 0.5, 0.4)
    rows = [
        Ablation("threshold", "0.3", "val", *numbers),
        Ablation("loss", "256 px", "val", *numbers),
        Ablation("windows", "60/200", "val", *numbers),
        Ablation("loss", "384 px", "val", 0.95, 0.85, 0.55, 0.45, "slower"),
    ]
    lines = ablations_table(rows).splitlines()
    assert lines[2:6] == [
        "| windows | 60/200 | val | 0.900 | 0.800 | 0.500 | 0.400 |  |",
        "| loss | 256 px | val | 0.900 | 0.800 | 0.500 | 0.400 |  |",
        "|  | 384 px | val | 0.950 | 0.850 | 0.550 | 0.450 | slower |",
        "| threshold | 0.3 | val | 0.900 | 0.800 | 0.500 | 0.400 |  |",
    ]
    asked = "context slices, resolution, augmentation, weight averaging, extra data, size, test-time flips"
    assert lines[6:] == ["", f"Without a row of their own: {asked}."]
    whole = ablations_table([Ablation(question, "x", "val", *numbers) for question in QUESTIONS])
    assert "Without" not in whole and len(whole.splitlines()) == 2 + len(QUESTIONS) == 11


@pytest.mark.parametrize("content", [None, "no JSON", '[{"question": "size"}]'])
def test_records_that_are_none_are_refused_in_one_line(content, tmp_path, capsys):
    (tmp_path / "notes.md").write_text("notes")
    if content is not None:
        (tmp_path / "ablations.json").write_text(content)
    assert main(["results", "--records", str(tmp_path), "--out", str(tmp_path / "page.md")]) == 1
    assert "holds no ablations" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()
