"""The table of ablations."""

from __future__ import annotations

import pytest

from train.__main__ import main
from train.results.ablations import QUESTIONS, Ablation, ablations_table


def test_rows_are_grouped_by_question_and_missing_questions_listed():
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
def test_invalid_records_are_refused_in_one_line(content, tmp_path, capsys):
    (tmp_path / "notes.md").write_text("notes")
    if content is not None:
        (tmp_path / "ablations.json").write_text(content)
    assert main(["results", "--records", str(tmp_path), "--out", str(tmp_path / "page.md")]) == 1
    assert "holds no ablations" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()
