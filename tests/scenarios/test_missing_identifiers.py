"""A DICOM series that lacks an identifier: what can be written is written, and the rest has a reason."""

from __future__ import annotations

import json

import pydicom
import pytest

from liverseg.__main__ import main
from liverseg.io.dicom.frame_of_reference import MADE_WARNING
from liverseg.phantom import write
from tests.phantoms import make


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """Gives the folder of a phantom of which each file was changed by `pop`ping a keyword."""
    *files, _ = write(make("volume", seed=3, size=64, slices=6), tmp_path_factory.mktemp("whole"), "dicom")

    def without(*keywords):
        folder = tmp_path_factory.mktemp("without")
        for path in files:
            dataset = pydicom.dcmread(path)
            for keyword in keywords:
                delattr(dataset, keyword)
            dataset.save_as(folder / path.name)
        return folder

    return without


def segment(*arguments):
    return main(["segment", *map(str, arguments), "--checkpoint", "segformer-b0-fast"])


def test_a_series_without_a_frame_of_reference_has_every_format(series, tmp_path, capsys):
    folder, out = series("FrameOfReferenceUID"), tmp_path / "out"
    assert segment(folder, "--out", out, "--formats", "seg,rtstruct,csv") == 0
    assert f"note        {MADE_WARNING}" in capsys.readouterr().out
    assert MADE_WARNING in json.loads((out / "report.json").read_text())["warnings"]
    names = ("segmentation.dcm", "rtstruct.dcm")
    assert len({pydicom.dcmread(out / name).FrameOfReferenceUID for name in names}) == 1


def test_the_other_formats_are_written_where_an_identifier_cannot_be_made(series, tmp_path, capsys):
    folder, out = series("StudyInstanceUID", "FrameOfReferenceUID"), tmp_path / "out"
    assert segment(folder, "--out", out, "--formats", "nifti,seg,rtstruct,csv") == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "DICOM SEG and DICOM RTSTRUCT cannot be written: identifiers that the standard requires are missing: "
        "Study Instance UID, Frame of Reference UID; the other results are written.\n"
    )
    assert {"labels.nii.gz", "report.csv", "report.json"} <= {path.name for path in out.iterdir()}
    assert not list(out.glob("*.dcm")) and "wrote" in printed.out


def test_nothing_runs_where_nothing_that_was_asked_for_can_be_written(series, tmp_path, capsys):
    folder = series("StudyInstanceUID")
    assert segment(folder, "--out", tmp_path / "out", "--formats", "seg") == 1
    assert capsys.readouterr().err.endswith("is missing: Study Instance UID; leave out the format seg.\n")


def test_several_inputs_name_the_one_that_lacks_an_identifier(series, tmp_path, capsys):
    whole, lacking = series(), series("StudyInstanceUID")
    arguments = ("--out", tmp_path / "out", "--formats", "seg,csv", "--json")
    assert segment(whole, lacking, *arguments) == 1
    printed = capsys.readouterr()
    first, second = json.loads(printed.out)
    assert "left_out" not in first and second["left_out"][0].startswith("DICOM SEG cannot be written")
    assert printed.err.count("\n") == 1 and "Study Instance UID" in printed.err
    assert len(list((tmp_path / "out").rglob("segmentation.dcm"))) == 1
