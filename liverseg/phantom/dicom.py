"""A slice of a phantom as a DICOM CT image."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from liverseg.phantom.making import Phantom
from liverseg.windowing import DEFAULT_WINDOW

INTERCEPT_HU = -1024


def dicom_slice(phantom: Phantom, index: int) -> Dataset:
    """Slice `index` of a phantom as a dataset of CT Image Storage, ready for `save_as`.

    Uncompressed signed 16-bit, rescale slope 1 and intercept -1024. Its UIDs depend on nothing but the
    phantom's seed, kind and grid, so writing it twice gives the same file.
    """
    slices, rows, columns = phantom.hu.shape
    between, row_mm, column_mm = phantom.spacing_mm
    identity = [
        "liverseg phantom", phantom.kind, str(phantom.seed), str(phantom.hu.shape), str(phantom.spacing_mm),
    ]  # fmt: skip
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(identity, "image", index)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["liverseg"])
    image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = _uid(identity, "study"), _uid(identity, "series")
    image.FrameOfReferenceUID = _uid(identity, "frame")
    image.PositionReferenceIndicator = ""
    image.PatientName, image.PatientID = f"PHANTOM^SEED{phantom.seed}", f"PHANTOM-{phantom.seed}"
    image.PatientBirthDate, image.PatientSex = "", ""
    image.PatientIdentityRemoved, image.DeidentificationMethod = "YES", "Synthetic: no patient"
    image.StudyDate = image.SeriesDate = image.ContentDate = "20000101"
    image.StudyTime = image.SeriesTime = image.ContentTime = "000000"
    image.AccessionNumber, image.ReferringPhysicianName, image.StudyID = "", "", str(phantom.seed)
    image.StudyDescription, image.SeriesDescription = "Synthetic abdomen", "Phantom, venous phase"
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "CT", "liverseg", "phantom"
    image.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    image.SeriesNumber, image.InstanceNumber, image.AcquisitionNumber = 1, index + 1, 1
    image.PatientPosition, image.BodyPartExamined, image.KVP = "HFS", "ABDOMEN", "120"
    image.SliceThickness = _decimal(between)
    image.SpacingBetweenSlices = _decimal(between)
    image.PixelSpacing = [_decimal(row_mm), _decimal(column_mm)]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    height = (index - (slices - 1) / 2) * between
    image.ImagePositionPatient = [
        _decimal(-column_mm * (columns - 1) / 2), _decimal(-row_mm * (rows - 1) / 2), _decimal(height),
    ]  # fmt: skip
    image.SliceLocation = _decimal(height)
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = rows, columns
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 1
    image.RescaleSlope, image.RescaleIntercept, image.RescaleType = "1", str(INTERCEPT_HU), "HU"
    image.WindowCenter = _decimal(DEFAULT_WINDOW.center_hu)
    image.WindowWidth = _decimal(DEFAULT_WINDOW.width_hu)
    stored = np.rint(phantom.hu[index]).astype(np.int32) - INTERCEPT_HU
    image.PixelData = stored.astype("<i2").tobytes()
    return image


def _uid(identity: list[str], *parts: object) -> str:
    return generate_uid(entropy_srcs=[*identity, *map(str, parts)])


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, as DICOM's DS demands."""
    return f"{value:.8g}"
