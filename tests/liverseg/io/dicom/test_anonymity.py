"""Nothing of the patient leaves by any file, line or log: canaries in every element of the input."""

from __future__ import annotations

import logging

import pydicom
import pytest
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.uid import generate_uid

import liverseg
from liverseg.__main__ import main
from liverseg.io import FORMATS
from liverseg.phantom import write
from tests.liverseg.dicom_canaries import (
    MARKS,
    QUOTED_UIDS,
    canaries_in,
    everything_said,
    plant_everywhere,
)
from tests.phantoms import make


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A phantom with canaries in every element of the dictionary, private ones, sequences and the head."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path_factory.mktemp("canaries"), "dicom")
    plant_everywhere(files)
    content = next(files[0].parent.iterdir()).read_bytes()
    assert content.count(b"CANARY") > 3000 and content.count(b"1.2.999.") > 150
    return files[0].parent


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
    for name in ("segmentation.dcm", "rtstruct.dcm"):
        assert all(uid in said[name] for uid in QUOTED_UIDS)
    assert not {name: found for name, content in said.items() if (found := canaries_in(name, content))}
    ct = liverseg.read(series)
    assert not [mark for mark in MARKS if mark in (repr(ct.source) + repr(ct.native)).encode()]


def test_patient_and_study_are_there_and_empty(build):
    from liverseg.io.dicom.export_common import EMPTY_KEYWORDS
    from liverseg.io.dicom.rtstruct import rtstruct_bytes
    from liverseg.io.dicom.seg import seg_bytes

    scene = build()
    for make_bytes in (seg_bytes, rtstruct_bytes):
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(make_bytes(scene.ct, scene.seg)))
        assert all(not dataset[keyword].value for keyword in EMPTY_KEYWORDS)
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
