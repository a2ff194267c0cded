"""Reading the tables of `python -m train candidates`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liverseg.core.lesion_model import FEATURES
from train.data.dataset import DatasetFolder
from train.data.folds import group_of
from train.errors import TrainError
from train.evaluation.candidates import reference_file
from train.evaluation.scans import scan_names
from train.lesions.table import CandidateTable


def read_candidates(path: Path, mode: str, folders: Sequence[DatasetFolder]) -> CandidateTable:
    """The candidates of one mode ("volume" or "slice") in a table and its table of reference lesions.

    `folders` are the dataset folders whose val scans were scored: they name the scans that have no candidate
    and no lesion. In slice mode every slice counts as a scan of its own, in the group of its scan. Candidates
    that partial labels leave open are left out. Raises `TrainError` if a table is missing or incomplete.
    """
    groups = _groups(folders, mode)
    features: dict[str, list[float]] = {name: [] for name in FEATURES}
    real, scans = [], []
    number: dict[tuple[str, str], int] = {}  # scan and candidate -> row
    try:
        for row in _rows(path):
            if row["mode"] != mode or row["real"] == "":
                continue
            scan = _scan(row, mode)
            number[scan, row["candidate"]] = len(real)
            real.append(row["real"] == "1")
            scans.append(scan)
            for name, values in features.items():
                values.append(float(row[name]))
        references = tuple(
            (scan, tuple(number[scan, c] for c in row["touched_by"].split() if (scan, c) in number))
            for row in _rows(reference_file(path))
            if row["mode"] == mode and (scan := _scan(row, mode))
        )
    except (OSError, KeyError, ValueError) as error:
        raise TrainError(f"{path} is not a table of `python -m train candidates`: {error}.") from error
    unknown = ({*scans} | {scan for scan, _ in references}) - groups.keys()
    if unknown:
        raise TrainError(f"The datasets do not hold scan {min(unknown)} of {path} as val.")
    return CandidateTable(
        {name: np.array(values) for name, values in features.items()},
        np.array(real, bool),
        np.array(scans, dtype=object),
        references,
        groups,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def _scan(row: dict[str, str], mode: str) -> str:
    """The name under which a row's scan, or its slice, counts."""
    name = f"{row['dataset']}/{row['scan']}"
    return name if mode == "volume" else f"{name}/{row['index']}"


def _groups(folders: Sequence[DatasetFolder], mode: str) -> dict[str, str]:
    """The group of every val scan, or of every slice of one."""
    groups: dict[str, str] = {}
    for folder in folders:
        val = set(scan_names(folder, "val"))
        for row in folder.rows:
            if row.scan in val and row.split == "val":
                scan = {"dataset": folder.name, "scan": row.scan, "index": str(row.index)}
                groups[_scan(scan, mode)] = group_of(folder.about, row.scan)
    return groups
