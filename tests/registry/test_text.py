"""Text of a checkpoint on a terminal and in Markdown."""

from __future__ import annotations

import re

import pytest

from registry.text import markdown, one_line

HOSTILE = ("a\r\nb\x1b[31mred\x07", "line\u2028separator\u202eoverride", "tab\tnull\x00 end ", "\x9b31m")


@pytest.mark.parametrize("text", HOSTILE)
def test_one_line_has_no_control_characters(text: str) -> None:
    line = one_line(text)
    assert line.isprintable() and line == line.strip() and "  " not in line
    assert re.findall(r"\w+", line) == re.findall(r"\w+", text)  # nothing else is lost


def test_one_line_cuts_to_the_limit_and_keeps_what_fits() -> None:
    assert one_line("x" * 160) == "x" * 160 and one_line("x" * 161) == "x" * 159 + "…"
    assert one_line("größe × 3 mm²", 13) == "größe × 3 mm²" and one_line(12.5) == "12.5"
    assert one_line("\n" * 500 + "end", 5) == "end"  # the limit counts what is shown


def test_markdown_shows_special_characters_as_themselves() -> None:
    special = "\\`|<>[]"
    escaped = markdown(special)
    assert escaped == "".join("\\" + character for character in special)
    assert markdown("plain text, 3.5 (x)") == "plain text, 3.5 (x)"


def test_markdown_stays_on_one_line_and_in_one_cell() -> None:
    text = markdown("a | b\n---\n| c | <b>[x](http://y)</b>")
    assert "\n" not in text and not re.search(r"(?<!\\)[|<\[`]", text)
    assert text.replace("\\", "") == "a | b --- | c | <b>[x](http://y)</b>"
