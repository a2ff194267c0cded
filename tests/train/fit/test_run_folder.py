"""What a resume may change, what it refuses, and what a failed start leaves behind."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from tests.train.small_runs import arguments, log_of, weights
from train.__main__ import main
from train.fit import loop
from train.fit.run_folder import _start, weights_digest
from train.fit.settings import FitSettings
from train.weights import load_run, training_stages


@pytest.fixture(scope="module")
def data(tmp_path_factory, write_discs):
    folder = tmp_path_factory.mktemp("folders")
    write_discs(folder / "discs", tumour_in=(0, 2))
    return folder


@pytest.fixture(scope="module")
def finished(data):
    """A complete run of 16 samples."""
    assert main(arguments(data, data / "finished", "--samples", "16")) == 0
    return data / "finished"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of that run."""
    return shutil.copytree(finished, tmp_path / "run")


def without(command, option):
    place = command.index(option)
    return command[:place] + command[place + 2 :]


def test_a_finished_run_is_extended_with_another_interval_patience_and_selection(data, run):
    more = ["--samples", "28", "--score-every", "4", "--patience", "9", "--select", "liver"]
    command = without(arguments(data, run, *more), "--score-every")
    assert main(command) == 0
    rows = log_of(run)
    assert [int(row["samples"]) for row in rows] == [8, 16, 20, 24, 28]
    settings = json.loads((run / "settings.json").read_text())
    assert (settings["samples"], settings["score_every"], settings["patience"]) == (28, 4, 9)
    state = torch.load(run / "last.pt", weights_only=True)["progress"]
    best = load_run(run)
    liver = [float(row["liver_global"]) for row in rows]
    assert state["best"] == pytest.approx(max(liver[2:] + [max(liver[:2])]), abs=1e-6)
    assert state["best"] == pytest.approx(best["scores"]["liver_global"])
    assert state["drawn"] == [28] and state["seconds"] > 0


def test_a_run_is_not_shortened_below_what_it_has_seen(data, run, capsys):
    assert main(arguments(data, run, "--samples", "8")) == 1
    assert "has seen 16 samples already: give --samples 16 or more" in capsys.readouterr().err
    assert json.loads((run / "settings.json").read_text())["samples"] == 16


def test_a_stopped_run_goes_on_with_more_patience(data, tmp_path, monkeypatch):
    monkeypatch.setattr(
        loop, "score", lambda *_: {"liver_global": 0.5, "tumour_global": 0.2, "tumour_per_case": 0.0}
    )
    command = arguments(data, tmp_path / "run", "--samples", "40", "--select", "tumour", "--patience")
    assert main([*command, "1"]) == 0 and len(log_of(tmp_path / "run")) == 2
    assert main([*command, "2"]) == 0 and len(log_of(tmp_path / "run")) == 3


