"""The cases of `score`: pairs of a result and a reference, from two folders or a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from liverseg.cli.batch import stem_of
from liverseg.errors import InvalidSetting

RESULT_FILES = ("labels.nii.gz", "segmentation.dcm", "labels.png", "rtstruct.dcm")
"""Files of `segment` that hold a result, the first that is there counts."""

_COLUMNS = {"result", "reference"}


@dataclass(frozen=True)
class Case:
    """A result (a file of labels, or a scan) and its reference."""

    name: str
    result: Path
    reference: Path


def cases_of_folders(results: Path, references: Path) -> tuple[list[Case], list[str]]:
    """The cases of two folders, matched by name without extension, and the names without a partner.

    A result is a file, or a folder with the results of `segment` or with a DICOM series. Raises
    `InvalidSetting` where no name is in both.
    """
    found, given = _by_stem(results), _by_stem(references)
    cases = [Case(name, _result_in(found[name]), given[name]) for name in sorted(set(found) & set(given))]
    if not cases:
        raise InvalidSetting(
            "No result has the name of a reference; rename them, or give the pairs in a CSV file with the "
            "columns result and reference."
        )
    return cases, sorted(set(found) ^ set(given))


def cases_of_csv(path: Path) -> list[Case]:
    """The cases of a CSV file with the columns result, reference and, if wanted, case.

    Paths are relative to the file. Raises `InvalidSetting` for another content.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidSetting("The CSV file of pairs cannot be read.") from error
    if not rows or not set(rows[0]) >= _COLUMNS:
        raise InvalidSetting("The CSV file of pairs needs the columns result and reference and a row a case.")
    cases = []
    for number, row in enumerate(rows, start=1):
        if not all(row[column] for column in _COLUMNS):
            raise InvalidSetting(f"Row {number} of the CSV file of pairs lacks its result or its reference.")
        result, reference = (path.parent / str(row[column]) for column in ("result", "reference"))
        cases.append(Case(row.get("case") or stem_of(result.name), result, reference))
    names = [case.name for case in cases]
    if len(set(names)) < len(names):
        raise InvalidSetting("Two rows of the CSV file of pairs have the same name: add a column case.")
    return cases


def _by_stem(folder: Path) -> dict[str, Path]:
    """The entries of a folder by name without extension; hidden ones are left out."""
    entries: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        name = path.name if path.is_dir() else stem_of(path.name)
        if name in entries:
            raise InvalidSetting(f"Two entries of one folder have the name {name}: keep one of them.")
        entries[name] = path
    return entries


def _result_in(path: Path) -> Path:
    """The file with the labels in a folder of `segment`; a file, and a folder of DICOM, as it is."""
    found = [path / name for name in RESULT_FILES if (path / name).is_file()]
    return found[0] if found else path
