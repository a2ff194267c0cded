"""`python -m train pseudo-label`, and `fit` on the dataset that it writes."""

from __future__ import annotations

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import TINY, save_untrained_run
from train.__main__ import main
from train.data.dataset import DatasetFolder

JOINT = {"0": ["background"], "1": ["liver", "tumour"], "2": ["liver", "tumour"]}


@pytest.fixture
def command(tmp_path):
    data = write_dataset(tmp_path / "squares", SCANS, label_values=JOINT)
    runs = [str(save_untrained_run(tmp_path / name, data, seed=seed)) for seed, name in enumerate("ab")]
    return ["pseudo-label", "--runs", *runs, "--data", str(data), "--out", str(tmp_path / "out")]


def test_a_dataset_is_divided_and_trained_on(command, tmp_path, capsys):
    assert main([*command, "--sure", "0.55", "--alone", "--working-size", "64"]) == 0
    said = capsys.readouterr().out
    assert "pixels of the joint label" in said and said.startswith(str(tmp_path / "out"))
    written = DatasetFolder.open(tmp_path / "out")
    counted = written.about["pseudo_labels"]
    joint_px = sum((labels > 0).sum() for about in SCANS.values() for labels in about["slices"].values())
    assert counted["liver_px"] + counted["tumour_px"] + counted["undecided_px"] == joint_px
    assert counted["sure"] == 0.55 and [n["name"] for n in counted["networks"]] == ["a", "b"]
    fit = ["fit", "--data", str(tmp_path / "out"), "--out", str(tmp_path / "next"), "--samples", "4", *TINY]
    assert main(fit) == 0


def test_refusals_name_the_problem(command, tmp_path, capsys):
    assert main([*command, "--sure", "0.5"]) == 1
    assert "--sure must lie above 0.5" in capsys.readouterr().err
    assert main([*command, "--runs", str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert "holds no weights of a run" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()
