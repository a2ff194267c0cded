"""Opens DICOM datasets with only the elements that liverseg needs, and refuses those that are not CT.

No element whose purpose is to identify the patient is read. Of elements with free text only a digest is kept
(`slices`), to tell volumes of one series apart.
"""

from __future__ import annotations

import io
import logging
import warnings
from typing import BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.uid import ImplicitVRLittleEndian as ImplicitLE

from liverseg.core import limits
from liverseg.errors import InputTooLarge, NotCT, UnreadableInput
from liverseg.io.dicom.bounded_stream import CountedReads, inflate
from liverseg.io.dicom.keywords import TIME_KEYWORDS, TRAIT_KEYWORDS, VARYING_KEYWORDS
from liverseg.io.dicom.quantity import quantity_of, refuse_unless_hu

# liverseg refuses a file with a one-sentence exception. pydicom's own log messages and warnings would be
# noise on the command line, and they quote values of the file.
logging.getLogger("pydicom").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"pydicom\.")

_KEYWORDS = [
    "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID",
    "SeriesNumber", "Modality", "BurnedInAnnotation",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept", "RescaleType",
    "PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "GantryDetectorTilt",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "ModalityLUTSequence", "MultienergyCTCharacteristicsSequence",
    "ConcatenationUID", "InConcatenationNumber", "InConcatenationTotalNumber",
    *TRAIT_KEYWORDS, *VARYING_KEYWORDS, *TIME_KEYWORDS,
]  # fmt: skip
_TAGS = [Tag(keyword) for keyword in dict.fromkeys(_KEYWORDS)]
"""The elements that are read."""

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
_SECONDARY_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_DICOMDIR_CLASS = "1.2.840.10008.1.3.10"

