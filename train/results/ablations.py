"""Ablations: the scores of training variants, read from `data/ablations.json`."""

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
"""The questions that the table lists first, in this order, and whose absence it states."""


@dataclass(frozen=True)
class Ablation:
    """The Dice scores of one variant; the variants of a question are scored on the same scans."""

    question: str  # the varied property
    variant: str
    scored_on: str  # the split or fold
    liver_global: float
    liver_per_case: float
    tumour_global: float
    tumour_per_case: float
    note: str = ""


def read_ablations(path: Path) -> list[Ablation]:
    """The variants in a JSON file. Raises `TrainError` when it is not a list of `Ablation` objects."""
    try:
        return [Ablation(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, TypeError, ValueError) as error:
        raise TrainError(f"{path} holds no ablations: {error}.") from error


def ablations_table(rows: list[Ablation]) -> str:
    """A Markdown table with the rows grouped by question, in the order of `QUESTIONS`.

    Within a question the rows keep their order, because a note may refer to an earlier row. A line below the
    table names the `QUESTIONS` without a row.
    """
    lines = [
        "| question | variant | scored on | liver, pooled | per scan | tumour, pooled | per scan | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    answered = [row.question for row in rows]
    order = [*QUESTIONS, *dict.fromkeys(question for question in answered if question not in QUESTIONS)]
    previous = ""
    for row in sorted(rows, key=lambda row: order.index(row.question)):
        numbers = (row.liver_global, row.liver_per_case, row.tumour_global, row.tumour_per_case)
        cells = [row.variant, row.scored_on, *(f"{number:.3f}" for number in numbers), row.note]
        lines.append(f"| {'' if row.question == previous else row.question} | " + " | ".join(cells) + " |")
        previous = row.question
    missing = [question for question in QUESTIONS if question not in answered]
    if missing:
        lines += ["", f"Without a row of their own: {', '.join(missing)}."]
    return "\n".join(lines)
