"""Encodes the contours of the labels as a DICOM RT Structure Set, for treatment planning systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import LIVER, TUMOUR, Segmentation
from liverseg.io.dicom.contours import closed_contours
from liverseg.io.dicom.export_common import (
    MANUFACTURER,
    SERIES_NUMBERS,
    derived_uid,
    edited_description,
    file_bytes,
    is_automatic,
    long_string,
    series_description,
    set_anonymous_study,
    software_versions,
)
from liverseg.io.dicom.references import native_slices, referable_slices
from liverseg.io.files import result_date
from liverseg.rendering.colours import LIVER_RGB, RGB, TUMOUR_RGB

# Detached Study Management: retired, but still what the standard prescribes here.
_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
_CONTOUR_DATA = Tag("ContourData")


@dataclass(frozen=True)
class _Roi:
    """A region of interest: its labels and how it is described."""

    number: int
    name: str
    description: str
    labels: tuple[int, ...]
    interpreted_type: str
    rgb: RGB


_ROIS = (
    _Roi(1, "Liver", "Liver including its tumours", (LIVER, TUMOUR), "ORGAN", LIVER_RGB),
    _Roi(2, "Tumour", "Tumours of the liver", (TUMOUR,), "GTV", TUMOUR_RGB),
)


def rtstruct_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """The labels as closed planar contours on the slices of the series of `ct`, as a DICOM file.

    ROI Liver, of type ORGAN, is the organ including its tumours (labels 1 and 2), as treatment planning
    expects; ROI Tumour, of type GTV, is label 2. Both are present even without a contour. A contour runs
    along the pixel edges in the plane of its slice, with holes as keyholes (see
    `liverseg.io.dicom.contours`). Lesions that the user rejected are not part of ROI Tumour; the descriptions
    then say that the result was edited. Raises `InvalidSetting` as
    `liverseg.io.dicom.references.referable_slices` does.
    """
    slices = referable_slices(ct)
    labels = native_slices(ct, seg.labels)  # (slices, rows, columns)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = derived_uid("RTSTRUCT", slices, seg)
    # The contour of a large liver may exceed 65,534 bytes, the limit of a DS element with explicit VR.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    rtss = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    rtss.SOPClassUID, rtss.SOPInstanceUID = RTStructureSetStorage, meta.MediaStorageSOPInstanceUID
    set_anonymous_study(rtss, slices)
    rtss.Modality, rtss.SeriesInstanceUID = "RTSTRUCT", derived_uid("RTSTRUCT series", slices, seg)
    rtss.SeriesNumber, rtss.InstanceNumber = SERIES_NUMBERS["RTSTRUCT"], 1
    rtss.SeriesDescription, rtss.OperatorsName = series_description(seg), ""
    rtss.Manufacturer, rtss.ManufacturerModelName = MANUFACTURER, "liverseg"
    rtss.SoftwareVersions = software_versions(seg.checkpoint)
    rtss.StructureSetLabel = "liverseg"
    rtss.StructureSetDate, rtss.StructureSetTime = f"{result_date():%Y%m%d}", ""
    rtss.ApprovalStatus = "UNAPPROVED"
    rtss.ReferencedFrameOfReferenceSequence = [_frame_of_reference(slices)]
    rtss.StructureSetROISequence = []
    rtss.ROIContourSequence = []
    rtss.RTROIObservationsSequence = []
    algorithm = long_string(f"liverseg, {seg.checkpoint.ref}")
    automatic = "AUTOMATIC" if is_automatic(seg) else "SEMIAUTOMATIC"
    for roi in _ROIS:
        item = Dataset()
        item.ROINumber, item.ROIName = roi.number, roi.name
        item.ROIDescription = edited_description(roi.description, seg)
        item.ReferencedFrameOfReferenceUID = slices[0].frame_of_reference_uid
        item.ROIGenerationAlgorithm, item.ROIGenerationDescription = automatic, algorithm
        rtss.StructureSetROISequence.append(item)
        rtss.ROIContourSequence.append(_roi_contour(roi, labels, slices))
        observation = Dataset()
        observation.ObservationNumber = observation.ReferencedROINumber = roi.number
        observation.RTROIInterpretedType, observation.ROIInterpreter = roi.interpreted_type, ""
        rtss.RTROIObservationsSequence.append(observation)
    return file_bytes(rtss)


def _frame_of_reference(slices: tuple[SliceReference, ...]) -> Dataset:
    """The item that references the frame of reference, the study, the series and each of its images."""
    images: dict[str, list[SliceReference]] = {}
    for one in slices:
        images.setdefault(one.sop_instance_uid, []).append(one)
    series = Dataset()
    series.SeriesInstanceUID = slices[0].series_uid
    series.ContourImageSequence = [_image_reference(frames) for frames in images.values()]
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = _STUDY_CLASS, slices[0].study_uid
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = slices[0].frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _image_reference(frames: list[SliceReference]) -> Dataset:
    """The item that references one image, and its frames if it is a multi-frame image."""
    image = Dataset()
    image.ReferencedSOPClassUID = frames[0].sop_class_uid
    image.ReferencedSOPInstanceUID = frames[0].sop_instance_uid
    numbers = [one.frame_number for one in frames if one.frame_number is not None]
    if numbers:
        image.ReferencedFrameNumber = sorted(numbers)
    return image


def _roi_contour(roi: _Roi, labels: np.ndarray, slices: tuple[SliceReference, ...]) -> Dataset:
    """The contours of an ROI from labels (slices, rows, columns).

    Without contours the item has no ContourSequence, as the standard allows.
    """
    item = Dataset()
    item.ROIDisplayColor, item.ReferencedROINumber = list(roi.rgb), roi.number
    contours = []
    for values, one in zip(labels, slices, strict=True):
        if values.any():
            contours += _contours(np.isin(values, roi.labels), one)
    if contours:
        item.ContourSequence = contours
    return item


def _contours(mask: np.ndarray, one: SliceReference) -> Iterator[Dataset]:
    """The contours of the mask (rows, columns) of one slice, in LPS mm."""
    affine = one.corner_affine()
    for corners in closed_contours(mask):
        points = np.column_stack([corners, np.ones(len(corners))]) @ affine.T  # (n, 3)
        contour = Dataset()
        contour.ContourImageSequence = [_image_reference([one])]
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(points)
        contour[_CONTOUR_DATA] = _raw_decimals(points)
        contour.set_original_encoding(
            True, True, default_encoding
        )  # keeps pydicom from converting the raw element
        yield contour


def _raw_decimals(points: np.ndarray) -> RawDataElement:
    """Points (n, 3) as a raw decimal string element; as pydicom values they take 600 bytes per coordinate."""
    text = "\\".join(_millimetres(value) for value in points.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(_CONTOUR_DATA, "DS", len(text), text, 0, True, True)


def _millimetres(value: float) -> str:
    """A coordinate in mm with six decimals, which fits the 16 characters of a decimal string.

    >>> _millimetres(-123.4500004), _millimetres(-0.0000001)
    ('-123.45', '0')
    """
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
