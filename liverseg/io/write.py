"""Results to a folder: report, labels, probabilities and the overview picture.

Labels and probabilities lie on the input's own grid, so that they overlay the file they came
from: pictures pixel by pixel, NIfTI of a NIfTI file voxel by voxel, DICOM SEG and RTSTRUCT slice by slice,
and NIfTI of DICOM in the patient's coordinates (its axes are columns, rows and slices of the radiological
grid). The same result is the same bytes, but for `timing_s` in the report and the day in PDF and DICOM,
which `SOURCE_DATE_EPOCH` sets. Every file is written under a temporary name and renamed, so none is ever
half there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liverseg.analysis.compare import Agreement, comparison_json
from liverseg.analysis.report import Report
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS
from liverseg.io.dicom.references import referable_slices, thickness_mm
from liverseg.io.files import day_of_making, write_atomically
from liverseg.io.glb import glb_bytes
from liverseg.io.picture.png import png_bytes
from liverseg.rendering.mesh import check_meshable
from liverseg.rendering.slice_view import overview

PNG_FULL_SCALE = 65535
"""The value of probability 1 in the 16-bit `tumour_probability.png`."""


def default_formats(ct: CTImage) -> tuple[str, ...]:
    """NIfTI for a NIfTI file and for every volume, else PNG; always with the table and the report.

    A picture has no millimetres to keep, and a lone DICOM slice is looked at as a picture.
    """
    grid = "nifti" if ct.source_format == "nifti" or ct.kind == "volume" else "png"
    return (grid, "csv", "json")


def _own_picture_grid(ct: CTImage, array: np.ndarray) -> np.ndarray:
    """A one-slice array (1, H, W) as the picture to lay over the input's own.

    A picture or a DICOM slice keeps the rows and columns of its file. The axes of a NIfTI file are
    no picture's; there it is the radiological view.
    """
    if ct.source_format == "nifti":
        picture: np.ndarray = array[0]
        return picture
    native = ct.native.to_native(array)
    return native if native.ndim == 2 else native.squeeze(axis=ct.native.axes[0])


def _png(array: np.ndarray) -> bytes:
    """A grey (H, W) or RGB (H, W, 3) array as PNG, values unchanged."""
    return png_bytes(array, smooth=array.ndim == 3 or array.dtype != np.uint8)  # 8-bit grey is labels


def _write(path: Path, content: bytes) -> Path:
    write_atomically(path, content)
    return path


@dataclass(frozen=True)
class _Results:
    """What there is to be written of one image."""

    ct: CTImage
    seg: Segmentation
    report: Report
    window: Window | None
    slice_index: int | None


_Files = Iterator[tuple[str, bytes]]  # name and content, made when it is asked for


def _nifti_files(results: _Results) -> _Files:
    from liverseg.io.nifti.write import packed_nifti  # nibabel takes as long to load as a slice takes

    ct, seg = results.ct, results.seg
    yield "labels.nii.gz", packed_nifti(ct, seg.labels, "liverseg: 0 background, 1 liver, 2 tumour")
    tumour = packed_nifti(ct, seg.tumour_probability, "liverseg: tumour probability", np.float32)
    yield "tumour_probability.nii.gz", tumour


def _png_files(results: _Results) -> _Files:
    ct, seg, index = results.ct, results.seg, results.slice_index
    if len(ct.hu) > 1 and index is None:
        return
    for name, values in (("labels", seg.labels), ("tumour_probability", seg.tumour_probability)):
        one = _own_picture_grid(ct, values) if len(ct.hu) == 1 else values[index]
        told = one if name == "labels" else _sixteen_bits(np.clip(one, 0, 1))
        yield f"{name}.png", _png(told)


def _seg_files(results: _Results) -> _Files:
    from liverseg.io.dicom.seg import seg_bytes  # highdicom takes a second to load

    yield "segmentation.dcm", seg_bytes(results.ct, results.seg)


def _rtstruct_files(results: _Results) -> _Files:
    from liverseg.io.dicom.rtstruct import rtstruct_bytes

    yield "rtstruct.dcm", rtstruct_bytes(results.ct, results.seg)


def _csv_files(results: _Results) -> _Files:
    yield "report.csv", results.report.to_csv().encode()


def _pdf_files(results: _Results) -> _Files:
    from liverseg.io.pdf.report import report_pdf  # the PDF library is slow to load

    page = report_pdf(
        results.ct, results.seg, results.report, results.window, results.slice_index, made=day_of_making()
    )
    yield "report.pdf", page


def _glb_files(results: _Results) -> _Files:
    yield "mesh.glb", glb_bytes(results.ct, results.seg)


_WRITERS: dict[str, Callable[[_Results], _Files]] = {
    "nifti": _nifti_files,
    "png": _png_files,
    "seg": _seg_files,
    "rtstruct": _rtstruct_files,
    "csv": _csv_files,
    "pdf": _pdf_files,
    "glb": _glb_files,
}
"""The files of each format but json, in the order in which they are written."""


def _sixteen_bits(probability: np.ndarray) -> np.ndarray:
    return np.round(probability.astype(np.float32) * PNG_FULL_SCALE).astype(np.uint16)


def check_formats(
    ct: CTImage, formats: Iterable[str] | None, slice_index: int | None = None
) -> tuple[str, ...]:
    """The formats to write, None being `default_formats`.

    Raises `InvalidSetting` for one that is not known, where a volume's labels would not be written
    at all because PNG holds one slice, for a SEG or RTSTRUCT of what is no DICOM image to refer to, and for a
    mesh of a slice or without a known spacing.
    """
    chosen = tuple(default_formats(ct) if formats is None else formats)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise InvalidSetting(f"The format {unknown[0]!r} is not known: choose among {', '.join(FORMATS)}.")
    if "seg" in chosen or "rtstruct" in chosen:
        slices = referable_slices(ct)
        if "seg" in chosen:
            thickness_mm(slices)
    of_volumes = {"nifti", "seg", "rtstruct"}
    if "png" in chosen and not of_volumes & set(chosen) and len(ct.hu) > 1 and slice_index is None:
        raise InvalidSetting("PNG holds one slice: ask for nifti, or name one slice of the volume.")
    if "glb" in chosen:
        check_meshable(ct, slice_index)
    return chosen


def make_folder(out_dir: str | os.PathLike[str]) -> Path:
    """The output folder, made if needed. Raises `InvalidSetting` when it cannot be written to."""
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _not_writable(error) from error
    return folder


def _not_writable(error: OSError) -> InvalidSetting:
    why = (error.strerror or "unknown reason").lower()
    return InvalidSetting(f"The results cannot be written to the output folder: {why}.")


def write_results(
    out_dir: str | os.PathLike[str],
    ct: CTImage,
    seg: Segmentation,
    report: Report,
    formats: Iterable[str] | None = None,
    window: Window | None = None,
    slice_index: int | None = None,
) -> list[Path]:
    """Write the results of one image into a folder, which is made if needed; returns the files.

    - `report.json` and `overview.png` (slice, segmentation and heatmap of `slice_index`, None: the
      most telling slice; in `window`, None: the one the picture was made with, else 40/400): always.
    - "nifti": `labels.nii.gz` (uint8 0, 1, 2) and `tumour_probability.nii.gz` (float32), where the
      file says that the patient lay; a picture does not, so there the origin is its first pixel.
    - "png": `labels.png` (8-bit 0, 1, 2) and `tumour_probability.png` (16-bit, 65535 is 1) of a
      single slice, or of the volume's slice `slice_index`, in radiological view.
    - "seg", "rtstruct" of DICOM: `segmentation.dcm` and `rtstruct.dcm` (see `liverseg.io.dicom`).
    - "csv": `report.csv`, a row a lesion.
    - "pdf": `report.pdf`, one page with its day of making (see `liverseg.io.pdf.report`).
    - "glb": `mesh.glb` of a volume with a known spacing (see `liverseg.io.glb`).

    `formats` None takes `default_formats`. Raises `InvalidSetting` as `check_formats` does, for a slice
    that is not there, or for a folder that cannot be written.
    """
    chosen = check_formats(ct, formats, slice_index)
    picture = overview(ct, seg, slice_index, window or ct.assumed_window or DEFAULT_WINDOW)
    results = _Results(ct, seg, report, window, slice_index)

    folder = make_folder(out_dir)
    written: list[Path] = []
    try:
        for name in (name for name in _WRITERS if name in chosen):
            written += [_write(folder / file, content) for file, content in _WRITERS[name](results)]
        written.append(_write(folder / "overview.png", _png(picture)))
        # Last, so that a report stands for results that are all there.
        written.append(_write(folder / "report.json", report.to_json().encode()))
    except OSError as error:
        raise _not_writable(error) from error
    return written


def write_comparison(
    out_dir: str | os.PathLike[str],
    agreement: Agreement,
    report_a: Report,
    report_b: Report,
    picture: np.ndarray,
) -> list[Path]:
    """Write a comparison into a folder, which is made if needed; returns the files.

    `report_a.json` and `report_b.json`, `comparison.png` (`picture`, RGB) and, last, `comparison.json`, which
    holds both reports too. Raises `InvalidSetting` for a folder that cannot be written.
    """
    folder = make_folder(out_dir)
    contents = {
        "report_a.json": report_a.to_json().encode(),
        "report_b.json": report_b.to_json().encode(),
        "comparison.png": _png(picture),
        "comparison.json": comparison_json(agreement, report_a, report_b).encode(),
    }
    try:
        return [_write(folder / name, content) for name, content in contents.items()]
    except OSError as error:
        raise _not_writable(error) from error
