"""`python -m liverseg reproduce`: repeats a run from its report, names differences, refuses other inputs."""

from __future__ import annotations

import json

import cv2
import nibabel
import numpy as np
import pytest

import liverseg.inference.segmenter as find_module
from liverseg.__main__ import main
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from liverseg.inference.segmenter import Segmenter
from liverseg.pipeline import analyse
from tests.liverseg.app.rule_checkpoints import SIDE, slice_hu, write_versions
from tests.liverseg.lesion_scenes import ct_of_scan, model_segmenter


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with `result/report.json`, and the picture that the report is about."""
    folder = tmp_path_factory.mktemp("reproduce")
    picture = folder / "ct.png"
    cv2.imwrite(str(picture), to_grey(slice_hu(6), DEFAULT_WINDOW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERSEG_REGISTRY", str(write_versions(folder / "checkpoints")))
        segment(picture, folder / "result")
        yield folder, picture


def segment(source, out, *options: str) -> None:
    command = ["segment", source, "--checkpoint", "rule@1.0.0", "--engine", "torch", "--formats", "json"]
    assert main([*map(str, command), "--out", str(out), *options]) == 0


def test_reproduce_repeats_a_run_and_reports_differences(results, capsys):
    folder, picture = results
    report = folder / "result" / "report.json"
    capsys.readouterr()
    assert main(["reproduce", str(report), str(picture)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Equal: rule@1.0.0 gives the same result again."
    changed = json.loads(report.read_text())
    changed["tumour"]["pixels"] += 1
    changed["software"]["numpy"] = "1.0"
    (folder / "changed.json").write_text(json.dumps(changed))
    assert main(["reproduce", str(folder / "changed.json"), str(picture)]) == 1
    output = capsys.readouterr().out
    assert "note  software.numpy: 1.0, now" in output
    assert "1 value of the result differs:" in output and "  tumour.pixels: " in output


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("--slice", "2", "--threshold", "0.3"), {"slice": 2, "threshold": 0.3, "keep_all": False}),
        (("--keep-all",), {"slice": None, "threshold": 0.4, "keep_all": True}),
    ],
)
def test_the_settings_of_the_report_are_used_again(results, options, settings, tmp_path):
    liver, no_liver = slice_hu(6), np.full((SIDE, SIDE), 20.0)
    hu = np.stack([liver, no_liver, liver, liver])  # two bodies; by default only the upper one is kept
    path = tmp_path / "ct.nii"
    voxels = hu.transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5.0, 1.0])), path)
    segment(path, tmp_path / "out", *options)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert {key: report["settings"][key] for key in settings} == settings
    assert report["removed"] is None and report["lesions"]
    assert main(["reproduce", str(tmp_path / "out" / "report.json"), str(path)]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r["input"].update(sha256="0" * 64), "not the input of the report"),
        (lambda r: r["checkpoint"].update(sha256="0" * 64), "other weights than the report's"),
        (lambda r: r["checkpoint"].update(ref="nobody@1.0"), "nobody"),
        (lambda r: r.pop("settings"), "has no settings"),
        (lambda r: r["settings"].pop("threshold"), "incomplete"),
        (lambda r: r.pop("liver"), "not a report.json"),
    ],
)
def test_an_unsuitable_report_is_refused_in_one_line(results, change, sentence, tmp_path, capsys):
    folder, picture = results
    report = json.loads((folder / "result" / "report.json").read_text())
    change(report)
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert main(["reproduce", str(tmp_path / "report.json"), str(picture)]) == 1
    error = capsys.readouterr().err
    assert sentence in error and len(error.strip().splitlines()) == 1


def test_a_missing_report_is_refused(tmp_path, capsys):
    assert main(["reproduce", str(tmp_path / "absent.json"), "x.png"]) == 1
    assert capsys.readouterr().err == "The report cannot be read.\n"


def test_the_lesion_cut_of_the_report_is_used_again(tmp_path, monkeypatch, capsys):
    path = tmp_path / "ct.nii"
    hu = ct_of_scan().hu
    nibabel.save(
        nibabel.Nifti1Image(hu.transpose(2, 1, 0).astype(np.int16), np.diag([-0.8, -0.8, 5, 1.0])), path
    )
    segmenter = model_segmenter()
    monkeypatch.setattr(Segmenter, "load", lambda *args, **options: segmenter)
    monkeypatch.setattr(Segmenter, "from_checkpoint", lambda *args, **options: segmenter)
    monkeypatch.setattr(find_module, "find_checkpoint", lambda ref: segmenter.checkpoint)
    assert main(["segment", str(path), "--lesion-cut", "0.05", "--out", str(tmp_path / "out")]) == 0
    report = tmp_path / "out" / "report.json"
    assert json.loads(report.read_text())["unsure"]["count"] == 0
    assert main(["reproduce", str(report), str(path)]) == 0
    other = json.loads(report.read_text())
    other["settings"]["lesion_cut"] = None
    report.write_text(json.dumps(other))
    assert main(["reproduce", str(report), str(path)]) == 1
    assert "  unsure.count: 0, now 1" in capsys.readouterr().out


def test_a_lesion_cut_needs_a_lesion_model(results, capsys):
    command = ["segment", str(results[1]), "--checkpoint", "rule@1.0.0", "--lesion-cut", "0.5"]
    assert main(command) == 1
    assert "has no lesion model" in capsys.readouterr().err


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A scan with two lesions as NIfTI, and the report in which the user rejected the first one."""
    path = tmp_path / "ct.nii"
    voxels = ct_of_scan().hu.transpose(2, 1, 0).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5, 1.0])), path)
    segmenter = model_segmenter()
    monkeypatch.setattr(Segmenter, "load", lambda *args, **options: segmenter)
    monkeypatch.setattr(Segmenter, "from_checkpoint", lambda *args, **options: segmenter)
    monkeypatch.setattr(find_module, "find_checkpoint", lambda ref: segmenter.checkpoint)
    assert main(["segment", str(path), "--reject", "1", "--out", str(tmp_path / "out")]) == 0
    return path, tmp_path / "out" / "report.json"


