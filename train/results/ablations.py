"""What was tried: one row a variant, kept as data beside this module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from train.errors import TrainError


@dataclass(frozen=True)
class Ablation:
    """One variant against the one it was compared with; Dice on the same scans."""

    question: str  # what is varied
    variant: str
    scored_on: str
    liver_global: float
    liver_per_case: float
    tumour_global: float
    tumour_per_case: float
    note: str = ""


def read_ablations(path: Path) -> list[Ablation]:
    """The variants of a JSON file, a list of objects. Raises `TrainError` when it is something else."""
    try:
        return [Ablation(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, TypeError, ValueError) as error:
        raise TrainError(f"{path} holds no ablations: {error}.") from error


def ablations_table(rows: list[Ablation]) -> str:
    """Markdown, grouped by question in the order of the rows."""
    lines = [
        "| question | variant | scored on | liver, pooled | per scan | tumour, pooled | per scan | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    asked = ""
    for row in rows:
        numbers = (row.liver_global, row.liver_per_case, row.tumour_global, row.tumour_per_case)
        cells = [row.variant, row.scored_on, *(f"{number:.3f}" for number in numbers), row.note]
        lines.append(f"| {'' if row.question == asked else row.question} | " + " | ".join(cells) + " |")
        asked = row.question
    return "\n".join(lines)
