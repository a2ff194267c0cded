"""The log of a run."""

from __future__ import annotations

from tests.train.small_runs import log_of
from train.fit.logs import RunLog


def test_an_empty_log_is_replaced(tmp_path):
    (tmp_path / "log.csv").touch()
    RunLog(tmp_path, 8, tensorboard=False).line({"samples": 16, "loss": 0.5})
    assert log_of(tmp_path) == [{"samples": "16", "loss": "0.5"}]


def test_lines_after_the_last_save_are_removed(tmp_path):
    log = RunLog(tmp_path, 0, tensorboard=False)
    for samples in (8, 16, 24):
        log.line({"samples": samples, "loss": 1 / samples})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("32")  # a line cut off by a crash
    RunLog(tmp_path, 16, tensorboard=False)
    assert log_of(tmp_path) == [{"samples": "8", "loss": "0.125"}, {"samples": "16", "loss": "0.0625"}]
