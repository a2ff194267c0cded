"""Saved weights: read, refused and averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.__main__ import main
from train.errors import TrainError
from train.weights import load_run, mean_weights

BUNDLED = Path(__file__).parents[2] / "registry" / "bundled"


def test_average_writes_the_mean_weights_of_two_runs(tmp_path):
    out = tmp_path / "mean" / "final.pt"
    runs = [str(BUNDLED / name) for name in ("segformer-b0", "segformer-b0-fast")]  # the same weights
    assert main(["average", *runs, "--out", str(out)]) == 0
    mean, last = load_run(out), load_run(runs[-1])
    assert mean["seen"] == last["seen"] and mean["settings"] == last["settings"]
    assert all(torch.allclose(mean["weights"][name], value) for name, value in last["weights"].items())
    (one,) = mean_weights([{"a": torch.ones(2)}, {"a": 3 * torch.ones(2)}]).values()
    assert one.tolist() == [2, 2]
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
