"""The log of a run."""

from __future__ import annotations

from tests.train.small_runs import log_of
from train.fit.logs import ProgressDisplay, RunLog


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


def test_a_log_that_is_no_terminal_gets_a_line_a_minute(caplog):
    seconds = [100.0]
    display = ProgressDisplay(12_000, 2_000, main=True, clock=lambda: seconds[0])
    losses = iter([0.5, 0.25])
    with caplog.at_level("INFO", logger="train"):
        for _ in range(4):  # 35 seconds for 500 samples each
            seconds[0] += 35
            display.update(500, lambda: next(losses))
        display.restart()
        seconds[0] += 59
        display.update(500, lambda: next(losses))
    assert [record.getMessage() for record in caplog.records] == [
        "samples 3,000 of 12,000  loss 0.5000  rate 14.3/s  0:10:30 left",
        "samples 4,000 of 12,000  loss 0.2500  rate 14.3/s  0:09:20 left",
    ]


def test_only_the_main_process_writes_lines(caplog):
    seconds = [0.0]
    display = ProgressDisplay(10, 0, main=False, clock=lambda: seconds[0])
    seconds[0] = 90.0
    with caplog.at_level("INFO", logger="train"):
        display.update(4, lambda: 1.0)
    assert not caplog.records
