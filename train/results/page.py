"""`train/RESULTS.md` from the registry's manifests and the records that evaluations left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from registry import Checkpoint
from train.errors import TrainError
from train.results.ablations import ablations_table, read_ablations
from train.results.checkpoints import checkpoints_table, protocols, scores_table
from train.results.crossvalidations import crossvalidation_section
from train.results.published import published_table

ABLATIONS = "ablations.json"
CROSSVALIDATIONS = "crossvalidation-*.json"
NOTES = "notes.md"

HEAD = """# Results

Written by `python -m train results`; edit the records in `train/results/data/`, not this page.

Dice of the liver means liver and tumour together (label 1 and 2), as LiTS has it; every slice counts at
full resolution, those without liver included. *Pooled* takes the pixels of all scans together, *per scan*
is the mean over the scans whose reference shows the structure. Brackets are 95 % bootstrap intervals over
scans, n is the number of scans. Everything was trained and scored on slices, two scan slices apart; the
challenge's numbers are of whole volumes on hidden scans."""


def results_page(checkpoints: Sequence[Checkpoint], records: Path) -> str:
    """The page as Markdown; `records` holds ablations, cross-validations and notes.

    Raises `TrainError` when a record is missing or is something else.
    """
    parts = [HEAD, "## Checkpoints", checkpoints_table(checkpoints), scores_table(checkpoints)]
    parts += ["Protocols:", "\n".join(protocols(checkpoints)), "## Cross-validation"]
    for path in sorted(records.glob(CROSSVALIDATIONS)):
        parts.append(crossvalidation_section(_read(path)))
    parts += ["## What was tried", ablations_table(read_ablations(records / ABLATIONS))]
    try:
        parts.append((records / NOTES).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise TrainError(f"{records} holds no {NOTES}: {error.strerror}.") from error
    parts += ["## Beside others", published_table()]
    return "\n\n".join(parts) + "\n"


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path} cannot be read: {error}.") from error
