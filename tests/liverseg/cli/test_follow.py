"""`python -m liverseg follow`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import cv2
import nibabel
import numpy as np
import pytest

import liverseg
from liverseg.__main__ import main
from liverseg.analysis.follow.change import Side
from liverseg.cli.follow import follow_table
from registry import InputSpec, WindowSpec
from tests.liverseg.analysis.follow.moved_scans import Grid, Sphere, motion, scan
from tests.liverseg.volume_checkpoints import write_volume_checkpoint

STEADY, GROWING, COMING = (0, 0, 30), (40, 0, 0), (30, 10, -50)
COARSE, THICK = Grid((4.0, 2.5, 2.5)), Grid((6.0, 2.5, 2.5))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The scans `before`, `after`, `empty` and `slice` as `.nii.gz`; a checkpoint that applies a rule."""
    folder = tmp_path_factory.mktemp("follow")
    scans = {
        "before": scan([Sphere(STEADY, 14), Sphere(GROWING, 10)], COARSE),
        "after": scan(
            [Sphere(STEADY, 14), Sphere(GROWING, 15), Sphere(COMING, 11)],
            THICK,
            motion((4, 3, 8), (9, -8, 30)),
        ),
        "empty": scan(grid=COARSE, has_liver=False),
    }
    for name, (ct, _) in scans.items():
        image = nibabel.Nifti1Image(ct.hu.transpose(2, 1, 0).astype(np.int16), ct.native.affine)
        nibabel.save(image, folder / f"{name}.nii.gz")
        if name == "before":
            nibabel.save(image.slicer[:, :, 20:21], folder / "slice.nii.gz")
    write_volume_checkpoint(folder / "checkpoints", InputSpec("slices", 1, (WindowSpec(40, 400),), 512))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVERSEG_REGISTRY", str(folder / "checkpoints"))
        yield folder


def run(inputs, before, after, *options) -> int:
    paths = [str(inputs / f"{name}.nii.gz") for name in (before, after)]
    return main(["follow", *paths, "--checkpoint", "volume-rule", "--engine", "torch", *map(str, options)])


def test_two_scans_become_a_table_files_and_a_picture(inputs, tmp_path, capsys):
    assert run(inputs, "before", "after", "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    names = ["follow.csv", "follow.json", "follow.png", "report_baseline.json", "report_follow_up.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert re.findall(r"^wrote .*/(.*)$", printed, re.MULTILINE)[-1] == "follow.json"
    assert "1 stable, 1 grown, 1 new" in printed and "PD, progressive disease" in printed
    assert "suggested, unverified" in printed and "not a medical device" in printed

    content = json.loads((tmp_path / "follow.json").read_text())
    assert [one["state"] for one in content["lesions"]] == ["stable", "grown", "new"]
    grown = content["lesions"][1]
    assert grown["baseline"]["longest_diameter_mm"] == pytest.approx(20, abs=4)
    assert grown["follow_up"]["longest_diameter_mm"] == pytest.approx(30, abs=4)
    assert 1 + grown["volume_change"] == pytest.approx(1.5**3, rel=0.2)
    assert content["registration"]["good"] and content["registration"]["dice"] > 0.93
    for side in ("baseline", "follow_up"):
        report = json.loads((tmp_path / f"report_{side}.json").read_text())
        assert content[side]["tumour"] == report["tumour"] and content[side]["input"] == report["input"]
    assert len(list(csv.DictReader((tmp_path / "follow.csv").open()))) == 3
    assert cv2.imread(str(tmp_path / "follow.png")).shape[1] == 1292

    segmenter = liverseg.Segmenter.load("volume-rule", engine="torch")
    scans = [liverseg.read(inputs / f"{name}.nii.gz") for name in ("before", "after")]
    first, second = ((ct, segmenter.segment(ct)) for ct in scans)
    found = liverseg.follow(*first, *second)
    assert found.to_dict()["lesions"] == content["lesions"]

    unsure = replace(found.lesions[0].baseline.lesions[0], likely=False)
    neither = replace(found.lesions[0], baseline=Side((unsure,)), follow_up=Side((unsure,)))
    table = follow_table(replace(found, lesions=(*found.lesions[1:], neither)))
    assert "1 grown, 1 new\n" in table and "likely in neither scan, and not counted:" in table
    assert "unsure in baseline and follow-up" in table


def test_json_alone_is_printed(inputs, capsys):
    assert run(inputs, "before", "before", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["response"]["suggested_category"] == "SD" and content["response"]["change"] == 0
    assert any("the same file" in warning for warning in content["warnings"])


@pytest.mark.parametrize(
    "before, after, says",
    [
        ("before", "slice", "Follow-up needs two volumes, and the follow-up scan is a single slice."),
        ("empty", "before", "No liver was found in the baseline scan, so the scans cannot be compared."),
    ],
)
def test_a_refusal_is_one_sentence(inputs, capsys, before, after, says):
    assert run(inputs, before, after) == 1
    printed = capsys.readouterr()
    assert printed.err == f"{says}\n" and printed.out == ""
