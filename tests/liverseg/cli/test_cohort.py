"""`python -m liverseg cohort` with the run replaced: options, printed lines and exit status."""

from __future__ import annotations

import importlib.util
import io

import pytest

import liverseg.cohort.run
from liverseg.__main__ import main
from liverseg.cli import cohort
from liverseg.cohort.run import CohortOptions, CohortOutcome, CohortProgress


@pytest.fixture
def runs(monkeypatch):
    """The arguments of every run; a run ends with `runs.outcome` after one message."""

    class Runs(list):
        outcome = CohortOutcome(rows=5, failures=0, aside=2, already=3, seconds=12.4)

    received = Runs()

    def run_cohort(source, out, options, on_progress, on_message):
        received.append((source, out, options))
        on_message("5 scans found")
        return received.outcome

    monkeypatch.setattr(liverseg.cohort.run, "run_cohort", run_cohort)
    return received


def test_the_options_reach_the_run(runs):
    command = ["cohort", "/data", "--out", "results", "--checkpoint", "a@1.0", "--engine", "torch"]
    command += ["--address", "auto", "--workers", "4", "--threads", "2", "--memory", "1.5"]
    command += ["--formats", "nifti, pdf", "--threshold", "0.3", "--keep-all"]
    assert main(command) == 0 and main(["cohort", "list.csv", "--out", "results"]) == 0
    options = CohortOptions("a@1.0", "torch", 0.3, True, ("nifti", "pdf"), "auto", 4, 2, 1_500_000_000)
    assert runs == [("/data", "results", options), ("list.csv", "results", CohortOptions())]


def test_results_are_printed_apart_from_messages(runs, capsys):
    assert main(["cohort", "/data", "--out", "results"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "5 scans found\n"
    first, second = captured.out.splitlines()
    assert (
        first == "5 scans in the table, 3 of them from an earlier run; 0 refused or failed, 2 left out; 12 s"
    )
    assert second.startswith("wrote results/summary.html")


def test_the_status_is_1_if_an_input_failed(runs):
    runs.outcome = CohortOutcome(rows=5, failures=1, aside=0, already=0, seconds=1.0)
    assert main(["cohort", "/data", "--out", "results"]) == 1


def test_missing_packages_are_named(runs, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    absent = ("ray", "fsspec")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in absent else find_spec(name, *rest)
    )
    assert main(["cohort", "/data", "--out", "results"]) == 1 and not runs
    assert capsys.readouterr().err == "Cohorts need ray, fsspec: pip install 'liverseg[cohort]'.\n"


def test_a_threshold_out_of_range_is_refused_before_the_run(runs, capsys):
    assert main(["cohort", "/data", "--out", "results", "--threshold", "2"]) == 1 and not runs
    assert "threshold" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--out", "x", "--workers", "0"],
        ["--out", "x", "--threads", "-2"],
        ["--out", "x", "--formats", "tiff"],
    ],
)
def test_wrong_usage_exits_2(options):
    with pytest.raises(SystemExit) as stopped:
        main(["cohort", "/data", *options])
    assert stopped.value.code == 2


def test_in_a_log_progress_is_printed_every_ten_seconds_and_at_the_end(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(cohort.time, "monotonic", lambda: clock[0])
    show = cohort._progress_display()
    for seconds, done in ((1, 1), (9, 2), (11, 20), (15, 21)):
        clock[0] = 100.0 + seconds
        show(CohortProgress(scans=100, done=done, failed=5, seconds=3600.0))
    assert capsys.readouterr().err == "25 of 100 scans, 5 failed, 25 an hour, 3.0 hours left\n"
    show(CohortProgress(scans=100, done=100, failed=0, seconds=3600.0))
    assert capsys.readouterr().err == "100 of 100 scans, 100 an hour, 0.0 hours left\n"


def test_a_terminal_shows_a_bar_with_the_failed_scans(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    show = cohort._progress_display()
    for done, failed in ((1, 0), (2, 1), (2, 2)):
        show(CohortProgress(scans=4, done=done, failed=failed, seconds=1.0))
    last = terminal.getvalue().split("\r")[-1]
    assert "4/4" in last and "2 failed" in last and last.endswith("\n")
