from __future__ import annotations

import io

from registry.progress import Meter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_per_file_that_counts_up() -> None:
    stream = Terminal()
    meter = Meter(stream)
    for done in (0, 500, 501, 1000, 1000):
        meter("model.pt", done, 1000)
    assert stream.getvalue().split("\r\x1b[K") == [
        "",
        "model.pt   0 %",
        "model.pt  50 %",
        "model.pt 1.0 kB\n",
    ]


def test_a_log_has_one_line_per_complete_file() -> None:
    stream = io.StringIO()
    meter = Meter(stream)
    for done in (0, 500, 1000, 1000):
        meter("model.pt", done, 1000)
    assert stream.getvalue() == "model.pt 1.0 kB\n"
