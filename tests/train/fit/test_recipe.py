"""Recipes: their stages, their runs, and how they are resumed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.train.small_runs import TINY, log_of, weights
from train.__main__ import main
from train.cli.fit import add_parser
from train.cli.fit_runs import stage_runs
from train.errors import TrainError
from train.export.training_record import training_record
from train.fit import loop
from train.fit.config import read_config
from train.fit.recipe import stages_of
from train.weights import load_run, training_stages

RECIPES = Path(__file__).parents[3] / "train" / "recipes"
RECIPE = """
arch = "segformer-b0"
samples = 8
[[stages]]
name = "first"
data = ["{data}:1:0.5"]
[[stages]]
name = "second"
data = ["{data}"]
samples = 12
augment-on = "resident"
"""


@pytest.fixture
def recipe(write_discs, tmp_path):
    write_discs(tmp_path / "discs", tumour_in=(0, 2))
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(data=tmp_path / "discs"))
    return path


def command(recipe, run, *more):
    return ["fit", "--config", str(recipe), "--out", str(run), *TINY, *more]


def test_a_stage_starts_from_the_last_weights_of_the_one_before(recipe, tmp_path, monkeypatch):
    starts = []
    new_state = loop.new_state

    def noted(*args, **more):
        state = new_state(*args, **more)
        starts.append({name: tensor.clone() for name, tensor in state.network.state_dict().items()})
        return state

    monkeypatch.setattr(loop, "new_state", noted)
    run = tmp_path / "run"
    assert main(command(recipe, run, "--seed", "7")) == 0
    first, second = run / "stage-1-first", run / "stage-2-second"
    for name, tensor in weights(first).items():
        assert torch.equal(tensor, starts[1][name]), name
    assert (run / "recipe.toml").read_bytes() == recipe.read_bytes()
    state = load_run(run)
    assert state["seen"] == load_run(second)["seen"], "the weights of the last stage"
    assert [stage["settings"]["seed"] for stage in training_stages(state)] == [7, 8]
    record = training_record(load_run(second / "final.pt"))
    assert record["samples_seen"] == 20 and record["datasets"][0]["samples"] == 20 and record["hours"] >= 0

    before = (second / "last.pt").stat().st_mtime_ns
    moved = shutil.move(run, tmp_path / "moved")
    assert main(command(recipe, moved, "--seed", "7")) == 0, "complete, and the folder may have moved"
    assert (tmp_path / "moved" / "stage-2-second" / "last.pt").stat().st_mtime_ns == before


def test_a_recipe_is_resumed_in_its_second_stage_to_the_same_result(recipe, tmp_path, monkeypatch, capsys):
    assert main(command(recipe, tmp_path / "whole")) == 0
    update, calls = loop.update, []

    def update_then_signal(*args):
        calls.append(1)
        if len(calls) == 4:  # two updates of the first stage, two of the second
            os.kill(os.getpid(), signal.SIGUSR1)
        return update(*args)

    monkeypatch.setattr(loop, "update", update_then_signal)
    assert main(command(recipe, tmp_path / "asked")) == 1
    assert "Stopped after 8 samples" in capsys.readouterr().err
    assert main(command(recipe, tmp_path / "asked")) == 0 and len(calls) == 5
    for name, tensor in weights(tmp_path / "whole" / "stage-2-second").items():
        found = weights(tmp_path / "asked" / "stage-2-second")[name]
        assert torch.allclose(tensor.float(), found.float(), atol=1e-6), name


def test_wrong_stages_are_refused_before_the_first_begins(recipe, tmp_path, capsys):
    with pytest.raises(TrainError, match="begin with"):
        stages_of({"stages": [3]}, recipe)
    with pytest.raises(TrainError, match="stage 1"):
        stages_of({"stages": [{"name": "a/b"}]}, recipe)
    recipe.write_text(recipe.read_text().replace("samples = 12", "samples = 0"))
    assert main(command(recipe, tmp_path / "run")) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_recipes_are_valid(path, tmp_path):
    import argparse

    from train.cli.fit import _merged

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["fit", "--config", str(path), "--out", str(tmp_path)])
    runs = stage_runs(args, read_config(path), _merged)
    settings = [settings for _, settings, _ in runs]
    assert settings[0].init is None and all(one.init for one in settings[1:])
    total = sum(one.samples for one in settings)
    if path.stem.endswith("gpu"):
        assert total >= 500_000 and {one.augment_on for one in settings} == {"resident"}
    assert all(one.samples % one.batch == 0 and one.samples % one.score_every == 0 for one in settings)


STOPS_AFTER_A_SAVE = """#!/bin/bash
# Stands for `timeout`: the time is over when the first stage has saved its state.
while [ "$1" != "$PYTHON" ]; do shift; done
"$@" &
fit=$!
until [ -e "$SAVED" ] || ! kill -0 "$fit"; do sleep 0.1; done
kill -USR1 "$fit"
wait "$fit"
"""


def test_the_gpu_script_unpacks_trains_stops_and_resumes(recipe, tmp_path):
    """A rehearsal on the CPU with a few hundred samples."""
    bundle, run = tmp_path / "elsewhere" / "bundle.zip", tmp_path / "back"
    bundle.parent.mkdir()
    assert main(["bundle", str(tmp_path / "discs"), "--out", str(bundle), "--megabytes", "1"]) == 0
    recipe.write_text(RECIPE.format(data="data/discs"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "timeout").write_text(STOPS_AFTER_A_SAVE)
    (tmp_path / "bin" / "timeout").chmod(0o755)
    environment = {**os.environ, "RECIPE": str(recipe), "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    script = ["bash", str(RECIPES / "gpu.sh"), str(bundle), str(run), "300", *TINY, "--score-every", "80"]
    last = run / "stage-1-first" / "last.pt"
    ends = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SAVED": str(last)}
    stopped = subprocess.run(
        [*script, "--samples", "80", "--save-every", "8"],
        env=environment | ends, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert stopped.returncode == 1 and "the same command resumes the run" in stopped.stderr, stopped.stderr
    assert 0 < torch.load(last, weights_only=True)["progress"]["step"] < 20
    done = subprocess.run(
        [*script, "--samples", "80"], env=environment, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0 and "resuming after" in done.stderr, done.stderr
    for stage in ("stage-1-first", "stage-2-second"):
        assert [row["samples"] for row in log_of(run / stage)] == ["80"]
    assert (run / "recipe.toml").exists() and load_run(run)["seen"] == 80
