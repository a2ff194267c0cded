"""The files of a result in an answer, for calls that name formats."""

from __future__ import annotations

from typing import Any

from liverseg.app.server import served_files
from liverseg.core.image import CTImage
from liverseg.core.window import Window
from liverseg.io import FORMATS
from liverseg.io.encoders import Results
from liverseg.io.formats import check_formats
from liverseg.io.result_files import StoredFormat, store_formats
from liverseg.pipeline import Analysis

ALL = "all"
"""The value of `formats` that stands for every possible format."""


def wanted_formats(text: str | None, ct: CTImage, slice_index: int | None) -> tuple[str, ...]:
    """The formats that the argument `formats` names for an image: none for null or an empty text.

    Raises `InvalidSetting` as `check_formats` does. With "all", and where DICOM files lack something that a
    format needs, the answer has the reason instead.

    >>> import numpy as np
    >>> from liverseg.core.geometry import upright_grid
    >>> hu = np.zeros((2, 64, 64), np.float32)
    >>> ct = CTImage(hu, None, "", "array", upright_grid(hu.shape), "volume")
    >>> wanted_formats("nifti, csv,nifti", ct, None), wanted_formats(" ", ct, None)
    (('nifti', 'csv'), ())
    """
    names = tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))
    if names == (ALL,):
        return FORMATS
    check_formats(ct, names, slice_index)
    return names


def with_files(
    report: dict[str, Any], analysis: Analysis, formats: tuple[str, ...], window: Window
) -> dict[str, Any]:
    """A report with the files of its result under `files`; unchanged where no format is wanted.

    `window` is that of the picture in the PDF.
    """
    if not formats:
        return report
    results = Results(analysis.ct, analysis.seg, analysis.report, window, analysis.slice_index)
    stored = store_formats(results, formats, served_files.store)
    return {**report, "files": [entry for one in stored for entry in _entries(one)]}


def _entries(stored: StoredFormat) -> list[dict[str, Any]]:
    if stored.reason:
        return [{"format": stored.format, "reason": stored.reason}]
    return [
        {
            "format": stored.format,
            "name": file.name,
            "bytes": file.size,
            "file": served_files.file_data(file.path),
        }
        for file in stored.files
    ]
