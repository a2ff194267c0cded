"""The progress bar of scored scans."""

from __future__ import annotations

import io

from train.cli.progress import scan_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_scans_are_yielded_one_at_a_time_without_a_bar_outside_a_terminal(capsys):
    taken = []

    def scans():
        for number in range(3):
            taken.append(number)
            yield number

    items = iter(scan_progress(scans(), 3))
    assert next(items) == 0 and taken == [0]
    assert list(items) == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_that_counts_scans(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert list(scan_progress(iter("abcd"), 4)) == list("abcd")
    assert "evaluating: 100%" in terminal.getvalue() and "4/4" in terminal.getvalue()
