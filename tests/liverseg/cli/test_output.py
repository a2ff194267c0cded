"""The texts of the commands: the summary of a report, sizes with their units, refusals."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from liverseg.__main__ import main
from liverseg.analysis.measure import measure
from liverseg.analysis.report import Amount
from liverseg.analysis.report_text import size_text
from liverseg.cli.output import print_refusal, report_summary, size, size_and_count
from liverseg.errors import InvalidSetting, SeriesChoice
from liverseg.inference.segmenter import Segmenter
from liverseg.io.dicom.series_info import SeriesInfo
from tests.liverseg.analysis.scenes import disc_scene, scene
from tests.liverseg.lesion_scenes import LIKELY_P, UNSURE_P, decided
from tests.liverseg.volume_checkpoints import BACKGROUND_HU, LIVER_HU, TUMOUR_HU, slice_segmenter


def labels_of_small_tumour() -> np.ndarray:
    """(3, 64, 64) labels with 21 voxels of tumour: 0.021 mL if a voxel has 1 mm³."""
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[:, 10:40, 10:40] = 1
    labels[1, 20:23, 20:27] = 2
    return labels


def test_a_small_tumour_has_the_same_size_in_the_command_and_on_the_page(tmp_path, monkeypatch, capsys):
    hu = np.array([BACKGROUND_HU, LIVER_HU, TUMOUR_HU])[labels_of_small_tumour()]
    path = tmp_path / "ct.nii"
    voxels = hu.transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    monkeypatch.setattr(Segmenter, "load", lambda *args, **options: slice_segmenter())
    assert main(["segment", str(path)]) == 0
    assert "\ntumour      0.021 mL (21 voxels)\n" in capsys.readouterr().out
    report = measure(*scene(labels_of_small_tumour(), (1.0, 1.0, 1.0)))
    assert size_text(report.tumour) == "0.021 mL"


def test_the_summary_of_a_slice_has_area_share_and_diameters():
    lines = report_summary(measure(*disc_scene())).splitlines()
    assert lines[0] == "checkpoint  segformer-b0@1.0, torch 2"
    rows = {line[:10].strip(): line[12:] for line in lines}
    tumour_mm2, liver_mm2 = np.pi * 16**2, np.pi * (60**2 - 16**2)
    for name, area in (("tumour", tumour_mm2), ("liver", liver_mm2)):
        number, unit = rows[name].replace("\u202f", "").split(" (")[0].split(" ")
        assert float(number) == pytest.approx(area, rel=0.01) and unit == "mm²"
        assert rows[name].endswith(" pixels)")
    assert rows["share"] == "7.1% of the liver is tumour"  # (16 / 60)²
    first, _, second, unit = rows["lesion 1"].split(",")[0].split()
    assert unit == "mm" and float(first) == pytest.approx(32, abs=1) == pytest.approx(float(second), abs=1)


def test_without_spacing_the_summary_has_pixels_only():
    text = report_summary(measure(*disc_scene(spacing=(5.0, 0.8, 0.8))))
    labels = disc_scene()[1].labels
    bare = report_summary(measure(*scene(labels, None)))
    assert "mm" in text and "mm" not in bare.replace("mm²", "").split("note")[0]
    assert f"\ntumour      {(labels == 2).sum()} pixels\n" in bare and " px, peak probability" in bare


def test_an_empty_result_has_no_share_and_every_warning_is_a_note():
    report = measure(*scene(np.zeros((1, 64, 64))))
    lines = report_summary(report).splitlines()
    assert "share       no liver found" in lines and not any(line.startswith("lesion") for line in lines)
    assert [line[12:] for line in lines if line.startswith("note ")] == list(report.warnings)


@pytest.mark.parametrize(
    ("amount", "plain", "signed", "counted"),
    [
        (Amount("volume", 21, volume_ml=0.021), "0.021 mL", "+0.021 mL", "0.021 mL (21 voxels)"),
        (Amount("slice", 12, area_mm2=7.68), "7.68 mm²", "+7.68 mm²", "7.68 mm² (12 pixels)"),
        (Amount("volume", -800, volume_ml=-12.34), "-12.3 mL", "-12.3 mL", "-12.3 mL (-800 voxels)"),
        (Amount("slice", 12345), "12345 pixels", "+12345 pixels", "12345 pixels"),
        (Amount("volume", -3), "-3 voxels", "-3 voxels", "-3 voxels"),
    ],
)
def test_a_size_has_its_unit_and_on_request_a_sign(amount, plain, signed, counted):
    assert (size(amount), size(amount, signed=True), size_and_count(amount)) == (plain, signed, counted)


def test_a_refusal_is_printed_with_the_series_to_choose_from(capsys):
    axial = SeriesInfo(1, 4, "", (20, 512, 512), (5, 0.7, 0.7), 5, "axial", "B30f", True)
    print_refusal(SeriesChoice("Choose a series.", (axial,)), prefix="scan: ")
    print_refusal(InvalidSetting("No."))
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second, third = captured.err.splitlines()
    assert (first, third) == ("scan: Choose a series.", "No.")
    assert second.startswith("  --series 1: 20 axial slices")


def test_the_summary_tells_likely_lesions_from_unsure_ones():
    lines = report_summary(measure(*decided())).splitlines()
    assert "tumour      0.230 mL (72 voxels)" in lines
    assert "lesions     1 lesion, 0.230 mL; 1 unsure, 0.029 mL" in lines
    cut = "cut         0.5. In cross-validation this setting found 55 % of the lesions, with 0.8 false ones"
    assert f"{cut} per scan." in lines
    (first,) = [line for line in lines if line.startswith("lesion 1")]
    (second,) = [line for line in lines if line.startswith("unsure 2")]
    assert first.endswith(f"lesion probability {LIKELY_P:.2f}")
    assert second.endswith(f"lesion probability {UNSURE_P:.2f}")


def test_without_a_model_the_summary_has_no_headline_and_no_lesion_probability():
    text = report_summary(measure(*disc_scene()))
    assert "lesion probability" not in text and "\nlesions " not in text and "\ncut " not in text
