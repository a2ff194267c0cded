"""How the commands print: results on standard output, warnings on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any


def print_text(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text + "\n")


def print_json(value: Any) -> None:
    """Print a result as indented JSON."""
    print_text(json.dumps(value, indent=2, ensure_ascii=False))


def print_warnings(warnings: Iterable[object]) -> None:
    """Print warnings on standard error, one a line."""
    for warning in warnings:
        sys.stderr.write(f"{warning}\n")


def dice_text(value: float | None) -> str:
    """A Dice with three decimals, or a dash where it was not measured.

    >>> dice_text(0.92449), dice_text(None)
    ('0.924', '-')
    """
    return "-" if value is None else f"{value:.3f}"
