"""Write results to a folder: report, labels, probabilities, lesion numbers and the overview picture.

Labels, lesion numbers and probabilities have the grid of the input, so that they overlay the file they were
computed from: pictures pixel by pixel, NIfTI files voxel by voxel, DICOM SEG and RTSTRUCT slice by slice.
NIfTI written for a DICOM input lies in patient coordinates; its axes are columns, rows and slices of the
radiological grid.

The same result gives the same bytes, except for `timing_s` in the report and the date in PDF and DICOM files,
which `SOURCE_DATE_EPOCH` sets. Every file is written under a temporary name and then renamed, so that none is
ever incomplete.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liverseg.analysis.compare import Agreement, comparison_json
from liverseg.analysis.report import Report
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.io.encoders import ENCODERS, Results, encode_png
from liverseg.io.files import unwritable_folder, write_atomically
from liverseg.io.formats import check_formats
from liverseg.rendering.slice_view import overview

if TYPE_CHECKING:
    from liverseg.analysis.follow.follow_up import FollowUp


def make_folder(out_dir: str | os.PathLike[str]) -> Path:
    """The output folder, created if needed. Raises `InvalidSetting` where it cannot be written to."""
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unwritable_folder(error) from error
    return folder


@dataclass(frozen=True)
class ResultView:
    """Which slice the files of single slices show, and in which window."""

    window: Window | None = None  # None: the window a picture was made with, otherwise 40/400
    slice_index: int | None = None  # from 0; None: all of the input, and `default_slice` in pictures
    row_column: tuple[int, int] | None = None  # where the PDF's other views cut; None: `default_point`


WHOLE_INPUT = ResultView()


def write_results(
    out_dir: str | os.PathLike[str],
    ct: CTImage,
    seg: Segmentation,
    report: Report,
    formats: Iterable[str] | None = None,
    view: ResultView = WHOLE_INPUT,
) -> list[Path]:
    """Write the results of one image into a folder, which is created if needed; returns the files.

    - always: `report.json` and `overview.png`, which shows slice, segmentation and heatmap of `view`.
    - "nifti": `labels.nii.gz` (uint8 0, 1, 2), `tumour_probability.nii.gz` (float32) and `lesions.nii.gz`
      (uint16, the number of each lesion in the report, likely or not), in the patient coordinates of the
      input; a picture has none, so its origin is its first pixel.
    - "png": `labels.png` (8-bit 0, 1, 2), `tumour_probability.png` (16-bit, 65535 is 1) and `lesions.png`
      (16-bit, the numbers) of a single slice, or of the slice in `view` of a volume, in radiological view.
    - "seg", "rtstruct", "sr" of DICOM input: `segmentation.dcm`, `rtstruct.dcm` and `structured_report.dcm`
      (see `liverseg.io.dicom`).
    - "sc" of DICOM input: `secondary_capture_0001.dcm` and so on, one picture for each slice with liver or
      tumour, numbered from the lowest slice of the input on.
    - "csv": `report.csv`, one row per lesion.
    - "pdf": `report.pdf`, one dated page (see `liverseg.io.pdf.report`).
    - "glb": `mesh.glb` of a volume with a known spacing (see `liverseg.io.glb`).

    `formats` None stands for `default_formats`. Raises `InvalidSetting` as `check_formats` does, for a slice
    that does not exist, and for a folder that cannot be written to.
    """
    chosen = check_formats(ct, formats, view.slice_index)
    picture = overview(ct, seg, view.slice_index, view.window or ct.assumed_window or DEFAULT_WINDOW)
    results = Results(
        ct, seg, report, view.window, view.slice_index, view.row_column, with_seg="seg" in chosen
    )

    folder = make_folder(out_dir)
    written: list[Path] = []
    try:
        for encoder in (encoder for name, encoder in ENCODERS.items() if name in chosen):
            written += [_write(folder / name, content) for name, content in encoder(results)]
        written.append(_write(folder / "overview.png", encode_png(picture)))
        # The report comes last: its presence means that the other files are complete.
        written.append(_write(folder / "report.json", report.to_json().encode()))
    except OSError as error:
        raise unwritable_folder(error) from error
    return written


def write_comparison(
    out_dir: str | os.PathLike[str],
    agreement: Agreement,
    report_a: Report,
    report_b: Report,
    picture: np.ndarray,
) -> list[Path]:
    """Write a comparison into a folder, which is created if needed; returns the files.

    They are `report_a.json`, `report_b.json`, `comparison.png` (`picture`, RGB) and, last, `comparison.json`,
    which includes both reports. Raises `InvalidSetting` for a folder that cannot be written to.
    """
    contents = {
        "report_a.json": report_a.to_json().encode(),
        "report_b.json": report_b.to_json().encode(),
        "comparison.png": encode_png(picture),
        "comparison.json": comparison_json(agreement, report_a, report_b).encode(),
    }
    return _write_all(out_dir, contents)


def write_follow_up(out_dir: str | os.PathLike[str], found: FollowUp, picture: np.ndarray) -> list[Path]:
    """Write a follow-up into a folder, which is created if needed; returns the files.

    They are `report_baseline.json`, `report_follow_up.json`, `follow.png` (`picture`, RGB), `follow.csv` and,
    last, `follow.json`. Raises `InvalidSetting` for a folder that cannot be written to.
    """
    contents = {
        "report_baseline.json": found.baseline.to_json().encode(),
        "report_follow_up.json": found.follow_up.to_json().encode(),
        "follow.png": encode_png(picture),
        "follow.csv": found.to_csv().encode(),
        "follow.json": found.to_json().encode(),
    }
    return _write_all(out_dir, contents)


def _write_all(out_dir: str | os.PathLike[str], contents: dict[str, bytes]) -> list[Path]:
    """Write files by name in their order into a folder, which is created if needed."""
    folder = make_folder(out_dir)
    try:
        return [_write(folder / name, content) for name, content in contents.items()]
    except OSError as error:
        raise unwritable_folder(error) from error


def _write(path: Path, content: bytes) -> Path:
    write_atomically(path, content)
    return path
