"""`python -m train average`."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.train.small_runs import save_untrained_run
from train.__main__ import main
from train.weights import load_run, training_stages

BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"


def test_average_writes_the_mean_weights_of_two_runs(tmp_path):
    out = tmp_path / "mean" / "final.pt"
    runs = [str(BUNDLED / name) for name in ("segformer-b0", "segformer-b0-fast")]  # the same weights
    assert main(["average", *runs, "--out", str(out)]) == 0
    mean, last = load_run(out), load_run(runs[-1])
    assert mean["seen"] == last["seen"] and mean["settings"] == last["settings"]
    assert all(torch.allclose(mean["weights"][name], value) for name, value in last["weights"].items())


def save_state(path, value, **more):
    settings = {"architecture": "segformer-b0", "options": {}, "windows": ((60.0, 200.0),)}
    torch.save({"weights": {"a": torch.full((2,), value)}, "settings": settings, "seen": 8} | more, path)
    return str(path)


def test_the_mean_has_the_record_of_the_last_run_and_the_other_runs_before_it(tmp_path):
    runs = [
        save_state(tmp_path / "first.pt", 1.0),
        save_state(tmp_path / "last.pt", 4.0, seen=24, hours=3.0),
    ]
    assert main(["average", *runs, "--out", str(tmp_path / "mean.pt")]) == 0
    mean = torch.load(tmp_path / "mean.pt", weights_only=True)
    assert mean["weights"]["a"].tolist() == [2.5, 2.5] and mean["seen"] == 24
    assert mean["hours"] == 3.0
    assert [stage["seen"] for stage in training_stages(mean)] == [8, 24]
    assert not any("weights" in stage for stage in mean["lineage"])


def test_runs_of_different_networks_are_refused(tmp_path, capsys):
    first = save_state(tmp_path / "first.pt", 1.0)
    other = save_untrained_run(tmp_path / "other", tmp_path)
    assert main(["average", first, str(other), "--out", str(tmp_path / "mean.pt")]) == 1
    assert capsys.readouterr().err.strip() == "The runs are of different networks."
    assert not (tmp_path / "mean.pt").exists()