def test_an_edited_report_is_reproduced_with_its_rejections(edited, capsys):
    path, report = edited
    before = json.loads(report.read_text())
    assert before["edited"]["rejected"] == [1] and before["tumour"]["voxels"] == 0
    assert main(["reproduce", str(report), str(path)]) == 0
    assert "Equal" in capsys.readouterr().out
    del before["edited"]
    report.write_text(json.dumps(before))
    assert main(["reproduce", str(report), str(path)]) == 1
    assert "  tumour.voxels: 0, now 72" in capsys.readouterr().out


def test_rejections_of_other_settings_are_made_with_these(edited, capsys):
    path, report = edited
    analysis = analyse(path, model_segmenter)
    moved = analysis.at_threshold(0.5, 0.05).with_rejected([2]).at_threshold(0.3, 0.9)  # 2 was unsure at 0.5
    assert moved.report.edited.made_at.lesion_cut == 0.05 and moved.report.settings.lesion_cut == 0.9
    report.write_text(moved.report.to_json())
    assert main(["reproduce", str(report), str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("Equal")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda made: made.update(rejected=[9]), "cannot be rejected as in the report. There is no lesion 9"),
        (lambda made: made.pop("rejected"), "does not say which lesions were rejected"),
        (lambda made: made.update(rejected=["1"]), "does not say which lesions were rejected"),
    ],
)
def test_rejections_that_cannot_be_repeated_are_refused_in_one_line(edited, change, sentence, capsys):
    path, report = edited
    content = json.loads(report.read_text())
    change(content["edited"]["made_at"])
    report.write_text(json.dumps(content))
    assert main(["reproduce", str(report), str(path)]) == 1
    error = capsys.readouterr().err
    assert sentence in error and len(error.strip().splitlines()) == 1


def test_lesions_of_several_inputs_cannot_be_rejected_together(edited, capsys):
    path, _ = edited
    assert main(["segment", str(path), str(path), "--reject", "1"]) == 1
    assert "give one input" in capsys.readouterr().err
    assert main(["segment", str(path), "--reject", "2"]) == 0
    assert "\nrejected 2  " in (summary := capsys.readouterr().out)
    assert "\nlesions     1 lesion, 0.230 mL; 1 rejected, 0.029 mL\n" in summary
