"""Canaries: marks planted in every element of DICOM files, and searched for in all output."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pydicom
from PIL import Image
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pypdf import PdfReader

QUOTED = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
"""UIDs that DICOM results must quote."""

MARKS = (b"CANARY", b"1.2.999.", b"19470304", b"077Y", b"99.123", b"987654")
"""The planted marks: in text, UIDs, dates, ages, decimal strings and integer strings."""

NEEDED = {
    "SOPClassUID", "Modality", "ImageType", "PhotometricInterpretation", "RescaleType", "BurnedInAnnotation",
    "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness", "RescaleSlope",
    "RescaleIntercept", "SpacingBetweenSlices", "GantryDetectorTilt", "NumberOfFrames",
    "SpecificCharacterSet", "PixelDataProviderURL", "TransferSyntaxUID", *QUOTED,
}  # fmt: skip
"""Elements that the reader depends on. All others get a canary."""


def canary(vr: str, number: int) -> object:
    """A recognisable value for an element of VR `vr`; None for a VR that does not hold text."""
    text = f"CANARY{number:04d}"
    return {
        "PN": f"{text}^GIVEN", "UI": f"1.2.999.{number}", "DA": "19470304", "DT": "19470304101112",
        "TM": "194703.04", "AS": "077Y", "DS": "99.123", "IS": "987654", "OB": text.encode(),
    }.get(vr, text if vr in {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"} else None)  # fmt: skip


def plant(dataset: Dataset, tags: list[int]) -> None:
    """Add an element with a canary for each tag whose VR holds text."""
    for number, tag in enumerate(tags):
        value = canary(DicomDictionary[tag][0], number)
        if value is not None:
            dataset.add_new(tag, DicomDictionary[tag][0], value)


def plant_everywhere(files: Sequence[Path]) -> None:
    """Plant canaries in every element of the dictionary, in private elements, sequences, file meta and names.

    The UIDs that output must quote are 1.2.999.7001 to 7003, and 1.2.999.8.k for slice k. Replaces the files.
    """
    free = [
        tag for tag, (vr, _, _, retired, keyword) in DicomDictionary.items()
        if 0x0008 <= tag >> 16 < 0x5000 and keyword not in NEEDED and vr != "SQ" and keyword
    ]  # fmt: skip
    sequences = [
        "RequestAttributesSequence", "ReferencedImageSequence", "SourceImageSequence",
        "ContributingEquipmentSequence", "OtherPatientIDsSequence",
    ]  # fmt: skip
    nested, planted = Dataset(), Dataset()
    plant(nested, [tag for tag in free if tag >> 16 < 0x0018])
    plant(planted, free)
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.update(planted)
        for keyword in sequences:
            setattr(dataset, keyword, [nested])
        private = dataset.private_block(0x0011, "CANARY MAKER", create=True)
        private.add_new(0x01, "LO", "CANARY PRIVATE")
        private.add_new(0x02, "SQ", [nested])
        for keyword, number in zip(QUOTED[:3], range(7001, 7004), strict=True):
            setattr(dataset, keyword, f"1.2.999.{number}")
        dataset.SOPInstanceUID = f"1.2.999.8.{path.stem[-3:].lstrip('0') or '0'}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.file_meta.SourceApplicationEntityTitle = "CANARYHEAD"
        dataset.file_meta.PrivateInformationCreatorUID = "1.2.999.9999"
        dataset.file_meta.PrivateInformation = b"CANARY"
        dataset.preamble = b"CANARY PREAMBLE".ljust(128, b"\0")
        dataset.save_as(path.with_name(f"CANARY^NAME_{path.name}"), enforce_file_format=True)
        path.unlink()


QUOTED_UIDS = [b"1.2.999.7001", b"1.2.999.7002", b"1.2.999.7003", *(b"1.2.999.8.%d" % k for k in range(6))]
"""The UIDs that the output of a series of six slices must quote."""


def output_contents(folder: Path) -> dict[str, bytes]:
    """Content of the files below a folder by name: unpacked, with the metadata and text of PNG and PDF."""
    files = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        elif path.suffix == ".png":
            data += repr(Image.open(path).info).encode()
        elif path.suffix == ".pdf":
            reader = PdfReader(path)
            data += repr((reader.metadata, reader.xmp_metadata)).encode()
            data += "".join(page.extract_text() for page in reader.pages).encode()
        files[path.name] = data
    return files


def canaries_in(name: str, content: bytes) -> list[bytes]:
    """The marks in the content of an output file, except for the UIDs that DICOM results must quote."""
    if name.endswith(".dcm"):
        for uid in QUOTED_UIDS:
            content = content.replace(uid, b"")
    # Voxel values in a NIfTI may equal a short mark by chance, so only the first two marks are searched
    # there.
    return [mark for mark in (MARKS[:2] if name.endswith(".nii.gz") else MARKS) if mark in content]
