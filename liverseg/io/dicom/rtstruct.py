"""Contours as a DICOM RT Structure Set, for planning systems."""

from __future__ import annotations

from collections.abc import Iterator

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
    SERIES_DESCRIPTION,
    SERIES_NUMBERS,
    anonymous_study,
    derived_uid,
    file_bytes,
    long_string,
    software_versions,
)
from liverseg.io.dicom.references import native_slices, referable_slices
from liverseg.io.files import day_of_making
from liverseg.rendering.colours import LIVER_RGB, RGB, TUMOUR_RGB

_STUDY_CLASS = (
    "1.2.840.10008.3.1.2.3.1"  # Detached Study Management: what the standard has here, though retired
)
CONTOUR_DATA = Tag("ContourData")
_ROIS = (
    (1, "Liver", "Liver including its tumours", (LIVER, TUMOUR), "ORGAN", LIVER_RGB),
    (2, "Tumour", "Tumours of the liver", (TUMOUR,), "GTV", TUMOUR_RGB),
)


def rtstruct_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """The labels as closed planar contours on the slices of `ct`'s series.

    ROI Liver is the organ as planning wants it, tumours included (labels 1 and 2), of type ORGAN; ROI Tumour
    is label 2, of type GTV. Both are there even where one has no contour. A contour runs along the
    edges of the pixels, with holes as keyholes (see `dicom.contours`), in the plane of its slice. Raises
    `InvalidSetting` as `liverseg.io.dicom.references.referable_slices` does.
    """
    slices = referable_slices(ct)
    labels = native_slices(ct, seg.labels)  # (slices, rows, columns)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = derived_uid("RTSTRUCT", slices, seg)
    # The contour of a large liver may exceed the 65,534 bytes that an explicit VR allows an element.
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    rtss = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    rtss.SOPClassUID, rtss.SOPInstanceUID = RTStructureSetStorage, meta.MediaStorageSOPInstanceUID
    anonymous_study(rtss, slices)
    rtss.Modality, rtss.SeriesInstanceUID = "RTSTRUCT", derived_uid("RTSTRUCT series", slices, seg)
    rtss.SeriesNumber, rtss.InstanceNumber = SERIES_NUMBERS["RTSTRUCT"], 1
    rtss.SeriesDescription, rtss.OperatorsName = SERIES_DESCRIPTION, ""
    rtss.Manufacturer, rtss.ManufacturerModelName = MANUFACTURER, "liverseg"
    rtss.SoftwareVersions = software_versions(seg.checkpoint)
    rtss.StructureSetLabel = "liverseg"
    rtss.StructureSetDate, rtss.StructureSetTime = f"{day_of_making():%Y%m%d}", ""
    rtss.ApprovalStatus = "UNAPPROVED"
    rtss.ReferencedFrameOfReferenceSequence = [_referenced(slices)]
    rtss.StructureSetROISequence = []
    rtss.ROIContourSequence = []
    rtss.RTROIObservationsSequence = []
    by = long_string(f"liverseg, {seg.checkpoint.ref}")
    for number, name, words, members, kind, rgb in _ROIS:
        roi = Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIDescription = number, name, words
        roi.ReferencedFrameOfReferenceUID = slices[0].frame_of_reference_uid
        roi.ROIGenerationAlgorithm, roi.ROIGenerationDescription = "AUTOMATIC", by
        rtss.StructureSetROISequence.append(roi)
        rtss.ROIContourSequence.append(_drawn(number, rgb, labels, members, slices))
        observation = Dataset()
        observation.ObservationNumber = observation.ReferencedROINumber = number
        observation.RTROIInterpretedType, observation.ROIInterpreter = kind, ""
        rtss.RTROIObservationsSequence.append(observation)
    return file_bytes(rtss)


def _referenced(slices: tuple[SliceReference, ...]) -> Dataset:
    """The frame of reference, the study, the series and every image of it."""
    images: dict[str, list[SliceReference]] = {}
    for one in slices:
        images.setdefault(one.sop_instance_uid, []).append(one)
    series = Dataset()
    series.SeriesInstanceUID = slices[0].series_uid
    series.ContourImageSequence = [_image(frames) for frames in images.values()]
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = _STUDY_CLASS, slices[0].study_uid
    study.RTReferencedSeriesSequence = [series]
    frame = Dataset()
    frame.FrameOfReferenceUID = slices[0].frame_of_reference_uid
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(frames: list[SliceReference]) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID = frames[0].sop_class_uid
    image.ReferencedSOPInstanceUID = frames[0].sop_instance_uid
    numbers = [one.frame_number for one in frames if one.frame_number is not None]
    if numbers:
        image.ReferencedFrameNumber = sorted(numbers)
    return image


def _drawn(
    number: int, rgb: RGB, labels: np.ndarray, members: tuple[int, ...], slices: tuple[SliceReference, ...]
) -> Dataset:
    """The contours of an ROI; without any, there is no ContourSequence, which the standard allows."""
    roi = Dataset()
    roi.ROIDisplayColor, roi.ReferencedROINumber = list(rgb), number
    contours = []
    for values, one in zip(labels, slices, strict=True):
        if values.any():
            contours += _contours(np.isin(values, members), one)
    if contours:
        roi.ContourSequence = contours
    return roi


def _contours(mask: np.ndarray, one: SliceReference) -> Iterator[Dataset]:
    """The contours of one slice's mask (rows, columns), in LPS mm."""
    affine = one.corner_affine()
    for corners in closed_contours(mask):
        points = np.column_stack([corners, np.ones(len(corners))]) @ affine.T  # (n, 3)
        contour = Dataset()
        contour.ContourImageSequence = [_image([one])]
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = len(points)
        contour[CONTOUR_DATA] = _raw_decimals(points)
        contour.set_original_encoding(True, True, default_encoding)  # so that it is written as it is
        yield contour


def _raw_decimals(points: np.ndarray) -> RawDataElement:
    """Points (n, 3) as the bytes of a decimal string; as objects they would take 600 bytes a coordinate."""
    text = "\\".join(_millimetres(value) for value in points.ravel().tolist()).encode()
    text += b" " * (len(text) % 2)
    return RawDataElement(CONTOUR_DATA, "DS", len(text), text, 0, True, True)


def _millimetres(value: float) -> str:
    """A coordinate to the nanometre, in the 16 characters of a decimal string.

    >>> _millimetres(-123.4500004), _millimetres(-0.0000001)
    ('-123.45', '0')
    """
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
