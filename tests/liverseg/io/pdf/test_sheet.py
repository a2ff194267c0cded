"""Text in the characters of the font and within its width."""

from __future__ import annotations

from liverseg.io.pdf.sheet import printable, width_of, wrapped


def test_unknown_characters_are_replaced_and_lines_fit_the_width():
    assert printable("1\u202f234 mm² \u6f22") == "1\u00a0234 mm² ?"
    words = "a few words " * 20 + "x" * 200
    lines = wrapped(words, 8, 100)
    assert all(width_of(line, 8) <= 100 for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "")
    assert wrapped("", 8, 100) == []
