"""The content of every output file: one encoder for each format that `liverseg.io.write` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from liverseg.analysis.lesions import lesion_numbers, lesion_volume
from liverseg.analysis.report import Report
from liverseg.core.image import CTImage
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import Window
from liverseg.io.files import result_date
from liverseg.io.glb import glb_bytes
from liverseg.io.picture.png import png_bytes

PNG_FULL_SCALE = 65535
"""The value of probability 1 in the 16-bit `tumour_probability.png`."""


@dataclass(frozen=True)
class Results:
    """The results of one image, and the window, slice and point (None: the default ones) of its pictures."""

    ct: CTImage
    seg: Segmentation
    report: Report
    window: Window | None
    slice_index: int | None
    row_column: tuple[int, int] | None = None  # of the point in `slice_index`
    with_seg: bool = False  # whether the DICOM SEG is among the files, so that others may refer to it


_Files = Iterator[tuple[str, bytes]]  # file name and content, encoded on demand


def encode_png(array: np.ndarray) -> bytes:
    """A PNG file of grey (H, W) uint8 or uint16 or RGB (H, W, 3) uint8, values unchanged."""
    return png_bytes(array, smooth=array.ndim == 3 or array.dtype != np.uint8)  # 8-bit grey holds labels


def _nifti(results: Results) -> _Files:
    from liverseg.io.nifti.write import nifti_gz_bytes  # nibabel is slow to load

    ct, seg = results.ct, results.seg
    edited = " (edited)" if seg.rejected or seg.hand_edits else ""
    labels = f"liverseg{edited}: 0 background, 1 liver, 2 tumour"
    yield "labels.nii.gz", nifti_gz_bytes(ct, seg.labels, labels)
    if seg.has_probabilities:
        tumour = nifti_gz_bytes(ct, seg.tumour_probability, "liverseg: tumour probability", np.float32)
        yield "tumour_probability.nii.gz", tumour
    numbers = lesion_volume(seg)
    yield "lesions.nii.gz", nifti_gz_bytes(ct, numbers, "liverseg: lesion numbers as in report.json")


def _png(results: Results) -> _Files:
    ct, seg, index = results.ct, results.seg, results.slice_index
    is_slice = len(ct.hu) == 1
    if not is_slice and index is None:
        return
    index = index or 0
    labels, probability = (
        _on_input_rows(ct, array) if is_slice else array[index]
        for array in (seg.labels, seg.tumour_probability)
    )
    yield "labels.png", encode_png(labels)
    if seg.has_probabilities:
        scaled = np.clip(probability, 0, 1).astype(np.float32) * PNG_FULL_SCALE
        yield "tumour_probability.png", encode_png(np.round(scaled).astype(np.uint16))
    numbers = _on_input_rows(ct, lesion_volume(seg)) if is_slice else lesion_numbers(seg, index)
    yield "lesions.png", encode_png(numbers)


def _on_input_rows(ct: CTImage, array: np.ndarray) -> np.ndarray:
    """A single-slice array (1, H, W) as a picture that overlays the input.

    A picture or a DICOM slice keeps the rows and columns of its file. A volume file (NIfTI, NRRD, MetaImage)
    has axes, not rows and columns; its picture is the radiological view.
    """
    if ct.has_file_axes:
        picture: np.ndarray = array[0]
        return picture
    native = ct.native.to_native(array)
    return native if native.ndim == 2 else native.squeeze(axis=ct.native.axes[0])


def _seg(results: Results) -> _Files:
    from liverseg.io.dicom.seg import seg_bytes  # highdicom takes a second to load

    yield "segmentation.dcm", seg_bytes(results.ct, results.seg)


def _rtstruct(results: Results) -> _Files:
    from liverseg.io.dicom.rtstruct import rtstruct_bytes

    yield "rtstruct.dcm", rtstruct_bytes(results.ct, results.seg)


def _sr(results: Results) -> _Files:
    from liverseg.io.dicom.seg import seg_identity
    from liverseg.io.dicom.sr import sr_bytes

    ct, seg = results.ct, results.seg
    written = seg_identity(ct, seg) if results.with_seg else None
    yield "structured_report.dcm", sr_bytes(ct, seg, results.report, written)


def _sc(results: Results) -> _Files:
    from liverseg.io.dicom.sc import sc_bytes

    for number, content in sc_bytes(
        results.ct, results.seg, results.report, results.window, results.slice_index
    ):
        yield f"secondary_capture_{number:04d}.dcm", content


def _csv(results: Results) -> _Files:
    yield "report.csv", results.report.to_csv().encode()


def _pdf(results: Results) -> _Files:
    from liverseg.io.pdf.report import report_pdf  # ReportLab is slow to load

    index, row_column = results.slice_index, results.row_column
    shown = index if index is None or row_column is None else (index, *row_column)
    page = report_pdf(results.ct, results.seg, results.report, results.window, shown, result_date())
    yield "report.pdf", page


def _glb(results: Results) -> _Files:
    yield "mesh.glb", glb_bytes(results.ct, results.seg)


ENCODERS: dict[str, Callable[[Results], _Files]] = {
    "nifti": _nifti,
    "png": _png,
    "seg": _seg,
    "rtstruct": _rtstruct,
    "sr": _sr,
    "sc": _sc,
    "csv": _csv,
    "pdf": _pdf,
    "glb": _glb,
}
"""The encoder of each format, in the order of writing. JSON has none: the report is always written, last."""
