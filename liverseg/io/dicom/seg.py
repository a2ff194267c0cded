"""Encodes the labels as a DICOM Segmentation, with highdicom."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import highdicom
import numpy as np
import pydicom
from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import LIVER, TUMOUR, UNSURE_LESION, Segmentation
from liverseg.io.dicom.export_common import (
    MANUFACTURER,
    SERIES_NUMBERS,
    decimal_strings,
    derived_uid,
    edited_description,
    file_bytes,
    is_automatic,
    long_string,
    serial_number,
    series_description,
    set_anonymous_study,
    set_dates,
    software_versions,
)
from liverseg.io.dicom.references import native_slices, referable_slices, thickness_mm
from liverseg.rendering.colours import LIVER_RGB, RGB, TUMOUR_RGB, UNSURE_RGB

# highdicom logs UIDs of the source, and a message about empty segmentations.
logging.getLogger("highdicom").setLevel(logging.ERROR)

_SCT = codes.SCT  # SNOMED CT codes from CID 7150 and 7159 of PS3.16


@dataclass(frozen=True)
class _Segment:
    """A label and how it is described."""

    number: int
    label: str
    description: str
    category: Code
    type: Code
    rgb: RGB


_SEGMENTS = (
    _Segment(LIVER, "Liver", "Liver without its tumours", _SCT.AnatomicalStructure, _SCT.Liver, LIVER_RGB),
    _Segment(
        TUMOUR,
        "Tumour",
        "Tumours of the liver",
        _SCT.MorphologicallyAbnormalStructure,
        _SCT.Neoplasm,
        TUMOUR_RGB,
    ),
)


_SEGMENTS_WITH_UNSURE = (
    replace(_SEGMENTS[0], description="Liver without its tumours and unsure lesions"),
    _SEGMENTS[1],
    _Segment(
        UNSURE_LESION,
        "Unsure lesion",
        "Candidate lesions that are not likely",
        _SCT.MorphologicallyAbnormalStructure,
        _SCT.Lesion,
        UNSURE_RGB,
    ),
)


@dataclass(frozen=True)
class SegIdentity:
    """What another object must know to refer to the DICOM SEG of a result."""

    sop_instance_uid: str
    series_uid: str
    segments: tuple[int, ...]  # their numbers


def seg_identity(ct: CTImage, seg: Segmentation) -> SegIdentity:
    """The identity of the file that `seg_bytes` gives. Raises `InvalidSetting` as `referable_slices` does."""
    segments, values = _segments_and_values(seg)
    return _identity(referable_slices(ct), replace(seg, labels=values), segments)


def _identity(
    slices: tuple[SliceReference, ...], shown: Segmentation, segments: tuple[_Segment, ...]
) -> SegIdentity:
    """`shown` has the values of the segments as labels, so that UIDs tell apart what the files hold."""
    uids = (derived_uid(role, slices, shown) for role in ("SEG", "SEG series"))
    return SegIdentity(*uids, tuple(segment.number for segment in segments))


def _segments_and_values(seg: Segmentation) -> tuple[tuple[_Segment, ...], np.ndarray]:
    """The segments, and their numbers on the radiological grid (S, H, W) uint8."""
    if not seg.has_unsure:
        return _SEGMENTS, seg.labels
    return _SEGMENTS_WITH_UNSURE, np.stack([seg.labels_with_unsure(z) for z in range(len(seg.labels))])


def seg_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """The labels as a DICOM Segmentation (BINARY) of the slices of the series of `ct`, as a DICOM file.

    Segment 1 is label 1, the liver without its tumours; segment 2 is label 2. The segments do not overlap,
    since not every viewer can show overlapping ones, and their voxels are those of `labels.nii.gz`. Both are
    described even if one has no voxel. Where lesions are unsure, segment 3 holds them and segment 1 the rest
    of label 1. Lesions that the user rejected are part of segment 1; the descriptions then say that the
    result was edited, and its algorithm type is SEMIAUTOMATIC. Slices without labels are left out, but if all
    labels are empty, all slices are written. Raises `InvalidSetting` as `referable_slices` and `thickness_mm`
    in `liverseg.io.dicom.references` do.
    """
    slices = referable_slices(ct)
    segments, values = _segments_and_values(seg)
    labels = native_slices(ct, values)  # (slices, rows, columns)
    shown = replace(seg, labels=values)
    identity = _identity(slices, shown, segments)
    written = highdicom.seg.Segmentation(
        source_images=_source_images(slices, labels.shape[1:]),
        pixel_array=labels,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment_description(segment, seg) for segment in segments],
        series_instance_uid=identity.series_uid,
        series_number=SERIES_NUMBERS["SEG"],
        sop_instance_uid=identity.sop_instance_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="liverseg",
        software_versions=software_versions(seg.checkpoint),
        device_serial_number=serial_number(seg.checkpoint),
        content_label="LIVERSEG",
        content_description=long_string(edited_description("Liver and its tumours", seg)),
        series_description=series_description(seg),
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    if any(one.frame_number is not None for one in slices):
        _replace_stand_ins(written, slices)
    dimensions = derived_uid("SEG dimensions", slices, shown)
    for item in (*written.DimensionOrganizationSequence, *written.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    set_dates(written, ("ContentDate", "InstanceCreationDate", "SeriesDate"))
    written.ContentCreatorName = ""  # type 2: required, may be empty
    del written.ContributingEquipmentSequence  # optional; set by highdicom
    return file_bytes(written)


def _segment_description(segment: _Segment, seg: Segmentation) -> highdicom.seg.SegmentDescription:
    name, _, version = seg.checkpoint.ref.partition("@")
    types = highdicom.seg.SegmentAlgorithmTypeValues
    item = highdicom.seg.SegmentDescription(
        segment_number=segment.number,
        segment_label=segment.label,
        segmented_property_category=segment.category,
        segmented_property_type=segment.type,
        algorithm_type=types.AUTOMATIC if is_automatic(seg) else types.SEMIAUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=long_string(name), family=codes.DCM.ArtificialIntelligence, version=version or "unknown"
        ),
        anatomic_regions=None if segment.type == _SCT.Liver else [_SCT.Liver],
        display_color=CIELabColor.from_rgb(*segment.rgb),
    )
    item.SegmentDescription = edited_description(segment.description, seg)
    return item


def _source_images(slices: tuple[SliceReference, ...], shape: tuple[int, ...]) -> list[pydicom.Dataset]:
    """Minimal source images for highdicom, with only the attributes that it copies or references.

    highdicom accepts one multi-frame image, with all of its frames, whereas the slices may be some frames of
    several images. So each frame becomes a stand-in single-frame image, which `_replace_stand_ins` replaces
    afterwards by a reference to the frame.
    """
    thickness = thickness_mm(slices)
    images = []
    for k, one in enumerate(slices):
        image = pydicom.Dataset()
        set_anonymous_study(image, slices)
        is_frame = one.frame_number is not None
        image.SOPClassUID = CTImageStorage if is_frame else one.sop_class_uid
        image.SOPInstanceUID = _stand_in_uid(k) if is_frame else one.sop_instance_uid
        image.SeriesInstanceUID, image.Modality = one.series_uid, "CT"
        image.Rows, image.Columns = shape
        image.ImageOrientationPatient = decimal_strings(slices[0].orientation)  # all are equal up to rounding
        image.ImagePositionPatient = decimal_strings(one.position_mm)
        image.PixelSpacing = decimal_strings(slices[0].pixel_spacing_mm)
        image.SliceThickness = decimal_strings((thickness,))[0]
        images.append(image)
    return images


def _stand_in_uid(k: int) -> str:
    """The SOPInstanceUID of the stand-in for slice k."""
    return f"2.25.{k + 1}"


def _replace_stand_ins(written: pydicom.Dataset, slices: tuple[SliceReference, ...]) -> None:
    """Replace the references to stand-in images by references to the frames that they represent."""
    frames = {_stand_in_uid(k): one for k, one in enumerate(slices)}
    for facts in written.PerFrameFunctionalGroupsSequence:
        for source in facts.DerivationImageSequence[0].SourceImageSequence:
            one = frames.get(source.ReferencedSOPInstanceUID)
            if one is None:  # replaced already: the segments of a slice share the item
                continue
            source.ReferencedSOPClassUID = one.sop_class_uid
            source.ReferencedSOPInstanceUID = one.sop_instance_uid
            source.ReferencedFrameNumber = one.frame_number
    images = []
    for uid in dict.fromkeys(one.sop_instance_uid for one in slices):
        image = pydicom.Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = slices[0].sop_class_uid, uid
        images.append(image)
    written.SourceImageSequence = images
    written.ReferencedSeriesSequence[0].ReferencedInstanceSequence = images
