"""`python -m liverseg score`: one case, folders of cases, what is written and what is refused."""

from __future__ import annotations

import csv
import json

import nibabel
import numpy as np
import pytest
from PIL import Image

from liverseg import phantom
from liverseg.__main__ import main
from tests.liverseg.io.masks.mask_files import CT_AFFINE, scan_and_labels, slicer_segmentation
from tests.phantoms import make


def save(path, labels, affine=CT_AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(labels.astype(np.uint8), affine), path)
    return path


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A scan, its reference and a result that is shifted by two columns, in a folder."""
    folder = tmp_path_factory.mktemp("case")
    scan, labels = scan_and_labels(folder)
    save(folder / "result.nii.gz", np.roll(labels, 2, axis=0))
    slicer_segmentation(folder / "truth.seg.nrrd", [labels], [("Liver", 1, 0), ("Tumour", 2, 0)])
    return folder, scan, labels


def test_labels_are_scored_with_and_without_their_scan(case, tmp_path, capsys):
    folder, scan, labels = case
    arguments = ["score", str(folder / "result.nii.gz"), "--reference", str(folder / "truth.seg.nrrd")]
    assert main([*arguments, "--scan", str(scan), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    score = json.loads((tmp_path / "score.json").read_text())
    rolled = np.roll(labels, 2, axis=0)
    expected = 2 * ((labels == 2) & (rolled == 2)).sum() / ((labels == 2).sum() + (rolled == 2).sum())
    assert score["tumour"]["dice"] == pytest.approx(expected, abs=1e-6) and f"{expected:.3f}" in printed
    assert score["reference"]["labels_file"]["format"] == "nrrd" and score["result"]["checkpoint"] is None
    assert score["lesions"]["any_overlap"]["found"] == 2 and "1 of 2 found" in printed
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["worst_1.png", "worst_2.png", "worst_3.png"] and len(score["worst_slices"]) == 3
    colours = np.unique(np.array(Image.open(tmp_path / "worst_1.png")).reshape(-1, 3), axis=0).tolist()
    assert [100, 200, 255] in colours and [220, 40, 15] in colours
    assert main([*arguments, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert {key: alone[key] for key in ("liver", "tumour", "lesions", "burden")} == {
        key: score[key] for key in ("liver", "tumour", "lesions", "burden")
    }
    assert not any(name in json.dumps(alone) for name in ("result.nii", "truth.seg", str(folder)))
    # Equal labels leave no picture of an earlier score behind.
    assert main([*arguments[:3], arguments[3], "--map", "liver=1,tumour=2", "--out", str(tmp_path)]) == 0
    same = ["score", str(folder / "truth.seg.nrrd"), *arguments[2:], "--out", str(tmp_path)]
    assert main(same) == 0 and not list(tmp_path.glob("*.png"))


def test_a_scan_is_segmented_first(tmp_path, capsys):
    made = make("volume", seed=3, size=96, slices=5)
    path, truth = phantom.write(made, tmp_path, "nifti")
    options = ["--checkpoint", "segformer-b0-fast"]
    assert main(["segment", str(path), *options, "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["score", str(path), "--reference", str(truth), *options, "--json"]) == 0
    segmented = json.loads(capsys.readouterr().out)
    assert segmented["result"]["checkpoint"]["ref"].startswith("segformer-b0-fast@")
    labels = str(tmp_path / "out" / "labels.nii.gz")
    assert main(["score", labels, "--reference", str(truth), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    for key in ("liver", "tumour", "lesions", "burden", "worst_slices"):
        assert read[key] == segmented[key]
    assert read["result"]["labels_sha256"] == segmented["result"]["labels_sha256"]


def test_folders_are_matched_by_name_and_a_bad_case_costs_itself_alone(case, tmp_path, capsys):
    _, _, labels = case
    results, references = tmp_path / "results", tmp_path / "references"
    save(results / "a" / "labels.nii.gz", labels)  # as `segment` writes several inputs
    save(results / "b.nii.gz", np.roll(labels, 1, axis=1))
    save(results / "c.nii.gz", labels)
    save(results / "alone.nii.gz", labels)
    for name in ("a", "b"):
        save(references / f"{name}.nii.gz", labels)
    save(references / "c.nii.gz", labels, np.diag([2.0, 2.0, 2.0, 1.0]))
    arguments = ["score", str(results), "--reference", str(references), "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert (
        "c: The reference lies on another grid" in printed.err and "without a partner: alone" in printed.err
    )
    assert "2 of 3 cases scored" in printed.out
    with (tmp_path / "out" / "scores.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["case"] for row in rows] == ["a", "b", "c"]
    assert float(rows[0]["liver_dice"]) == 1 and 0.5 < float(rows[1]["liver_dice"]) < 1
    assert rows[2]["liver_dice"] == "" and "another grid" in rows[2]["refusal"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    liver = summary["measures"]["liver_dice"]
    assert liver["n"] == 2 and liver["interval_95"][1] == 1
    assert (tmp_path / "out" / "b" / "worst_1.png").is_file() and not (tmp_path / "out" / "c").exists()

    pairs = tmp_path / "pairs.csv"
    pairs.write_text("case,result,reference\nfirst,results/b.nii.gz,references/a.nii.gz\n")
    assert main(["score", str(pairs), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["measures"]["liver_dice"]["mean"] == pytest.approx(float(rows[1]["liver_dice"]), abs=1e-6)


def test_what_cannot_be_scored_is_refused_in_one_sentence(case, tmp_path, capsys):
    folder, scan, labels = case
    result = str(folder / "result.nii.gz")
    (tmp_path / "pairs.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty").mkdir()
    unknown = save(tmp_path / "unknown.nii.gz", labels * 5)
    for arguments, why in (
        ([result], "Give the reference"),
        ([str(tmp_path / "pairs.csv")], "needs the columns"),
        ([str(tmp_path / "empty"), "--reference", str(folder)], "No result has the name"),
        ([result, "--reference", str(unknown)], "It has 5, 10. Say which"),
        ([result, "--reference", str(tmp_path / "missing.nii")], "no file of labels"),
        ([result, "--reference", str(scan)], "labels run from 0"),
    ):
        assert main(["score", *arguments]) == 1
        error = capsys.readouterr().err
        assert why in error and error.count("\n") == 1
