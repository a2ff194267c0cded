"""`python -m liverseg bench`: its options, and a package without the benchmark."""

from __future__ import annotations

import sys

import pytest

from benchmarks.speed import command
from liverseg.__main__ import main
from liverseg.cli import bench


def test_the_options_reach_the_benchmark_and_its_status_is_returned(monkeypatch):
    received = []
    monkeypatch.setattr(command, "run_command", lambda args: received.append(args) or 3)
    assert (
        main(["bench", "--sections", "slice,share", "--threads", "4", "--write", "page.md", "--guard"]) == 3
    )
    assert main(["bench"]) == 3
    given, default = received
    assert (given.sections, given.threads, given.write, given.guard) == ("slice,share", 4, "page.md", True)
    assert (default.sections, default.threads, default.write) == (None, None, None)
    assert not any([default.list, default.json, default.quick, default.guard, default.baseline])


@pytest.mark.parametrize("threads", ["0", "-1", "two"])
def test_a_wrong_number_of_threads_is_wrong_usage(threads, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--threads", threads])
    assert stopped.value.code == 2 and "--threads" in capsys.readouterr().err


def test_an_installed_package_without_the_benchmark_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)
    assert main(["bench"]) == 1
    assert "source checkout" in capsys.readouterr().err


def test_another_missing_module_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "benchmarks.speed.command", None)
    with pytest.raises(ModuleNotFoundError):
        main(["bench"])
