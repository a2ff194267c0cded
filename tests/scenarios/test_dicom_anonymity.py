"""No patient data leave through any file, line or log: the input has canaries in every element."""

from __future__ import annotations

import logging

import pydicom
import pytest
from pydicom.uid import generate_uid

import liverseg
from liverseg.__main__ import main
from liverseg.core.labels_file import LabelsFile
from liverseg.core.segmentation import Segmentation
from liverseg.io import FORMATS
from liverseg.io.write import write_results
from liverseg.phantom import write
from tests.liverseg.dicom_canaries import (
    MARKS,
    QUOTED_UIDS,
    canaries_in,
    output_contents,
    plant_everywhere,
)
from tests.phantoms import make


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """The folder of a phantom with canaries in every element, private ones, sequences and the file meta."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path_factory.mktemp("canaries"), "dicom")
    plant_everywhere(files)
    content = next(files[0].parent.iterdir()).read_bytes()
    assert content.count(b"CANARY") > 3000 and content.count(b"1.2.999.") > 150
    return files[0].parent


@pytest.mark.filterwarnings("ignore")
def test_only_the_uids_that_must_be_quoted_leave(series, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    arguments = ["--checkpoint", "segformer-b0-fast", "--out", str(out), "--formats", ",".join(FORMATS)]
    assert main(["segment", str(series), *arguments, "--json"]) == 0
    output = output_contents(out)
    whole = {"segmentation.dcm", "rtstruct.dcm", "structured_report.dcm"}
    captures = sorted(name for name in output if name.startswith("secondary_capture_"))
    assert {*whole, "report.json", "report.pdf", "mesh.glb"} <= set(output) and captures
    streams = capfd.readouterr()
    output |= {"stdout": streams.out.encode(), "stderr": streams.err.encode(), "log": caplog.text.encode()}
    output["names"] = " ".join(output).encode()
    for name in whole:
        needed = QUOTED_UIDS[:2] + QUOTED_UIDS[3:] if name == "structured_report.dcm" else QUOTED_UIDS
        assert all(uid in output[name] for uid in needed)  # a report is in no frame of reference
    for name in captures:
        made = pydicom.dcmread(out / name)
        assert made.StudyInstanceUID.encode() == QUOTED_UIDS[0] and "FrameOfReferenceUID" not in made
        assert {e.keyword for e in made if e.tag.group == 0x0010 and e.value} == set()
    leaked = {name: canaries_in(name, content) for name, content in output.items()}
    assert not {name: marks for name, marks in leaked.items() if marks}
    ct = liverseg.read(series)
    assert not [mark for mark in MARKS if mark in (repr(ct.source) + repr(ct.native)).encode()]


@pytest.mark.filterwarnings("ignore")
def test_a_follow_up_says_nothing_of_the_patient_or_the_dates(series, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    arguments = ["follow", str(series), str(series), "--checkpoint", "segformer-b0-fast"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    output = output_contents(tmp_path / "out")
    assert len(output) == 5 and b"same file" in output["follow.json"]
    streams = capfd.readouterr()
    output |= {"stdout": streams.out.encode(), "stderr": streams.err.encode(), "log": caplog.text.encode()}
    output["names"] = " ".join(output).encode()
    leaked = {name: canaries_in(name, content) for name, content in output.items()}
    assert not {name: marks for name, marks in leaked.items() if marks}


@pytest.mark.filterwarnings("ignore")
def test_measured_and_scored_labels_leak_nothing(series, tmp_path, capfd, caplog):
    """The labels are a SEG and an RTSTRUCT whose patient, study and private elements are canaries, too."""
    caplog.set_level(logging.DEBUG)
    ct = liverseg.read(series)
    seg = Segmentation.from_labels(make("volume", seed=3, size=64, slices=6).labels, LabelsFile("array"))
    write_results(tmp_path / "masks", ct, seg, liverseg.measure(ct, seg), ("seg", "rtstruct"))
    masks = [tmp_path / "masks" / name for name in ("segmentation.dcm", "rtstruct.dcm")]
    for path in masks:
        dataset = pydicom.dcmread(path)
        for keyword in ("PatientName", "PatientID", "StudyDescription", "OperatorsName", "ContentLabel"):
            setattr(dataset, keyword, "CANARY")
        for item in dataset.get("SegmentSequence", dataset.get("StructureSetROISequence")):
            name = "SegmentLabel" if "SegmentLabel" in item else "ROIName"
            setattr(item, name, f"{getattr(item, name)} of CANARY")
        dataset.save_as(path.with_name(f"CANARY_{path.name}"))
    seg_file, rtstruct = (str(path.with_name(f"CANARY_{path.name}")) for path in masks)
    wanted = "liver=1,tumour=2"
    formats = ",".join(name for name in FORMATS if name != "png")
    measured, scored = tmp_path / "measured", tmp_path / "scored"
    assert main(["measure", str(series), seg_file, "--map", wanted, "--out", str(measured),
                 "--formats", formats, "--json"]) == 0  # fmt: skip
    assert main(["score", seg_file, "--map", wanted, "--reference", rtstruct, "--reference-map", wanted,
                 "--scan", str(series), "--out", str(scored), "--json"]) == 0  # fmt: skip
    streams = capfd.readouterr()
    output = output_contents(measured) | output_contents(scored)
    assert {"report.json", "score.json", "segmentation.dcm"} <= set(output)
    output |= {"stdout": streams.out.encode(), "stderr": streams.err.encode(), "log": caplog.text.encode()}
    leaked = {name: canaries_in(name, content) for name, content in output.items()}
    assert not {name: marks for name, marks in leaked.items() if marks}
    assert b'"dice": 1.0' in output["score.json"]


def test_a_refusal_does_not_quote_the_identifiers_it_refuses(series, tmp_path, capfd):
    for number, path in enumerate(sorted(series.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = generate_uid(prefix="1.2.999.6.")
        dataset.save_as(tmp_path / f"{number}.dcm")
    out = tmp_path / "out"
    assert main(["segment", str(tmp_path), "--formats", "seg", "--out", str(out)]) == 1
    streams = capfd.readouterr()
    assert "do not share one study" in streams.err and streams.err.count("\n") == 1 and not streams.out
    assert not [mark for mark in MARKS if mark in streams.err.encode()]
