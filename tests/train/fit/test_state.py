"""The position of a run and its early stopping."""

from __future__ import annotations

import json

import pytest
import torch

from train.errors import TrainError
from train.fit.settings import FitSettings
from train.fit.state import Progress, claim, save_state, with_saved_score_mode


def test_the_best_value_and_early_stopping_are_tracked_separately():
    progress = Progress()
    scorings = [(0.5, 0.1), (0.7, 0.1), (0.6, 0.2), (0.8, 0.2), (0.8, 0.1)]
    better = [progress.record(value, tumour, patience=2) for value, tumour in scorings]
    assert better == [True, True, False, True, False]
    assert (progress.best, progress.best_tumour, progress.stale) == (0.8, 0.2, 2)
    assert progress.stopped and not Progress(stale=9).stopped


def test_the_mean_loss_covers_the_updates_since_the_last_call():
    progress = Progress(losses=[torch.tensor(1.0), 2.0])
    assert progress.take_mean_loss() == 1.5
    progress.losses.append(4.0)
    assert progress.take_mean_loss() == 4.0


def test_a_state_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainError, match="last.pt cannot be written"):
        save_state(tmp_path / "file" / "last.pt", {})


def test_a_run_older_than_a_setting_is_resumed_with_the_default_only(tmp_path):
    data = (("data", 1.0, 0.0),)
    claim(tmp_path, FitSettings(data=data, samples=40))
    older = json.loads((tmp_path / "settings.json").read_text())
    del older["liver_free"], older["scan_weights"]
    (tmp_path / "settings.json").write_text(json.dumps(older))
    claim(tmp_path, FitSettings(data=data, samples=40))
    with pytest.raises(TrainError, match=r"\(liver_free\)"):
        claim(tmp_path, FitSettings(data=data, samples=40, liver_free=0.1))


def test_a_run_started_before_volume_mode_goes_on_with_slices(tmp_path):
    new = FitSettings(data=(("data", 1.0, 0.0),))
    assert with_saved_score_mode(tmp_path / "none", new) == new
    claim(tmp_path, new)
    assert with_saved_score_mode(tmp_path, new).score_mode == "volume"
    older = json.loads((tmp_path / "settings.json").read_text())
    del older["score_mode"]
    (tmp_path / "settings.json").write_text(json.dumps(older))
    resumed = with_saved_score_mode(tmp_path, new)
    assert resumed.score_mode == "slice"
    claim(tmp_path, resumed)
    with pytest.raises(TrainError, match=r"\(score_mode\)"):
        claim(tmp_path, new)
