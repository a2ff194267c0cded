"""`python -m liverseg measure`: labels of any tool give the results of `segment`, with their origin."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
from pypdf import PdfReader

import liverseg
from liverseg.__main__ import main
from tests.liverseg.io.masks.mask_files import CT_AFFINE, scan_and_labels, slicer_segmentation


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A scan with its labels in a folder."""
    folder = tmp_path_factory.mktemp("case")
    scan, labels = scan_and_labels(folder)
    nibabel.save(nibabel.Nifti1Image(labels, CT_AFFINE), folder / "labels.nii.gz")
    return scan, labels, folder


def test_the_report_and_files_say_that_no_network_made_the_labels(case, tmp_path, capsys):
    scan, labels, folder = case
    formats = ("--formats", "nifti,csv,json,pdf,glb")
    assert main(["measure", str(scan), str(folder / "labels.nii.gz"), "--out", str(tmp_path), *formats]) == 0
    printed = capsys.readouterr().out
    assert (
        "from a file (NIfTI), not from a network: liver 1, tumour 2" in printed
        and "probability" not in printed
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert [report[key] for key in ("checkpoint", "engine", "tumour_threshold", "settings")] == [None] * 4
    assert report["labels_file"]["format"] == "nifti" and report["labels_file"]["tumour"] == [2]
    assert report["tumour"]["voxels"] == (labels == 2).sum() and "edited" not in report
    assert [lesion["likely"] for lesion in report["lesions"]] == [True, True]
    assert {lesion[key] for lesion in report["lesions"] for key in
            ("mean_probability", "peak_probability", "lesion_probability")} == {None}  # fmt: skip
    assert not any(doubt["reason"] == "confidence" for doubt in report["doubts"])
    assert "labels_file" in report["definitions"]
    voxels = np.asarray(nibabel.load(tmp_path / "labels.nii.gz").dataobj)
    assert np.array_equal(voxels, labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "labels.nii.gz", "lesions.nii.gz", "mesh.glb", "overview.png", "report.csv", "report.json",
        "report.pdf",
    ]  # fmt: skip
    page = PdfReader(tmp_path / "report.pdf").pages[0].extract_text()
    assert "Labels from a file, not from a network" in page and "Threshold" not in page
    # Its own labels are measured as those of the file were.
    assert main(["measure", str(scan), str(tmp_path / "labels.nii.gz"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels_sha256"] == report["labels_sha256"]
    assert main(["reproduce", str(tmp_path / "report.json"), str(scan)]) == 1
    assert "no checkpoint made" in capsys.readouterr().err


def test_labels_corrected_by_hand_say_how_much_was_changed(case, tmp_path, capsys):
    scan, labels, folder = case
    corrected = labels.copy()
    corrected[30:33, 40:49, 3] = 1  # 27 voxels of tumour become liver
    corrected[8, 12:20, 1] = 0  # 8 voxels of liver are erased
    nibabel.save(nibabel.Nifti1Image(corrected, CT_AFFINE), path := tmp_path / "corrected.nii.gz")
    arguments = ["measure", str(scan), str(path), "--original", str(folder / "labels.nii.gz")]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["edited"]["by_hand"] == {
        "changed": 35, "liver": {"added": 27, "removed": 8}, "tumour": {"added": 0, "removed": 27},
    }  # fmt: skip
    assert report["edited"]["rejected"] == [] and "Edited by hand: the labels differ in 35 voxels" in str(
        report
    )
    assert main([*arguments, "--out", str(tmp_path / "out"), "--formats", "pdf"]) == 0
    page = PdfReader(tmp_path / "out" / "report.pdf").pages[0].extract_text()
    assert "Edited by hand: 35 voxels" in page and "35 voxels" in capsys.readouterr().out
    assert main([*arguments[:2], str(folder / "labels.nii.gz"), *arguments[3:], "--json"]) == 0
    assert "edited" not in json.loads(capsys.readouterr().out)
    assert main([*arguments, "--slice", "2"]) == 1
    assert "leave out" in capsys.readouterr().err


def test_a_map_names_the_labels_and_wrong_ones_are_refused(case, tmp_path, capsys):
    scan, labels, _ = case
    path = slicer_segmentation(tmp_path / "a.seg.nrrd", [labels], [("Organ A", 1, 0), ("Herd", 2, 0)])
    assert main(["measure", str(scan), str(path)]) == 1
    assert "--map liver=1,tumour=2" in capsys.readouterr().err
    assert main(["measure", str(scan), str(path), "--map", "liver=Organ A,tumour=Herd", "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["tumour"]["voxels"] == (labels == 2).sum()
    assert "Organ A" not in text and "seg.nrrd" not in text  # names are free text and stay out
    assert main(["measure", str(scan), str(path), "--map", "spleen=1"]) == 1
    assert "liver=VALUE" in capsys.readouterr().err


def test_one_slice_and_python(case, capsys):
    scan, labels, folder = case
    assert main(["measure", str(scan), str(folder / "labels.nii.gz"), "--slice", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["input"]["kind"] == "slice" and report["tumour"]["pixels"] == (labels[:, :, 3] == 2).sum()
    ct = liverseg.read(scan)
    seg = liverseg.read_labels(folder / "labels.nii.gz", ct)
    assert liverseg.measure(ct, seg).tumour.count == (labels == 2).sum()
    with pytest.raises(liverseg.LiversegError, match="without probabilities"):
        seg.at_threshold(0.4)
