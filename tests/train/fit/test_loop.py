"""Runs that are complete, interrupted, killed, resumed or stopped early, and the files they write."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.train.small_runs import arguments, log_of, weights
from train.__main__ import main
from train.export.training_record import training_record
from train.fit import loop
from train.weights import load_run

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory, write_discs):
    folder = tmp_path_factory.mktemp("fit")
    write_discs(folder / "discs", tumour_in=(0, 2))
    return folder


@pytest.fixture(scope="module")
def whole(data):
    """A run of 24 samples without interruption."""
    assert main(arguments(data, data / "whole", "--samples", "24")) == 0
    return data / "whole"


def assert_same_result(run, expected, atol=1e-6):
    found = weights(run)
    for name, tensor in weights(expected).items():
        assert torch.allclose(tensor.float(), found[name].float(), atol=atol), name
    for row, wanted in zip(log_of(run), log_of(expected), strict=True):
        for column in wanted.keys() - {"rate"}:
            assert float(row[column]) == pytest.approx(float(wanted[column]), abs=1e-5, nan_ok=True), column


def test_a_run_writes_its_log_scores_and_weights(whole):
    rows = log_of(whole)
    assert [int(row["samples"]) for row in rows] == [8, 16, 24]
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in ("liver_global", "tumour_per_case"))
    settings = json.loads((whole / "settings.json").read_text())
    assert settings["options"] == {"decoder_width": 16} and settings["seed"] == 1
    best = torch.load(whole / "best.pt", weights_only=True)
    value = [float(row["liver_global"]) + float(row["tumour_global"]) for row in rows]
    assert best["seen"] == int(rows[int(np.argmax(value))]["samples"])
    assert best["settings"]["windows"] == ((60.0, 200.0),)
    elsewhere = load_run(whole)
    elsewhere["settings"]["data"] = [["gone", 1.0, 0.0]]
    described = {
        "name": "discs",
        "licence": "Apache-2.0",
        "citation": "none",
        "slices": 8,
        "samples": best["seen"],
    }
    assert training_record(elsewhere)["datasets"] == [described], "a run is exported without its data"


def test_an_interrupted_run_resumes_to_the_same_result(data, whole, monkeypatch, capsys):
    """SIGUSR1 arrives in the third of six updates; then the same command runs again."""
    update, calls = loop.update, []

    def update_then_signal(*args):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGUSR1)
        return update(*args)

    monkeypatch.setattr(loop, "update", update_then_signal)
    command = arguments(data, data / "asked", "--samples", "24")
    assert main(command) == 1
    assert "Stopped after 12 samples" in capsys.readouterr().err
    assert main(command) == 0
    assert len(calls) == 6
    assert_same_result(data / "asked", whole)


def test_a_killed_run_resumes_to_the_same_result(data, whole):
    """SIGKILL arrives in the middle of an update; the resumed run shows no trace of it."""
    run = data / "killed"
    command = arguments(data, run, "--samples", "24", "--save-every", "4")
    script = (
        "import sys, time; from train.fit import loop; from train.__main__ import main\n"
        "real = loop.update\n"
        "def slow(*args):\n"
        "    if args[3] == 3: print('reached', flush=True); time.sleep(600)\n"
        "    return real(*args)\n"
        "loop.update = slow; sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout.readline() == b"reached\n"
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert torch.load(run / "last.pt", weights_only=True)["progress"]["step"] == 3
    with (run / "log.csv").open("a") as log:  # as if it had been killed between its log and its state
        log.write("16" + ",0" * (len(log_of(whole)[0]) - 1) + "\n")
    (run / "last.tmp").write_bytes(b"half a state")
    assert main(command) == 0
    assert_same_result(run, whole)


def test_a_run_started_with_other_settings_is_refused(data, whole, capsys):
    assert main(arguments(data, whole, "--samples", "24", "--seed", "3")) == 1
    assert "started with other settings (seed)" in capsys.readouterr().err
    before = (whole / "last.pt").stat().st_mtime_ns
    assert main(arguments(data, whole, "--samples", "24")) == 0, "a complete run is not changed"
    assert (whole / "last.pt").stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_written_and_a_damaged_state_are_refused_in_one_line(
    data, whole, tmp_path, capsys
):
    for run, complaint in (
        (data / "discs" / "slices.csv", "cannot be written"),
        (tmp_path / "run", "damaged"),
    ):
        if complaint == "damaged":
            shutil.copytree(whole, run)
            (run / "last.pt").write_bytes((whole / "last.pt").read_bytes()[:-2000])
        capsys.readouterr()
        assert main(arguments(data, run, "--samples", "24")) == 1
        error = capsys.readouterr().err
        assert complaint in error and str(run) in error and error.count("\n") == 1


def test_weights_of_another_network_are_refused_as_start(data, whole, tmp_path, capsys):
    more = ["--samples", "4", "--init", str(whole), "--option", "decoder_width=32"]
    assert main(arguments(data, tmp_path / "run", *more)) == 1
    assert "belong to another network" in capsys.readouterr().err


def test_a_run_with_nan_loss_ends_and_keeps_its_last_save(data, tmp_path, monkeypatch, capsys):
    update = loop.update
    monkeypatch.setattr(loop, "update", lambda *args: update(*args) * (1 if args[3] < 2 else torch.nan))
    assert main(arguments(data, tmp_path / "run", "--samples", "16")) == 1
    assert "The loss is NaN after 12 samples" in capsys.readouterr().err
    assert [row["samples"] for row in log_of(tmp_path / "run")] == ["8"]
    assert torch.load(tmp_path / "run" / "last.pt", weights_only=True)["progress"]["step"] == 2


def test_accumulated_parts_give_the_loss_of_the_whole_batch(data):
    """Cross-entropy is a mean over pixels and nnFormer has no BatchNorm, so accumulation changes nothing."""
    logs = []
    for parts in ("1", "2"):
        run = data / f"parts{parts}"
        more = "--arch nnformer-2d --samples 8 --score-every 4 --loss ce --learning-rate 1e-4 --accumulate"
        command = [*arguments(data, run, *more.split(), parts)]
        place = command.index("decoder_width=16")
        command[place : place + 1] = ["embedding=24", "--option", "drop_path=0"]
        assert main(command) == 0
        logs.append([float(row["loss"]) for row in log_of(run)])
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)


def test_early_stopping_counts_scorings_without_a_better_tumour(data, monkeypatch):
    tumour = iter([0.1, 0.3, 0.2, 0.3, 0.9])
    monkeypatch.setattr(
        loop, "score", lambda *_: {"liver_global": 0.5, "tumour_global": next(tumour), "tumour_per_case": 0.0}
    )
    more = ["--samples", "40", "--patience", "2", "--select", "tumour"]
    assert main(arguments(data, data / "early", *more)) == 0
    assert [int(row["samples"]) for row in log_of(data / "early")] == [8, 16, 24, 32]
    assert torch.load(data / "early" / "best.pt", weights_only=True)["seen"] == 16
    assert main(arguments(data, data / "early", *more)) == 0, "an early-stopped run stays stopped"
    assert len(log_of(data / "early")) == 4


def test_many_options_together_run_and_write_pictures_and_events(data, monkeypatch):
    """Several windows, five slices, augmentation on the device, growing crops, workers, pictures, events."""
    run = data / "rich"
    more = (
        "--samples 16 --window 60 200 --window 40 400 --context-slices 5 --augment-on device --workers 1 "
        "--progressive 32 --crop 64 --score-alone --pictures 2 --loss focal+dice --flip vertical "
        "--augment noise=1 --precision bf16"
    ).split()
    command = [a for a in arguments(data, run, *more) if a != "--no-tensorboard"]
    seen = []
    update = loop.update
    monkeypatch.setattr(loop, "update", lambda *args: seen.append(args[2][0][0].shape) or update(*args))
    assert main(command) == 0
    assert [tuple(shape) for shape in seen[:1] + seen[-1:]] == [(4, 10, 32, 32), (4, 10, 64, 64)]
    assert {"alone_tumour_global", "liver_per_case"} <= log_of(run)[0].keys()
    pictures = sorted(path.name for path in (run / "pictures").iterdir())
    assert pictures == ["0000008.png", "0000016.png"]
    grid = cv2.imread(str(run / "pictures" / pictures[-1]))
    assert grid.shape[1] == 3 * 320 and grid.std() > 10
    assert any(path.stat().st_size > 10_000 for path in (run / "tensorboard").iterdir())


def test_groups_that_cannot_be_read_are_refused(data, tmp_path, capsys):
    more = ["--samples", "4", "--folds", "2", "--fold", "1", "--groups", str(tmp_path / "none.csv")]
    assert main(arguments(data, tmp_path / "run", *more)) == 1
    assert "columns scan and group" in capsys.readouterr().err
