"""Saved weights: read, refused and averaged."""

from __future__ import annotations

import pytest
import torch

from train.errors import TrainError
from train.weights import load_run, mean_weights


def test_mean_weights_are_averaged_and_counters_those_of_the_last_network():
    first = {"a": torch.ones(2), "batches": torch.tensor(4)}
    last = {"a": 3 * torch.ones(2), "batches": torch.tensor(7)}
    mean = mean_weights([first, last])
    assert mean["a"].tolist() == [2, 2] and mean["batches"].item() == 7
    with pytest.raises(TrainError, match="different networks"):
        mean_weights([{"a": torch.ones(2)}, {"b": torch.ones(2)}])


def test_settings_of_older_runs_get_current_keys(tmp_path):
    old = {"architecture": "segformer-b0", "decoder_width": 128, "window": (60.0, 200.0), "context_slices": 3}
    torch.save({"weights": {}, "settings": old}, tmp_path / "old.pt")
    settings = load_run(tmp_path / "old.pt")["settings"]
    assert settings["options"] == {"decoder_width": 128} and settings["windows"] == ((60.0, 200.0),)
    torch.save({"weights": {}, "settings": {**old, "decoder_width": None}}, tmp_path / "old.pt")
    assert load_run(tmp_path / "old.pt")["settings"]["options"] == {}


def test_files_without_weights_of_a_run_are_refused(tmp_path):
    (tmp_path / "text.pt").write_text("no weights")
    torch.save({"something": 1}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt", "absent.pt"):
        with pytest.raises(TrainError, match="no weights of a run"):
            load_run(tmp_path / name)