_ALWAYS_CAPITALS = ("Modality", "PhotometricInterpretation")  # some writers use small letters or spaces
# Values of elements that some writers leave out.
_DEFAULTS = {"PixelRepresentation": 0, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
_STORAGE_PREFIX = "1.2.840.10008.5.1.4.1.1."  # of the UIDs of all standard storage classes
_CLASS_FAMILIES = {  # by the first number after `_STORAGE_PREFIX`
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

_ITEM_TAG, _UNDEFINED_LENGTH = b"\xfe\xff\x00\xe0", 0xFFFFFFFF


class NoImage(UnreadableInput):
    """A valid DICOM object without an image: a DICOMDIR, raw data or a report."""


def open_dataset(source: bytes | BinaryIO, pixels: bool = True) -> pydicom.Dataset:
    """The needed elements of a DICOM file, with `file_meta.TransferSyntaxUID` set.

    `source` is the content of the file, or the open file, which is then not held in memory as a whole. Raises
    NoImage for a DICOMDIR, UnreadableInput for a damaged file, and InputTooLarge if a deflated file unpacks
    to more than is allowed or if the header has far more elements than that of a CT.
    """
    return _open(inflate(io.BytesIO(source) if isinstance(source, bytes) else source), pixels)[0]


def open_header(stream: BinaryIO) -> tuple[pydicom.Dataset, bool]:
    """As `open_dataset`, without pixels, and whether the file ends within one of the elements read.

    `stream` is not deflated (`bounded_stream.inflate`). It is left at the pixel data, or at its end.
    """
    return _open(stream, pixels=False)


def _open(stream: BinaryIO, pixels: bool) -> tuple[pydicom.Dataset, bool]:
    counted = CountedReads(stream)
    try:
        dataset = pydicom.dcmread(counted, force=True, stop_before_pixels=not pixels, specific_tags=_TAGS)
    finally:
        counted.check()
    _check_frame_groups(dataset)
    if str(dataset.file_meta.get("MediaStorageSOPClassUID", "")) == _DICOMDIR_CLASS:
        raise NoImage("This is a DICOMDIR, an index; give the folder or zip of the images.")
    _set_defaults(dataset)
    if not dataset.file_meta.get("TransferSyntaxUID"):
        is_implicit, is_little = dataset.original_encoding
        guess = ImplicitLE if is_implicit else ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = guess
    return dataset, counted.is_cut_short


def _check_frame_groups(dataset: pydicom.Dataset) -> None:
    """Raise InputTooLarge if the functional groups of the frames are too long to parse in reasonable time."""
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        element = dataset.get_item(keyword) if keyword in dataset else None
        if isinstance(element, RawDataElement) and element.length != _UNDEFINED_LENGTH:
            items = (element.value or b"").count(_ITEM_TAG)
            if element.length > limits.MAX_FRAME_GROUPS_BYTES or items > limits.MAX_DICOM_READS // 4:
                raise InputTooLarge("The DICOM file describes its frames at far greater length than a CT.")


def _set_defaults(dataset: pydicom.Dataset) -> None:
    """Set elements that some writers leave out or misspell to the value that is meant."""
    allocated = dataset.get("BitsAllocated")
    if isinstance(allocated, int) and dataset.get("BitsStored") is None:  # text where the file is cut off
        dataset.BitsStored, dataset.HighBit = allocated, allocated - 1
    for keyword in _ALWAYS_CAPITALS:
        stored = str(dataset.get(keyword) or "")
        if stored != stored.strip().upper():
            setattr(dataset, keyword, stored.strip().upper())
    for keyword, value in _DEFAULTS.items():
        if dataset.get(keyword) is None:
            setattr(dataset, keyword, value)


def sop_class_of(dataset: pydicom.Dataset) -> str:
    """The SOP class UID of the dataset, or of the file meta information; "" if neither has it."""
    meta_uid, own_uid = (
        str(uid or "")
        for uid in (dataset.file_meta.get("MediaStorageSOPClassUID"), dataset.get("SOPClassUID"))
    )
    return meta_uid if meta_uid.startswith(own_uid) else own_uid  # a truncated dataset may cut its own UID


def is_ct_class(dataset: pydicom.Dataset) -> bool:
    """Whether the SOP class is CT Image, Enhanced CT Image or Legacy Converted Enhanced CT Image Storage."""
    return sop_class_of(dataset) in _CT_CLASSES


def refuse_unless_ct(dataset: pydicom.Dataset, pixels: bool = True) -> None:
    """Raise NotCT or UnreadableInput unless the dataset is a greyscale CT image.

    The SOP class counts more than the modality, which scripts often leave at "CT" for other images. Raises
    NoImage, a kind of UnreadableInput, for an object of another class without pixels; a CT image without
    pixels is damaged. `pixels` is False for a dataset that was opened without them.
    """
    modality = str(dataset.get("Modality") or "")
    sop_class = sop_class_of(dataset)
    if not is_ct_class(dataset) and sop_class and modality in ("CT", ""):
        if "Rows" not in dataset or (pixels and "PixelData" not in dataset):
            raise NoImage("The DICOM file holds no image.")
    if not modality and not is_ct_class(dataset) and not is_secondary_capture(dataset):
        if "Rows" not in dataset:
            raise UnreadableInput("The DICOM file is damaged, or holds no image.")
        raise NotCT("The DICOM file does not say that it is CT (it has no modality); liverseg reads CT.")
    if modality not in ("CT", ""):
        raise NotCT(f"This is {_MODALITIES.get(modality, 'not a CT image')}; liverseg reads CT.")
    _refuse_class(dataset)
    if "PerFrameFunctionalGroupsSequence" not in dataset:  # each frame has its own quantity
        refuse_unless_hu(quantity_of(dataset))
    if "Rows" not in dataset or "Columns" not in dataset or (pixels and "PixelData" not in dataset):
        raise UnreadableInput("The DICOM file holds no image, or is truncated before it.")
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise NotCT("This DICOM image is in colour; liverseg reads CT, which is greyscale.")
    if str(dataset.get("PhotometricInterpretation") or "MONOCHROME2") not in ("MONOCHROME1", "MONOCHROME2"):
        raise NotCT("This DICOM image is in colour; liverseg reads CT, which is greyscale.")


def is_secondary_capture(dataset: pydicom.Dataset) -> bool:
    """Whether the SOP class is a Secondary Capture, used for screenshots and by scripts that save arrays."""
    sop_class = sop_class_of(dataset)
    return sop_class == _SECONDARY_CAPTURE_CLASS or sop_class.startswith(_SECONDARY_CAPTURE_CLASS + ".")


def _refuse_class(dataset: pydicom.Dataset) -> None:
    """Raise NotCT for a standard storage class of other images, or a secondary capture not marked as CT."""
    sop_class = sop_class_of(dataset)
    if is_secondary_capture(dataset):
        if dataset.get("Modality") != "CT":
            raise NotCT("This is a secondary capture (a copy of a screen); liverseg reads CT.")
        return
    if is_ct_class(dataset) or not sop_class.startswith(_STORAGE_PREFIX):
        return
    family = sop_class[len(_STORAGE_PREFIX) :].split(".")[0]
    raise NotCT(f"This is {_CLASS_FAMILIES.get(family, 'not a CT image')}; liverseg reads CT.")
