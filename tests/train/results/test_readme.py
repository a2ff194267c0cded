"""The scores in the README are those of the bundled manifests and of the recorded cross-validations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import train
from registry import open_registries

ROOT = Path(train.__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("\nValidation split of")[2].partition("\n## ")[0]
CHECKPOINTS = open_registries("bundled").list()


def numbers_in(value: Any) -> Iterator[float]:
    """All numbers in JSON values."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner)
    elif isinstance(value, int | float):
        yield value


def row_of(checkpoint: Any) -> list[str]:
    """The cells of the checkpoint's row in the table, without its name."""
    size = checkpoint.manifest.input.working_size
    start = f"| `{checkpoint.manifest.name}` {checkpoint.manifest.version} ({size} px"
    (row,) = (line for line in SECTION.splitlines() if line.startswith(start))
    return [cell.strip() for cell in row.strip("|").split("|")[1:]]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=lambda checkpoint: checkpoint.ref)
def test_the_table_shows_the_headline_of_every_bundled_checkpoint(checkpoint):
    values = checkpoint.manifest.metrics[0]["values"]
    expected = []
    for structure in ("liver", "tumour"):
        pooled = values["dice_global"][structure]
        low, high = pooled["interval_95"]
        expected.append(f"{pooled['value']:.3f} [{low:.3f}, {high:.3f}]")
    expected += [f"{values['dice_per_case'][structure]['value']:.3f}" for structure in ("liver", "tumour")]
    assert row_of(checkpoint) == expected


def test_every_score_of_the_section_is_recorded():
    records = [json.loads(path.read_text()) for path in (ROOT / "train/results/data").glob("cross*.json")]
    recorded = {f"{number:.3f}" for one in CHECKPOINTS for number in numbers_in(one.manifest.metrics)}
    recorded |= {f"{number:.3f}" for number in numbers_in([record["summary"] for record in records])}
    lines = [line for line in SECTION.splitlines() if not line.startswith("| reference run")]
    shown = re.findall(r"\b0\.\d{3}\b", "\n".join(lines))
    assert len(shown) > 30 and not [score for score in shown if score not in recorded]


def test_the_comparison_has_the_mean_of_the_cross_validation_on_29_scans():
    record = json.loads((ROOT / "train/results/data/crossvalidation-segformer-b0-folds.json").read_text())
    dice = [record["summary"][name]["dice_per_case"]["value"] for name in ("liver", "tumour")]
    assert f"five short runs on {record['n']['scans']} have {sum(dice) / 2:.2f} " in README
