"""A DICOM file's dataset: only the elements that are needed, and only if it is a CT image.

Nothing that names the patient is among the elements read.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from typing import BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.uid import ImplicitVRLittleEndian as ImplicitLE

from liverseg.core import limits
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads, inflated

# A refusal is an exception of ours with one sentence. pydicom's own log and warnings of the same would
# be noise on the command line, and they quote values of the file.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"pydicom\.")

GEOMETRY_TAGS = [
    "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "GantryDetectorTilt",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
NAMES = (
    "AcquisitionNumber", "TemporalPositionIdentifier", "TemporalPositionIndex", "FrameAcquisitionNumber",
    "NominalPercentageOfCardiacPhase", "ConvolutionKernel", "ImageType", "FrameType", "KVP",
    "ContrastBolusAgent", "StackID",
)  # fmt: skip
"""Elements by whose value the volumes that one series holds may be told apart, the most telling first."""
TIMES = (
    "TriggerTime", "AcquisitionDateTime", "FrameAcquisitionDateTime", "AcquisitionTime", "ContentTime",
)  # fmt: skip
"""Elements by whose order they may be."""
SERIES_TAGS = ["SOPInstanceUID", "SeriesNumber", *NAMES, *TIMES]
_TAGS = [
    "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    "Modality", "BurnedInAnnotation",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", *GEOMETRY_TAGS, *SERIES_TAGS,
]  # fmt: skip

_MODALITIES = {
    "MR": "an MR image",
    "PT": "a PET image",
    "NM": "a nuclear medicine image",
    "US": "an ultrasound image",
    "CR": "an X-ray image",
    "DX": "an X-ray image",
    "XA": "an X-ray angiography image",
    "RF": "a fluoroscopy image",
    "MG": "a mammogram",
    "SEG": "a segmentation",
    "SR": "a structured report",
    "OT": "an image of an unspecified kind",
    "SC": "a secondary capture",
}
_CT_CLASSES = {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"}
_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
_NOT_HU = {"MGML", "Z_EFF", "ED", "EDW", "PCT"}  # RescaleType of material and electron density maps

_IMPLIED = {"PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
_STORAGE = "1.2.840.10008.5.1.4.1.1."  # what the UIDs of all standard storage classes start with
_CLASS_FAMILIES = {  # the first number after `_STORAGE`
    "1": "an X-ray image",
    "3": "an ultrasound image",
    "4": "an MR image",
    "6": "an ultrasound image",
    "12": "an X-ray angiography image",
    "20": "a nuclear medicine image",
    "66": "a segmentation",
    "77": "a photograph",
    "128": "a PET image",
    "130": "a PET image",
    "481": "a radiotherapy object",
}

_ITEM, _UNDEFINED_LENGTH = b"\xfe\xff\x00\xe0", 0xFFFFFFFF


class NoImage(UnreadableInput):
    """A DICOM object that is whole, but is no image: an index, raw data, a report."""


def open_dataset(source: bytes | BinaryIO, pixels: bool = True) -> pydicom.Dataset:
    """The needed elements of a DICOM file's bytes, with `file_meta.TransferSyntaxUID` set.

    `source` may be an open file, which is then not held in memory as a whole. Raises NoImage for a
    DICOMDIR, UnreadableInput, or InputTooLarge when a deflated file unpacks to more than is allowed or a
    header has far more elements than that of a CT.
    """
    stream = inflated(io.BytesIO(source) if isinstance(source, bytes) else source)
    counted = CountedReads(stream)
    try:
        dataset = pydicom.dcmread(counted, force=True, stop_before_pixels=not pixels, specific_tags=_TAGS)
    finally:
        counted.check()
    _check_frame_groups(dataset)
    if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) == _DICOMDIR_CLASS:
        raise NoImage("This is a DICOMDIR, an index; give the folder or zip of the images.")
    _complete(dataset)
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        guess = ImplicitLE if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = guess
    return dataset


def _check_frame_groups(dataset: pydicom.Dataset) -> None:
    """Raise InputTooLarge for a description of frames that would take long to be taken apart."""
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        element = dataset.get_item(keyword) if keyword in dataset else None
        if isinstance(element, RawDataElement) and element.length != _UNDEFINED_LENGTH:
            items = (element.value or b"").count(_ITEM)
            if element.length > limits.MAX_FRAME_GROUPS_BYTES or items > limits.MAX_DICOM_READS // 4:
                raise InputTooLarge("The DICOM file describes its frames at far more length than a CT does.")


def _complete(dataset: pydicom.Dataset) -> None:
    """Give elements that some writers leave out the value that the others imply."""
    if dataset.get("BitsAllocated") is not None and dataset.get("BitsStored") is None:
        dataset.BitsStored = dataset.BitsAllocated
        dataset.HighBit = int(dataset.BitsAllocated) - 1
    for keyword, value in _IMPLIED.items():
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, value)


def sop_class_of(dataset: pydicom.Dataset) -> str:
    """The SOP class UID, from the file's head where the dataset lacks it; "" where neither has it."""
    in_head, own = (
        str(uid or "")
        for uid in (dataset.file_meta.get("MediaStorageSOPClassUID"), dataset.get("SOPClassUID"))
    )
    return in_head if in_head.startswith(own) else own  # a truncated file may hold only the start of its own