def test_the_same_data_may_lie_in_another_folder_and_other_data_may_not(data, run, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(data / "discs", elsewhere / "discs")
    command = arguments(elsewhere, run, "--samples", "24")
    assert main(command) == 0
    assert json.loads((run / "settings.json").read_text())["data"][0][0] == str(elsewhere / "discs")
    assert [int(row["samples"]) for row in log_of(run)] == [8, 16, 24]

    label = elsewhere / "discs" / "labels" / "s1_1.png"
    label.write_bytes((elsewhere / "discs" / "labels" / "s1_0.png").read_bytes())
    assert main(command) == 1
    assert "discs has changed since the run was started" in capsys.readouterr().err
    assert main(arguments(data, run, "--samples", "24")) == 0, "the copy that has not changed"
    assert main(command) == 1
    assert "started with other settings (data)" in capsys.readouterr().err


def test_a_run_of_an_older_version_resumes(data, finished, run):
    """The older version wrote no provenance, no training time, and a warm-up of 1,500 samples by default."""
    old = json.loads((run / "settings.json").read_text())
    for name in ("warmup_share", "encoder_learning_rate", "head_learning_rate", "pretrained_licence"):
        del old[name]
    old["warmup"] = 1500
    (run / "settings.json").write_text(json.dumps(old))
    (run / "provenance.json").unlink()
    state = torch.load(run / "last.pt", weights_only=True)
    for name in ("seconds", "drawn", "drawn_steps"):
        del state["progress"][name]
    for group in state["optimiser"]["param_groups"]:
        del group["peak"]
    torch.save(state, run / "last.pt")
    command = without(arguments(data, run, "--samples", "24"), "--warmup")
    assert main(command) == 0
    assert json.loads((run / "settings.json").read_text())["warmup"] == 1500
    rows = log_of(run)
    assert float(rows[-1]["learning_rate"]) < 1e-3 * 24 / 1500, "the warm-up goes on in samples"
    new = load_run(run / "final.pt")
    assert new["seen"] == 24 and new["datasets"][0]["samples"] == 24
    first = sum(8 / float(row["rate"]) for row in rows[:2]) / 3600
    assert new["hours"] > first > 0
    assert main(command) == 0, "now a run of this version"


def test_a_setting_newer_than_the_run_counts_as_its_default(data, run, capsys):
    older = json.loads((run / "settings.json").read_text())
    del older["liver_free"], older["scan_weights"]
    (run / "settings.json").write_text(json.dumps(older))
    assert main(arguments(data, run, "--samples", "16", "--liver-free", "0.1")) == 1
    assert "started with other settings (liver_free)" in capsys.readouterr().err
    assert main(arguments(data, run, "--samples", "16")) == 0


def test_a_failed_start_leaves_no_run_folder(data, tmp_path, capsys):
    run = tmp_path / "run"
    for wrong in (["--init", str(tmp_path / "gone")], ["--arch", "unet"], ["--validation", str(tmp_path)]):
        assert main(arguments(data, run, "--samples", "8", *wrong)) == 1
        assert capsys.readouterr().err.count("\n") == 1 and not run.exists()
    assert main(arguments(data, run, "--samples", "8")) == 0


def test_a_run_that_has_saved_nothing_is_started_anew_with_other_settings(data, tmp_path, monkeypatch):
    update = loop.update
    with monkeypatch.context() as patch:
        patch.setattr(loop, "update", lambda *args: update(*args) * torch.nan)
        assert main(arguments(data, tmp_path / "run", "--samples", "16")) == 1
    assert (tmp_path / "run" / "settings.json").exists()
    assert main(arguments(data, tmp_path / "run", "--samples", "8", "--seed", "4")) == 0
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["seed"] == 4


def test_the_runs_before_are_known_without_their_folders(data, finished, tmp_path):
    first = shutil.copytree(finished, tmp_path / "first")
    run = tmp_path / "second"
    command = [*arguments(data, run, "--samples", "16"), "--init"]
    assert (
        main([*without(command[:-1], "--samples"), "--samples", "8", "--init", str(first / "final.pt")]) == 0
    )
    first.rename(tmp_path / "moved")
    assert main([*command, str(tmp_path / "moved" / "final.pt")]) == 0, "the same weights in another folder"
    shutil.rmtree(tmp_path / "moved")
    assert main([*command, str(tmp_path / "moved" / "final.pt")]) == 0, "a resume needs no first weights"
    stages = training_stages(load_run(run / "final.pt"))
    assert [stage["seen"] for stage in stages] == [16, 16]
    assert all(stage["hours"] > 0 and stage["datasets"][0]["samples"] == 16 for stage in stages)
    assert all(stage["trained_scans"] == {"discs": ["0", "1"]} for stage in stages)


def test_weights_are_identified_by_their_values():
    one = {"a": torch.ones(2), "b": torch.zeros(1, dtype=torch.int64)}
    assert weights_digest(one) == weights_digest({"b": one["b"].clone(), "a": one["a"].clone()})
    assert weights_digest(one) != weights_digest(one | {"a": torch.tensor([1.0, 1.0001])})


def test_a_changed_start_is_refused(data, finished, tmp_path, capsys):
    other = shutil.copytree(finished, tmp_path / "other")
    state = torch.load(other / "final.pt", weights_only=True)
    torch.save({**state, "weights": {n: t + 1 for n, t in weights(other).items()}}, other / "final.pt")
    run = tmp_path / "run"
    start = ["--samples", "8", "--init"]
    assert main(arguments(data, run, *start, str(finished / "final.pt"))) == 0
    assert main(arguments(data, run, *start, str(other / "final.pt"))) == 1
    assert "started with other settings (init)" in capsys.readouterr().err


def test_a_run_started_before_volume_mode_goes_on_with_slices(data, run):
    path = run / "settings.json"
    saved = json.loads(path.read_text())
    assert saved.pop("score_mode") == "volume"
    path.write_text(json.dumps(saved))
    assert main(arguments(data, run, "--samples", "20")) == 0
    assert json.loads(path.read_text())["score_mode"] == "slice"


@pytest.mark.parametrize(("stated", "recorded"), [("", "nvidia-scl"), ("MIT", "MIT")])
def test_pretrained_weights_are_recorded_with_their_licence(tmp_path, stated, recorded):
    folder = tmp_path / "mit-b0"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: other\nlicense_name: nvidia-scl\n---\n")
    settings = FitSettings(data=(("d", 1.0, 0.0),), pretrained=str(folder), pretrained_licence=stated)
    start = _start(settings)
    assert start == {"lineage": [], "start_weights": {"name": "mit-b0", "licence": recorded}}
