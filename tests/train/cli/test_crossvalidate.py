"""The options of `python -m train crossvalidate`."""

from __future__ import annotations

import pytest

from tests.train.sample_scans import SCANS, write_dataset
from tests.train.small_runs import save_untrained_run
from train.__main__ import main
from train.evaluation.modes import ModeScores
from train.evaluation.protocol import Protocol


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--data", "d"],
        ["--folds", "2"],
        ["--fold-data", "d", "--folds", "2"],
        ["--fold-data", "d", "--data", "d"],
        ["--fold-data", "d", "--data", "d", "--folds", "2"],
    ],
)
def test_folds_are_given_by_number_or_by_folder_and_not_by_both(options, tmp_path, capsys):
    out = tmp_path / "cv"
    assert main(["crossvalidate", "--runs", "run", "--out", str(out), *options]) == 1
    assert capsys.readouterr().err.startswith("Give either --data with --folds, or --fold-data")
    assert not out.exists()


def test_options_reach_the_scoring_of_the_folds(tmp_path, monkeypatch, capsys):
    data = write_dataset(tmp_path / "data", {"1": SCANS["1"]})
    run = save_untrained_run(tmp_path / "run", data)
    calls, written = [], []

    def cross_validate(folds, modes, graph, rules, progress):
        calls.append((folds, modes.protocols, *graph, rules, list(progress(iter("ab"), 2))))
        return [ModeScores(modes.protocols[0], ("score",))], {"record": 1}

    monkeypatch.setattr("train.evaluation.crossvalidation.cross_validate", cross_validate)
    monkeypatch.setattr("train.evaluation.write.write_evaluation", lambda *given: written.append(given))
    out = tmp_path / "cv"
    command = ["crossvalidate", "--runs", str(run), "--fold-data", str(data), "--out", str(out), "--alone"]
    options = ["--threshold", "0.3", "--tta", "flips", "--working-size", "96", "--context-slices", "5"]
    assert main([*command, *options, "--tolerance", "1", "--bootstrap-seed", "7"]) == 0
    ((folds, (protocol,), *graph, rules, scored),) = calls
    assert [(fold.run, fold.folder.name) for fold in folds] == [(run, "squares")]
    assert protocol == Protocol(threshold=0.3, context=False, flips=True, tolerance=1.0, seed=7)
    assert graph == [96, 5] and scored == ["a", "b"] and rules is None
    assert written == [(out, ("score",), {"record": 1}, ())]
    assert capsys.readouterr().out.strip() == str(out / "metrics.md")
