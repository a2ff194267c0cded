from __future__ import annotations

import io
import re

from registry.progress import Meter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_for_each_file() -> None:
    stream = Terminal()
    meter = Meter(stream)
    for name in ("model.pt", "config.json"):
        for done in (500, 501, 1000, 1000):
            meter(name, done, 1000)
    shown = stream.getvalue()
    for name in ("model.pt", "config.json"):
        drawn = [part for part in re.split("[\r\n]", shown) if part.startswith(f"{name}: ")]
        assert " 50%" in drawn[0] and "100%" in drawn[-1] and "1.00k/1.00k" in drawn[-1]
        assert sum("100%" in part for part in drawn) == 1


def test_a_log_has_one_line_per_complete_file() -> None:
    stream = io.StringIO()
    meter = Meter(stream)
    for done in (0, 500, 1000, 1000):
        meter("model.pt", done, 1000)
    assert stream.getvalue() == "model.pt 1.0 kB\n"
