"""`python -m train evaluate`."""

from __future__ import annotations

import csv
import json

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import save_untrained_run
from train.__main__ import main


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "squares", SCANS)


def test_a_run_is_evaluated_without_a_checkpoint(data, tmp_path, capsys):
    run = save_untrained_run(tmp_path / "mine", data)
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


def test_refusals_name_the_problem(data, tmp_path, capsys):
    assert main(["evaluate", "--checkpoint", "none-such", "--data", str(data)]) == 1
    assert main(["evaluate", "segformer-b0", "--data", str(data), "--working-size", "64"]) == 1
    assert "options of --run" in capsys.readouterr().err
    run = save_untrained_run(tmp_path / "run", data)
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--split", "test"]) == 1
    assert "no scans of the split 'test'" in capsys.readouterr().err
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--threshold", "0"]) == 1
    (tmp_path / "file").write_text("in the way")
    assert main(["evaluate", "--run", str(run), "--data", str(data), "--out", str(tmp_path / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        main(["evaluate", "--data", str(data)])
    assert usage.value.code == 2


def test_both_modes_are_written_and_each_alone_on_request(data, tmp_path, capsys):
    run = save_untrained_run(tmp_path / "mine", data)
    out, rows = tmp_path / "out", tmp_path / "rows.csv"
    command = ["evaluate", "--run", str(run), "--data", str(data)]
    assert main([*command, "--out", str(out), "--csv", str(rows)]) == 0
    found = json.loads((out / "metrics.json").read_text())
    assert (found["mode"], found["volumes"]["mode"]) == ("slice", "volume")
    text = (out / "metrics.md").read_text()
    assert "| measure, slices alone |" in text and "| measure, volumes |" in text
    assert {path.name for path in out.glob("*volumes*")} == {"metrics-volumes.csv", "plots-volumes.png"}
    for path, mode in ((rows, "slice"), (tmp_path / "rows-volumes.csv", "volume")):
        assert {row["mode"] for row in csv.DictReader(path.open())} == {mode}

    assert main([*command, "--out", str(out), "--mode", "volume"]) == 0
    found = json.loads((out / "metrics.json").read_text())
    assert found["mode"] == "volume" and "volumes" not in found and not list(out.glob("*volumes*"))
    capsys.readouterr()
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["mode"] == "slice" and printed["volumes"]["protocol"].startswith("volumes: ")
    assert main([*command, "--mode", "volume", "--tta", "flips"]) == 1
    assert "Volumes are scored as users get them" in capsys.readouterr().err
