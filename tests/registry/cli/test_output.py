"""Results on standard output, warnings on standard error."""

from __future__ import annotations

import json

import pytest

from registry.cli.output import dice_text, print_json, print_text, print_warnings


def test_json_is_indented_and_keeps_letters_beyond_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"citation": "Müller × 2", "metrics": [0.5, None]}
    print_json(value)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == value and captured.err == ""
    assert '\n  "citation": "Müller × 2",\n' in captured.out and captured.out.endswith("}\n")


def test_results_and_warnings_are_on_different_streams(capsys: pytest.CaptureFixture[str]) -> None:
    print_text("result")
    print_warnings([ValueError("first"), "second"])
    print_warnings([])
    captured = capsys.readouterr()
    assert captured.out == "result\n" and captured.err == "first\nsecond\n"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000"), (1, "1.000"), (0.9996, "1.000"), (0.28549, "0.285"), (None, "-")]
)
def test_a_dice_has_three_decimals(value: float | None, text: str) -> None:
    assert dice_text(value) == text
