"""Changes the files of a DICOM series, or packs them into a zip."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pydicom


def change_files(paths: Iterable[Path], elements: Callable[[int], dict[str, object]]) -> None:
    """Set elements of DICOM files: `elements(k)` gives the keywords and values for file k."""
    for k, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        for keyword, value in elements(k).items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)


def as_zip(paths: Iterable[Path], target: Path, names: list[str] | None = None) -> Path:
    """Pack files into a zip at `target`, under their own names or under `names`."""
    with zipfile.ZipFile(target, "w") as archive:
        for k, path in enumerate(paths):
            archive.write(path, names[k] if names else path.name)
    return target
