"""`train/RESULTS.md` from the registry's manifests and the records that evaluations left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from registry import Checkpoint
from train.errors import TrainError
from train.results.ablations import ablations_table, read_ablations
from train.results.checkpoints import calibration_table, checkpoints_table, protocols, scores_table
from train.results.crossvalidations import crossvalidation_section
from train.results.literature import published_table

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

CALIBRATION = """Platt scaling of the tumour probability inside the archive (`train/export/calibration.py`),
fitted to the pixels where the network or the reference shows liver. ECE is the expected calibration error of
tumour (15 bins), over those pixels and over the ones of them where the network's own probability is 1 % or
more, without which the many pixels near 0 hide everything. *After* is on the scans of the fit, *cross-fitted*
calibrates each scan by the others alone."""


def results_page(checkpoints: Sequence[Checkpoint], records: Path) -> str:
    """The page as Markdown; `records` holds ablations, cross-validations and notes.

    Raises `TrainError` when a record is missing or is something else.
    """
    parts = [HEAD, "## Checkpoints", checkpoints_table(checkpoints), scores_table(checkpoints)]
    parts += ["Protocols:", "\n".join(protocols(checkpoints))]
    if calibrations := calibration_table(checkpoints):
        parts += ["## Calibration of the tumour probability", CALIBRATION, calibrations]
    parts.append("## Cross-validation")
    for path in sorted(records.glob(CROSSVALIDATIONS)):
        name = path.stem.removeprefix("crossvalidation-")
        parts.append(crossvalidation_section(name, _read(path), _note(path.with_suffix(".md"))))
    parts += ["## What was tried", ablations_table(read_ablations(records / ABLATIONS))]
    parts.append(_note(records / NOTES))
    parts += ["## Beside others", published_table()]
    return "\n\n".join(parts) + "\n"


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path} cannot be read: {error}.") from error


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TrainError(f"{path} cannot be read: {error.strerror}.") from error
