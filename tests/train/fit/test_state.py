"""The position of a run and its early stopping."""

from __future__ import annotations

import pytest
import torch

from train.errors import TrainError
from train.fit.state import Progress, save_state


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
