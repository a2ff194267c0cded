"""What a DICOM image says of itself that a SEG or RTSTRUCT must quote."""

from __future__ import annotations

import pydicom

from liverseg.reading.dicom_dataset import sop_class_of
from liverseg.reading.dicom_stack import Frame
from liverseg.references import SliceReference


def reference_of(dataset: pydicom.Dataset, frame: Frame, number: int) -> SliceReference:
    """The reference of frame `number` (from 1) of a CT image; "" and None for what the file does not say."""
    instance = dataset.get("SOPInstanceUID") or dataset.file_meta.get("MediaStorageSOPInstanceUID")
    study, series, frame_of_reference = (
        str(dataset.get(keyword) or "")
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
    )
    return SliceReference(
        study_uid=study,
        series_uid=series,
        frame_of_reference_uid=frame_of_reference,
        sop_class_uid=sop_class_of(dataset),
        sop_instance_uid=str(instance or ""),
        frame_number=number if dataset.get("PerFrameFunctionalGroupsSequence") else None,
        orientation=frame.orientation,
        position_mm=frame.position_mm,
        pixel_spacing_mm=frame.pixel_spacing_mm,
        thickness_mm=frame.thickness_mm,
    )