def is_ct_class(dataset: pydicom.Dataset) -> bool:
    """Whether the dataset is of one of DICOM's classes for CT images."""
    return sop_class_of(dataset) in _CT_CLASSES


def refuse_unless_ct(dataset: pydicom.Dataset, pixels: bool = True) -> None:
    """Raise NotCT or UnreadableInput, in one sentence, unless the dataset is a grey CT image.

    The class of the object counts before its modality, which scripts leave at "CT" for anything.
    Raises NoImage, a kind of UnreadableInput, where the class is not one of CT images and there are
    no pixels; a CT image without them is damaged.
    """
    modality = str(dataset.get("Modality") or "")
    sop_class = sop_class_of(dataset)
    if not is_ct_class(dataset) and sop_class and modality in ("CT", ""):
        if "Rows" not in dataset or (pixels and "PixelData" not in dataset):
            raise NoImage("The DICOM file holds no image.")
    if not modality and not is_ct_class(dataset) and not is_capture(dataset):
        if "Rows" not in dataset:
            raise UnreadableInput("The DICOM file is damaged, or holds no image.")
        raise NotCT("The DICOM file does not say that it is CT (it has no modality), liverseg reads CT.")
    if modality not in ("CT", ""):
        raise NotCT(f"This is {_MODALITIES.get(modality, 'not a CT image')}, liverseg reads CT.")
    _refuse_class(dataset)
    if "LOCALIZER" in [str(value).upper() for value in as_list(dataset.get("ImageType"))]:
        raise NotCT("This is a localizer (scout) image, liverseg reads axial CT slices.")
    if "Rows" not in dataset or "Columns" not in dataset or (pixels and "PixelData" not in dataset):
        raise UnreadableInput("The DICOM file holds no image, or ends before it.")
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise NotCT("This DICOM image is in colour, liverseg reads CT, which is grey.")
    if str(dataset.get("PhotometricInterpretation") or "MONOCHROME2") not in ("MONOCHROME1", "MONOCHROME2"):
        raise NotCT("This DICOM image is in colour, liverseg reads CT, which is grey.")
    if str(dataset.get("RescaleType") or "").upper() in _NOT_HU:
        raise NotCT("The values of this DICOM image are a material or density map, not HU.")


def is_capture(dataset: pydicom.Dataset) -> bool:
    """Whether the dataset is a Secondary Capture: a screenshot, or what a script made of an array."""
    sop_class = sop_class_of(dataset)
    return sop_class == _CAPTURE_CLASS or sop_class.startswith(_CAPTURE_CLASS + ".")


def _refuse_class(dataset: pydicom.Dataset) -> None:
    """Raise NotCT for a standard storage class of other images; a capture must say that it is of CT."""
    sop_class = sop_class_of(dataset)
    if is_capture(dataset):
        if dataset.get("Modality") != "CT":
            raise NotCT("This is a secondary capture (a copy of a screen), liverseg reads CT.")
        return
    if is_ct_class(dataset) or not sop_class.startswith(_STORAGE):
        return
    raise NotCT(
        f"This is {_CLASS_FAMILIES.get(sop_class[len(_STORAGE) :].split('.')[0], 'not a CT image')}, "
        "liverseg reads CT."
    )


def as_list(value: object) -> list:
    """A multi-value element as a list; a single or missing value as one of length 1 or 0."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def numbers(dataset: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """`count` finite numbers of an element; None where it is missing, empty or not that.

    Numbers with a decimal comma, or divided by commas, as some writers have them, are read all the same.
    """
    try:
        stored = as_list(dataset.get(keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    try:
        values = tuple(float(value) for value in stored)
    except (TypeError, ValueError, OverflowError):
        values = _with_commas([str(value) for value in stored], count)
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def _with_commas(parts: list[str], count: int) -> tuple[float, ...]:
    """Numbers whose text is none to DICOM; () where there are none.

    >>> _with_commas(["0,8", "0,7"], 2), _with_commas(["0.8,0.7"], 2), _with_commas(["0.8 mm"], 1)
    ((0.8, 0.7), (0.8, 0.7), ())
    """
    if len(parts) == 1 and count > 1 and parts[0].count(",") == count - 1:
        parts = parts[0].split(",")
    try:
        return tuple(float(part.replace(",", ".")) for part in parts)
    except ValueError:
        return ()
