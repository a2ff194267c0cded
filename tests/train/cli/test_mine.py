"""`python -m train mine`, and `fit --hard` with the file that it writes."""

from __future__ import annotations

import json

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import TINY, save_untrained_run
from train.__main__ import main
from train.sampling.hard_slices import read_mined


def test_a_run_is_mined_and_trained_on_its_hard_slices(tmp_path, capsys):
    data = write_dataset(tmp_path / "squares", SCANS)
    run, hard = save_untrained_run(tmp_path / "mine", data), tmp_path / "hard.csv"
    command = ["mine", str(run), "--data", str(data), "--out", str(hard), "--threshold", "0.2"]
    assert main([*command, "--working-size", "96"]) == 0
    mined = read_mined(hard)
    assert [(one.scan, one.index) for one in mined] == [("4", 0), ("4", 1), ("5", 0)]
    assert f"{hard}: 3 slices of 2 scans, 0 with false liver" in capsys.readouterr().out
    assert sum(one.false_tumour_px for one in mined) > 0, "the untrained network finds tumours"

    fit = ["fit", "--data", str(data), "--out", str(tmp_path / "next"), "--samples", "4", *TINY]
    assert main([*fit, "--hard", f"{hard}:0.4"]) == 0
    assert json.loads((tmp_path / "next" / "settings.json").read_text())["hard"] == [[str(hard), 0.4]]


@pytest.mark.parametrize(
    "more, complaint",
    [
        (["--scans", "4", "2"], "Scan 2 of squares is not one that mine trains on"),
        (["--threshold", "1"], "between 0 and 1"),
        (["--data", "none-such"], "none-such is not a dataset"),
    ],
)
def test_refusals_name_the_problem(tmp_path, capsys, more, complaint):
    data = write_dataset(tmp_path / "squares", SCANS)
    run = save_untrained_run(tmp_path / "mine", data)
    assert main(["mine", str(run), "--data", str(data), "--out", str(tmp_path / "hard.csv"), *more]) == 1
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1 and not (tmp_path / "hard.csv").exists()
