"""What was tried: one row a variant, kept as data beside this module."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from train.errors import TrainError

QUESTIONS = (
    "context slices",
    "windows",
    "resolution",
    "augmentation",
    "weight averaging",
    "extra data",
    "size",
    "loss",
    "test-time flips",
)
"""What has to be tried, in the order of the table; other questions come after them."""


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
    """Markdown: the rows of a question together, `QUESTIONS` first; those without a row are named below.

    Within a question the rows stay in their order, for one may refer to the one before.
    """
    lines = [
        "| question | variant | scored on | liver, pooled | per scan | tumour, pooled | per scan | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    asked = [row.question for row in rows]
    order = [*QUESTIONS, *dict.fromkeys(question for question in asked if question not in QUESTIONS)]
    shown = ""
    for row in sorted(rows, key=lambda row: order.index(row.question)):
        numbers = (row.liver_global, row.liver_per_case, row.tumour_global, row.tumour_per_case)
        cells = [row.variant, row.scored_on, *(f"{number:.3f}" for number in numbers), row.note]
        lines.append(f"| {'' if row.question == shown else row.question} | " + " | ".join(cells) + " |")
        shown = row.question
    missing = [question for question in QUESTIONS if question not in asked]
    if missing:
        lines += ["", f"Without a row of their own: {', '.join(missing)}."]
    return "\n".join(lines)
