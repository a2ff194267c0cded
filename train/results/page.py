"""Builds `train/RESULTS.md` from the registry's manifests and the records of evaluations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from registry import Checkpoint
from train.errors import TrainError
from train.results.ablations import ablations_table, read_ablations
from train.results.checkpoints import calibration_table, checkpoints_table, protocol_list, scores_table
from train.results.crossvalidations import crossvalidation_section
from train.results.literature import published_table

ABLATIONS = "ablations.json"
CROSSVALIDATIONS = "crossvalidation-*.json"
NOTES = "notes.md"

HEAD = """# Results

This page is written by `python -m train results`. Edit the records in `train/results/data/`, not this page.

The Dice of the liver includes the tumour (labels 1 and 2), as in LiTS. All slices count at full resolution,
including those without liver. *Pooled* counts the pixels of all scans together; *per scan* is the mean over
the scans whose reference shows the structure. Brackets are 95 % bootstrap intervals over scans, and n is the
number of scans. All networks were trained and scored on slices, which in `lits-26` are two scan slices apart;
the scores of the LiTS challenge are for whole volumes of hidden scans."""

CALIBRATION = """Platt scaling of the tumour probability inside the archive (`train/export/calibration.py`),
fitted to the pixels where the network or the reference shows liver. ECE is the expected calibration error of
the tumour probability (15 bins) over these pixels. *From 1 %* is the ECE of those with an uncalibrated
probability of at least 1 %, because the many pixels near 0 dominate the first number. *After* is measured on
the scans of the fit; *cross-fitted* calibrates each scan by a fit to the other scans."""


def results_page(checkpoints: Sequence[Checkpoint], records: Path) -> str:
    """The page as Markdown; the folder `records` holds ablations, cross-validations and notes.

    Raises `TrainError` when a record is missing or invalid.
    """
    parts = [HEAD, "## Checkpoints", checkpoints_table(checkpoints), scores_table(checkpoints)]
    parts += ["Protocols:", "\n".join(protocol_list(checkpoints))]
    if calibrations := calibration_table(checkpoints):
        parts += ["## Calibration of the tumour probability", CALIBRATION, calibrations]
    parts.append("## Cross-validation")
    for path in sorted(records.glob(CROSSVALIDATIONS)):
        name = path.stem.removeprefix("crossvalidation-")
        parts.append(crossvalidation_section(name, _read_json(path), _read_text(path.with_suffix(".md"))))
    parts += ["## Ablations", ablations_table(read_ablations(records / ABLATIONS))]
    parts.append(_read_text(records / NOTES))
    parts += ["## Published results of other systems", published_table()]
    return "\n\n".join(parts) + "\n"


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"{path} cannot be read: {error}.") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise TrainError(f"{path} cannot be read: {error.strerror}.") from error
