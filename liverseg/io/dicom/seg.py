"""Labels as a DICOM Segmentation, with highdicom."""

from __future__ import annotations

import logging

import highdicom
import pydicom
from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from liverseg.core.image import CTImage, SliceReference
from liverseg.core.segmentation import LIVER, TUMOUR, CheckpointIdentity, Segmentation
from liverseg.io.dicom.export_common import (
    MANUFACTURER,
    SERIES_DESCRIPTION,
    SERIES_NUMBERS,
    anonymous_study,
    dated,
    decimals,
    derived_uid,
    file_bytes,
    long_string,
    serial_number,
    software_versions,
)
from liverseg.io.dicom.references import native_slices, referable_slices, thickness_mm
from liverseg.rendering.colours import LIVER_RGB, TUMOUR_RGB

# It logs UIDs of the source, and that an empty segmentation is empty.
logging.getLogger("highdicom").setLevel(logging.ERROR)

SCT = codes.SCT  # SNOMED CT, as CID 7150 and 7159 of PS3.16 use it
_SEGMENTS = (
    (LIVER, "Liver", "Liver without its tumours", SCT.AnatomicalStructure, SCT.Liver, LIVER_RGB),
    (
        TUMOUR,
        "Tumour",
        "Tumours of the liver",
        SCT.MorphologicallyAbnormalStructure,
        SCT.Neoplasm,
        TUMOUR_RGB,
    ),
)


def seg_bytes(ct: CTImage, seg: Segmentation) -> bytes:
    """The labels as a DICOM Segmentation (BINARY) of the slices of `ct`'s series.

    Segment 1 is label 1, the liver without its tumours, and segment 2 is label 2, so the two do not
    overlap, which not every viewer can show, and the voxels are those of `labels.nii.gz`. Both are
    described even where one has no voxel. Slices without either are left out; where there is nothing at
    all, all are there, empty. Raises `InvalidSetting` as `liverseg.io.dicom.references.referable_slices` and
    `thickness_mm` do.
    """
    slices = referable_slices(ct)
    labels = native_slices(ct, seg.labels)  # (slices, rows, columns)
    written = highdicom.seg.Segmentation(
        source_images=_source_images(slices, labels.shape[1:]),
        pixel_array=labels,
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(*facts, seg.checkpoint) for facts in _SEGMENTS],
        series_instance_uid=derived_uid("SEG series", slices, seg),
        series_number=SERIES_NUMBERS["SEG"],
        sop_instance_uid=derived_uid("SEG", slices, seg),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="liverseg",
        software_versions=software_versions(seg.checkpoint),
        device_serial_number=serial_number(seg.checkpoint),
        content_label="LIVERSEG",
        content_description="Liver and its tumours",
        series_description=SERIES_DESCRIPTION,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    if any(one.frame_number is not None for one in slices):
        _refer_to_frames(written, slices)
    dimensions = derived_uid("SEG dimensions", slices, seg)
    for item in (*written.DimensionOrganizationSequence, *written.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    dated(written, ("ContentDate", "InstanceCreationDate", "SeriesDate"))
    written.ContentCreatorName = ""  # wanted, but may be empty
    del written.ContributingEquipmentSequence  # not wanted
    return file_bytes(written)


def _description(
    number: int,
    label: str,
    words: str,
    category: Code,
    kind: Code,
    rgb: tuple[int, int, int],
    checkpoint: CheckpointIdentity,
) -> highdicom.seg.SegmentDescription:
    name, _, version = checkpoint.ref.partition("@")
    described = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=long_string(name), family=codes.DCM.ArtificialIntelligence, version=version or "unknown"
        ),
        anatomic_regions=None if kind == SCT.Liver else [SCT.Liver],
        display_color=CIELabColor.from_rgb(*rgb),
    )
    described.SegmentDescription = words
    return described


def _source_images(slices: tuple[SliceReference, ...], shape: tuple[int, ...]) -> list[pydicom.Dataset]:
    """The source images as highdicom wants them: what it has to quote and no more.

    Of multi-frame images it takes one at a time and all of its frames, while slices may be some frames of
    several; so each frame is passed off as an image, and `_refer_to_frames` puts that right.
    """
    thickness = thickness_mm(slices)
    images = []
    for k, one in enumerate(slices):
        image = pydicom.Dataset()
        anonymous_study(image, slices)
        framed = one.frame_number is not None
        image.SOPClassUID = CTImageStorage if framed else one.sop_class_uid
        image.SOPInstanceUID = _stand_in(k) if framed else one.sop_instance_uid
        image.SeriesInstanceUID, image.Modality = one.series_uid, "CT"
        image.Rows, image.Columns = shape
        image.ImageOrientationPatient = decimals(slices[0].orientation)  # equal but for rounding
        image.ImagePositionPatient = decimals(one.position_mm)
        image.PixelSpacing = decimals(slices[0].pixel_spacing_mm)
        image.SliceThickness = decimals((thickness,))[0]
        images.append(image)
    return images


def _stand_in(k: int) -> str:
    return f"2.25.{k + 1}"


def _refer_to_frames(written: pydicom.Dataset, slices: tuple[SliceReference, ...]) -> None:
    """Turn references to stand-ins into those to the frames that they stand for."""
    frames = {_stand_in(k): one for k, one in enumerate(slices)}
    for facts in written.PerFrameFunctionalGroupsSequence:
        for source in facts.DerivationImageSequence[0].SourceImageSequence:
            one = frames.get(source.ReferencedSOPInstanceUID)
            if one is None:  # seen already: the segments of a slice share the item
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
