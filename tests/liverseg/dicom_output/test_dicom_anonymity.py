"""Nothing of the patient leaves by any file, line or log: canaries in every element of the input."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from pydicom.datadict import DicomDictionary, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pypdf import PdfReader

import liverseg
from liverseg.__main__ import main
from liverseg.formats import FORMATS
from liverseg.phantom import write
from tests.phantoms import make

QUOTED = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
"""What a SEG and an RTSTRUCT must quote."""

MARKS = (b"CANARY", b"1.2.999.", b"19470304", b"077Y", b"99.123", b"987654")
"""What is planted: in text, UIDs, dates, ages, decimal and integer strings."""

NEEDED = {
    "SOPClassUID", "Modality", "ImageType", "PhotometricInterpretation", "RescaleType", "BurnedInAnnotation",
    "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness", "RescaleSlope",
    "RescaleIntercept", "SpacingBetweenSlices", "GantryDetectorTilt", "NumberOfFrames",
    "SpecificCharacterSet", "PixelDataProviderURL", "TransferSyntaxUID", *QUOTED,
}  # fmt: skip
"""What the reader goes by. Everything else is free to say anything."""


def canary(vr: str, number: int) -> object:
    """A value of a VR that is found again wherever it is copied to; None for one that holds no text."""
    text = f"CANARY{number:04d}"
    return {
        "PN": f"{text}^GIVEN", "UI": f"1.2.999.{number}", "DA": "19470304", "DT": "19470304101112",
        "TM": "194703.04", "AS": "077Y", "DS": "99.123", "IS": "987654", "OB": text.encode(),
    }.get(vr, text if vr in {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"} else None)  # fmt: skip


def plant(dataset: Dataset, tags: list[int]) -> None:
    for number, tag in enumerate(tags):
        value = canary(DicomDictionary[tag][0], number)
        if value is not None:
            dataset.add_new(tag, DicomDictionary[tag][0], value)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A phantom with canaries in every element of the dictionary, private ones, sequences and the head."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path_factory.mktemp("canaries"), "dicom")
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
    content = next(files[0].parent.iterdir()).read_bytes()
    assert content.count(b"CANARY") > 3000 and content.count(b"1.2.999.") > 150
    return files[0].parent


def everything_said(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their name, unpacked; of pictures and pages also the text."""
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


@pytest.mark.filterwarnings("ignore")
def test_no_canary_gets_out_but_the_uids_that_must_be_quoted(series, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    arguments = ["--checkpoint", "segformer-b0-fast", "--out", str(out), "--formats", ",".join(FORMATS)]
    assert main(["segment", str(series), *arguments, "--json"]) == 0
    said = everything_said(out)
    assert {"segmentation.dcm", "rtstruct.dcm", "report.json", "report.pdf", "mesh.glb"} <= set(said)
    told = capfd.readouterr()
    said |= {"stdout": told.out.encode(), "stderr": told.err.encode(), "log": caplog.text.encode()}
    said["names"] = " ".join(said).encode()
    allowed = [b"1.2.999.7001", b"1.2.999.7002", b"1.2.999.7003", *(b"1.2.999.8.%d" % k for k in range(6))]
    for name, content in said.items():
        if name in ("segmentation.dcm", "rtstruct.dcm"):
            assert all(uid in content for uid in allowed)
            for uid in allowed:
                content = content.replace(uid, b"")
        if not name.endswith(".nii.gz"):  # numbers there may be any bytes, and text has one place
            assert not [mark for mark in MARKS if mark in content], name
        else:
            assert not [mark for mark in MARKS[:2] if mark in content], name
    ct = liverseg.read(series)
    assert not [mark for mark in MARKS if mark in (repr(ct.source) + repr(ct.native)).encode()]


def test_patient_and_study_are_there_and_empty(build):
    from liverseg.dicom_output.common import EMPTY
    from liverseg.dicom_output.rtstruct import rtstruct_bytes
    from liverseg.dicom_output.seg import seg_bytes

    scene = build()
    for make_bytes in (seg_bytes, rtstruct_bytes):
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(make_bytes(scene.ct, scene.seg)))
        assert all(not dataset[keyword].value for keyword in EMPTY)
        groups = {keyword_for_tag(element.tag) for element in dataset if element.tag.group == 0x0010}
        assert groups == {"PatientName", "PatientID", "PatientBirthDate", "PatientSex"}
        assert tag_for_keyword("InstitutionName") not in dataset
        assert not [element for element in dataset.iterall() if element.tag.is_private]


def test_refusals_do_not_name_what_they_refuse(series, tmp_path, capfd):
    for number, path in enumerate(sorted(series.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = generate_uid(prefix="1.2.999.6.")
        dataset.save_as(tmp_path / f"{number}.dcm")
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path), "--formats", "seg", "--out", str(out)]) == 1
    told = capfd.readouterr()
    assert "do not share one study" in told.err and told.err.count("\n") == 1 and not told.out
    assert not [mark for mark in MARKS if mark in told.err.encode()]
