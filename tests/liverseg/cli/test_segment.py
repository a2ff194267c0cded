"""`python -m liverseg`: what it prints and writes, and what it refuses."""

import json
import os
import subprocess
import sys

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg import phantom
from liverseg.__main__ import main
from tests.phantoms import make


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """One phantom slice as PNG, NIfTI and DICOM, and a small volume."""
    folder = tmp_path_factory.mktemp("inputs")
    made = make("slice", seed=21)
    for name, file_format in (("ct.png", "png"), ("ct.nii.gz", "nifti"), ("ct.dcm", "dicom")):
        phantom.write(made, folder / name.replace(".", "_") / name, file_format)
    volume = phantom.make("volume", seed=22, size=128, slices=5)
    phantom.write(volume, folder / "volume" / "ct.nii.gz", "nifti")
    return folder


def report_of(capsys, *arguments) -> dict:
    capsys.readouterr()
    assert main(["segment", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_three_formats_of_one_slice_give_the_same_result(inputs, capsys):
    png = report_of(capsys, inputs / "ct_png" / "ct.png")
    nifti = report_of(capsys, inputs / "ct_nii_gz" / "ct.nii.gz")
    dicom = report_of(capsys, inputs / "ct_dcm" / "ct.dcm")
    for structure in ("liver", "tumour"):
        assert nifti[structure]["pixels"] == dicom[structure]["pixels"]
        assert nifti[structure]["area_mm2"] == pytest.approx(dicom[structure]["area_mm2"], rel=1e-6)
    assert png["liver"]["pixels"] == pytest.approx(nifti["liver"]["pixels"], rel=0.03)
    assert png["liver"]["area_mm2"] is None and png["input"]["spacing_mm"] is None
    assert png["input"]["assumed_window"] == {"center_hu": 40, "width_hu": 400}
    spacing = nifti["input"]["spacing_mm"]
    expected = nifti["liver"]["pixels"] * spacing[1] * spacing[2]
    assert nifti["liver"]["area_mm2"] == pytest.approx(expected, rel=1e-4)
    total = nifti["liver"]["pixels"] + nifti["tumour"]["pixels"]
    assert nifti["tumour_share_of_liver"] == pytest.approx(nifti["tumour"]["pixels"] / total, abs=1e-5)


def test_results_are_written_on_the_inputs_own_grid(inputs, tmp_path, capsys):
    source = inputs / "volume" / "ct.nii.gz"
    report = report_of(capsys, source, "--out", tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "labels.nii.gz", "lesions.nii.gz", "overview.png", "report.csv", "report.json",
        "tumour_probability.nii.gz",
    ]  # fmt: skip
    labels, given = nibabel.load(tmp_path / "labels.nii.gz"), nibabel.load(source)
    assert labels.shape == given.shape and np.allclose(labels.affine, given.affine)
    voxels = np.asanyarray(labels.dataobj)
    assert (voxels == 1).sum() == report["liver"]["voxels"]
    volume_ml = (voxels == 1).sum() * np.prod(given.header.get_zooms()) / 1000
    assert report["liver"]["volume_ml"] == pytest.approx(volume_ml, rel=1e-3)


def test_one_slice_of_a_volume_is_measured_as_a_slice(inputs, tmp_path, capsys):
    report = report_of(capsys, inputs / "volume" / "ct.nii.gz", "--slice", 2, "--out", tmp_path)
    assert report["input"]["kind"] == "slice" and report["liver"]["area_mm2"] > 0
    assert any("slice 2" in warning for warning in report["warnings"])
    voxels = np.asanyarray(nibabel.load(tmp_path / "labels.nii.gz").dataobj)
    assert (voxels == 1).sum() == report["liver"]["pixels"]


def test_the_window_rebuilds_the_hu_of_a_picture_and_only_draws_hu_input(inputs, tmp_path, capsys):
    made = make("slice", seed=21)
    narrow = ((made.hu[0] + 40) / 200).clip(0, 1) * 255
    picture = tmp_path / "narrow.png"
    cv2.imwrite(str(picture), narrow.round().astype(np.uint8))
    reported = report_of(capsys, picture, "--window", 60, 200)
    hu = report_of(capsys, inputs / "ct_nii_gz" / "ct.nii.gz")
    assert reported["input"]["assumed_window"] == {"center_hu": 60, "width_hu": 200}
    assert reported["liver"]["pixels"] == pytest.approx(hu["liver"]["pixels"], rel=0.03)
    drawn = report_of(capsys, inputs / "ct_nii_gz" / "ct.nii.gz", "--window", 60, 200)
    assert drawn["liver"] == hu["liver"]


def test_summary_names_sizes_and_assumptions(inputs, capsys):
    assert main(["segment", str(inputs / "ct_png" / "ct.png")]) == 0
    out = capsys.readouterr().out
    assert "pixels" in out and "mm²" not in out and "40/400" in out


def test_checkpoint_is_chosen_by_reference(inputs, capsys):
    report = report_of(capsys, inputs / "ct_dcm" / "ct.dcm", "--checkpoint", "segformer-b0-fast")
    assert report["checkpoint"]["ref"].startswith("segformer-b0-fast@")


def test_python_api_gives_the_same_report(inputs, capsys):
    path = inputs / "ct_dcm" / "ct.dcm"
    ct = liverseg.read(path)
    report = liverseg.measure(ct, liverseg.Segmenter.load("segformer-b0").segment(ct)).to_dict()
    printed = report_of(capsys, path)
    for key in ("input", "checkpoint", "liver", "tumour", "lesions", "tumour_share_of_liver"):
        assert report[key] == json.loads(json.dumps(printed[key])) or list(report[key]) == printed[key]


BAD = {
    "empty.png": b"",
    "text.png": b"this is a shopping list, not a picture\n" * 4,
    "noise.dcm": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_sentence_and_exit_1(name, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(BAD[name])
    assert main(["segment", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and len(printed.err.strip().splitlines()) == 1
    assert name not in printed.err and "Traceback" not in printed.err


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--slice", "5"], "slice"),
        (["--window", "40", "0"], "width"),
        (["--window", "40", "1e300"], "width"),
        (["--threshold", "2"], "threshold"),
        (["--checkpoint", "nothing"], "nothing"),
    ],
)
def test_settings_out_of_range_get_exit_1(inputs, capsys, arguments, says):
    assert main(["segment", str(inputs / "ct_dcm" / "ct.dcm"), *arguments]) == 1
    assert says in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_created_is_refused(inputs, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["segment", str(inputs / "ct_dcm" / "ct.dcm"), "--out", str(tmp_path / "file" / "x")]) == 1
    assert "written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["segment"], ["compare", "x", "a"], ["segment", "x", "--formats", "tiff"], ["dance"]]
)
def test_wrong_usage_exits_2(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_module_runs_and_help_is_quick_to_import():
    """`--help` loads neither torch nor the image libraries."""
    code = (
        "import sys; from liverseg.__main__ import build_parser; build_parser().format_help();"
        "heavy = {'torch', 'cv2', 'nibabel', 'pydicom', 'gradio', 'openvino'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    run = subprocess.run([sys.executable, "-m", "liverseg", "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and "segment" in run.stdout and "phantom" in run.stdout


def test_png_of_a_volume_needs_one_slice(inputs, tmp_path, capsys):
    volume = str(inputs / "volume" / "ct.nii.gz")
    assert main(["segment", volume, "--formats", "png", "--out", str(tmp_path / "a")]) == 1
    assert "one slice" in capsys.readouterr().err
    report = report_of(capsys, volume, "--formats", "png", "--slice", 2, "--out", tmp_path / "b")
    labels = cv2.imread(str(tmp_path / "b" / "labels.png"), cv2.IMREAD_UNCHANGED)
    assert labels.shape == (128, 128) and (labels == 1).sum() == report["liver"]["pixels"]


def test_a_terminal_without_special_characters_still_gets_the_report(inputs):
    run = subprocess.run(
        [sys.executable, "-m", "liverseg", "segment", str(inputs / "ct_dcm" / "ct.dcm")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert run.returncode == 0 and b"liver" in run.stdout


def test_a_report_that_nobody_reads_ends_quietly(inputs, tmp_path):
    command = f'"{sys.executable}" -m liverseg segment "$1" --json --out "$2" | true; echo ${{PIPESTATUS[0]}}'
    arguments = [str(inputs / "ct_png" / "ct.png"), str(tmp_path / "out")]
    run = subprocess.run(["bash", "-c", command, "-", *arguments], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("141\n", "")
    assert (tmp_path / "out" / "report.json").exists()  # the results are written first
