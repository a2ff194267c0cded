"""`python -m liverseg compare`: what it prints and writes, and what it refuses."""

import json
import re

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg.__main__ import main
from liverseg.analysis.report_text import number_text
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from tests.liverseg.app.rule_checkpoints import slice_hu, write_versions

OLD, NEW, OTHER = "rule@1.0.0", "rule@1.1.0", "other@2.0.0"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A slice as PNG and NIfTI and a volume of four; three checkpoints are the registry."""
    folder = tmp_path_factory.mktemp("inputs")
    hu = np.stack([slice_hu(radius) for radius in (0, 6, 8, 4)])  # (S, H, W)
    affine = np.diag([-0.8, -0.8, 5.0, 1.0])
    for name, slices in (("slice.nii.gz", hu[2:3]), ("volume.nii.gz", hu)):
        nibabel.save(nibabel.Nifti1Image(slices.transpose(2, 1, 0).astype(np.int16), affine), folder / name)
    cv2.imwrite(str(folder / "slice.png"), to_grey(hu[2], DEFAULT_WINDOW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERSEG_REGISTRY", str(write_versions(folder / "checkpoints")))
        yield folder


def ran(capsys, command, *arguments) -> dict:
    capsys.readouterr()
    assert main([command, *map(str, arguments), "--engine", "torch", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def same_result(report: dict, other: dict) -> bool:
    return all(report[key] == other[key] for key in report if key != "timing_s")


@pytest.mark.parametrize("second", [NEW, OTHER])
def test_versions_and_architectures_are_compared_on_one_input(inputs, tmp_path, capsys, second):
    source = inputs / "volume.nii.gz"
    comparison = ran(capsys, "compare", source, OLD, second, "--out", tmp_path)
    names = ["comparison.json", "comparison.png", "report_a.json", "report_b.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert json.loads((tmp_path / "comparison.json").read_text()) == comparison
    agreement = comparison["agreement"]
    for side, ref in (("a", OLD), ("b", second)):
        report = comparison[f"report_{side}"]
        assert json.loads((tmp_path / f"report_{side}.json").read_text()) == report
        assert report["checkpoint"]["ref"] == ref
        assert same_result(report, ran(capsys, "segment", source, "--checkpoint", ref))
        assert agreement["tumour"][side] == report["tumour"] and agreement["liver"][side] == report["liver"]
        assert agreement[f"checkpoint_{side}"] == report["checkpoint"]
    ct = liverseg.read(source)
    a, b = (liverseg.Segmenter.load(ref, engine="torch").segment(ct) for ref in (OLD, second))
    assert liverseg.compare(ct, a, b).to_dict() == agreement
    organ_a, organ_b = a.labels > 0, b.labels > 0
    expected = 2 * (organ_a & organ_b).sum() / (organ_a.sum() + organ_b.sum())
    assert agreement["organ"]["dice"] == pytest.approx(expected, abs=1e-5) and 0.5 < expected < 1
    assert agreement["most_different_slice"] == np.argmax((a.labels != b.labels).sum(axis=(1, 2)))
    picture = cv2.imread(str(tmp_path / "comparison.png"))
    assert picture.shape[1] == 3 * 1024 + 24 and picture[:, -1024:].any()


def test_one_slice_and_one_threshold_count_for_both(inputs, capsys):
    source = inputs / "volume.nii.gz"
    comparison = ran(capsys, "compare", source, OLD, NEW, "--slice", 2, "--threshold", 0.2)
    thresholds = [comparison["agreement"][f"tumour_threshold_{side}"] for side in "ab"]
    assert thresholds == [0.2, 0.2] and comparison["report_a"]["input"]["kind"] == "slice"
    one = ran(capsys, "segment", source, "--slice", 2, "--threshold", 0.2, "--checkpoint", NEW)
    assert same_result(comparison["report_b"], one)


def test_the_table_shows_both_and_the_difference(inputs, capsys):
    assert main(["compare", str(inputs / "slice.nii.gz"), OLD, NEW, "--engine", "torch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line.split()}
    assert lines[0].split() == ["A", "B", "B", "-", "A"]
    assert rows["checkpoint"].split()[1:] == [OLD, NEW]
    assert rows["threshold"].split()[1:] == ["0.4", "0.5"]
    comparison = ran(capsys, "compare", inputs / "slice.nii.gz", OLD, NEW)["agreement"]
    sizes = [comparison["liver"][part]["area_mm2"] for part in ("a", "b", "difference")]
    signs = ("", "", "+" if sizes[2] >= 0 else "")
    assert re.findall(r"([-+]?[\d.\u202f]+) mm²", rows["liver"]) == [
        sign + number_text(size) for sign, size in zip(signs, sizes, strict=True)
    ]
    assert f"{comparison['organ']['dice']:.3f}" in rows["liver+tumour"]
    assert len([line for line in lines if line.startswith("lesion ")]) == len(comparison["lesions"]) > 0


def test_a_checkpoint_compared_with_itself_shows_no_difference(inputs, capsys):
    assert main(["compare", str(inputs / "slice.png"), OLD, OLD, "--engine", "torch"]) == 0
    same = capsys.readouterr().out
    assert "The labels are the same everywhere." in same and "1.000" in same and "+0 pixels" in same
    assert "mm²" not in same and "note on" not in same


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([OLD, "nothing"], "nothing"),
        (["nothing", OLD], "nothing"),
        ([OLD, NEW, "--slice", "5"], "slice 5"),
        ([OLD, NEW, "--threshold", "0"], "threshold"),
        ([OLD, NEW, "--window", "40", "0"], "width"),
    ],
)
def test_a_refusal_is_one_sentence(inputs, capsys, arguments, says):
    assert main(["compare", str(inputs / "slice.nii.gz"), *arguments, "--engine", "torch"]) == 1
    printed = capsys.readouterr()
    assert says in printed.err and len(printed.err.strip().splitlines()) == 1 and printed.out == ""


def test_an_unwritable_folder_is_refused_before_the_networks_run(inputs, capsys):
    blocked = inputs / "slice.png" / "x"
    assert main(["compare", "no-such-input", OLD, NEW, "--out", str(blocked)]) == 1
    assert "output folder" in capsys.readouterr().err
