"""Encodes pictures of the slices as DICOM Secondary Capture images, with highdicom.

Single-frame Secondary Capture is the class that archives and viewers support most widely, as a stack to page
through; many show a multi-frame capture as a film, and older archives refuse its class. JPEG is
what keeps a series of 200 pictures below 100 MB instead of at 700 MB, and its baseline process is the
compression that archives commonly accept (PS3.5 8.2.1 makes it the default for lossy 8-bit images).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import highdicom
import pydicom
from highdicom.sc import SCImage
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.uid import JPEGBaseline8Bit, generate_uid

from liverseg.analysis.report import Report
from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import Segmentation
from liverseg.core.window import DEFAULT_WINDOW, Window
from liverseg.io.dicom.export_common import (
    EMPTY_KEYWORDS,
    MANUFACTURER,
    SERIES_NUMBERS,
    derived_uid,
    edited_description,
    file_bytes,
    series_description,
    set_dates,
    software_versions,
)
from liverseg.io.dicom.references import referable_slices, slices_shown
from liverseg.rendering.capture import RESEARCH_ONLY, capture
from liverseg.rendering.slice_view import default_slice


def captured_slices(seg: Segmentation, slice_index: int | None = None) -> list[int]:
    """The slices to show: those with liver or tumour, or one if there are none, or only `slice_index`.

    >>> import numpy as np
    >>> from liverseg.core.segmentation import CheckpointIdentity
    >>> labels = np.zeros((5, 2, 2), np.uint8); labels[1:3] = 1
    >>> seg = Segmentation(labels, labels, labels, 0.5, CheckpointIdentity("a@1", "00", ""), "")
    >>> captured_slices(seg), captured_slices(seg, 4)
    ([1, 2], [4])
    """
    if slice_index is not None:
        return [slice_index]
    return [z for z, plane in enumerate(seg.labels) if plane.any()] or [default_slice(seg)]


def sc_bytes(
    ct: CTImage,
    seg: Segmentation,
    report: Report,
    window: Window | None = None,
    slice_index: int | None = None,
) -> Iterator[tuple[int, bytes]]:
    """The slices of `captured_slices` as DICOM files of one series: number of the slice from 1, and content.

    `window` None is that of a picture in DICOM, else 40/400 HU. Raises `InvalidSetting` as
    `liverseg.io.dicom.references.referable_slices` does.
    """
    slices = referable_slices(ct)
    shown = window or ct.assumed_window or DEFAULT_WINDOW
    # What the pictures show besides the labels; a result that looks otherwise is another series.
    look = hashlib.sha256(repr((shown, report.liver, report.lesions, report.decision)).encode()).hexdigest()
    series = derived_uid(f"SC series {look}", slices, seg)
    for z in captured_slices(seg, slice_index):
        picture = capture(ct, seg, report, z, shown)
        image = SCImage(
            pixel_array=picture,
            photometric_interpretation="YBR_FULL_422",
            bits_allocated=8,
            coordinate_system=highdicom.CoordinateSystemNames.PATIENT,
            patient_orientation=("L", "P") if ct.orientation_known else None,
            study_instance_uid=slices[0].study_uid,
            series_instance_uid=series,
            series_number=SERIES_NUMBERS["SC"],
            sop_instance_uid=generate_uid(entropy_srcs=[series, f"slice {z}"]),
            instance_number=z + 1,
            manufacturer=MANUFACTURER,
            transfer_syntax_uid=JPEGBaseline8Bit,
        )
        _describe(image, seg, slices_shown(ct, z))
        image.LossyImageCompression, image.LossyImageCompressionMethod = "01", "ISO_10918_1"
        image.LossyImageCompressionRatio = f"{picture.nbytes / len(image.PixelData):.1f}"
        yield z + 1, file_bytes(image)


def _describe(image: pydicom.Dataset, seg: Segmentation, sources: tuple[SliceReference, ...]) -> None:
    """Set what the picture is, what it was made from and by what, and dates that are reproducible."""
    for keyword in EMPTY_KEYWORDS:
        setattr(image, keyword, "")
    image.ImageType, image.ConversionType = ["DERIVED", "SECONDARY"], "WSD"
    # YES although no text of ours identifies anyone: the pixels of the source may, and this is not checked.
    image.BurnedInAnnotation, image.BodyPartExamined = "YES", "LIVER"
    image.SeriesDescription, image.ManufacturerModelName = series_description(seg), "liverseg"
    image.SoftwareVersions = software_versions(seg.checkpoint)
    description = edited_description("Outlines and sizes of liver and tumours on a CT slice", seg)
    image.DerivationDescription = f"{RESEARCH_ONLY}. {description}"
    image.DerivationCodeSequence = [CodedConcept.from_code(codes.cid7203.SegmentationImageDerivation)]
    image.SourceImageSequence = [_source(one) for one in sources]
    set_dates(image, ("ContentDate", "InstanceCreationDate", "SeriesDate", "DateOfSecondaryCapture"))
    del image.ContributingEquipmentSequence  # optional; set by highdicom


def _source(one: SliceReference) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class_uid, one.sop_instance_uid
    if one.frame_number is not None:
        item.ReferencedFrameNumber = one.frame_number
    purpose = codes.cid7202.SourceImageForImageProcessingOperation
    item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(purpose)]
    return item
