"""From phantoms to a segmentation: prepare, fit, export, verify, evaluate and segment."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import train.models.graph
from liverseg import phantom
from liverseg.inference.segmenter import Segmenter
from registry import open_registries
from registry.verify import verify
from train.__main__ import main
from train.export import card_picture

FIT = (
    "--crop 64 --working-range 60 80 --working-size 64 --batch 4 --option decoder_width=32 --score-every 8 "
    "--threads 1 --workers 0"
).split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A dataset of phantoms, a run of 16 samples on it, and the exported checkpoint."""
    folder = tmp_path_factory.mktemp("pipeline")
    data, run, checkpoint = folder / "data", folder / "run", folder / "registry" / "tiny"
    assert main(["prepare", "phantom:4", str(data), "--val", "0.5", "--jobs", "1"]) == 0
    assert main(["fit", "--out", str(run), "--data", f"{data}:1:0.5", "--samples", "16", *FIT]) == 0
    export = [
        "export",
        str(run),
        str(checkpoint),
        "--name",
        "tiny",
        "--version",
        "0.1.0",
        "--working-size",
        "64",
    ]
    assert main([*export, "--data", f"{data}:val", "--title", "A test"]) == 0
    return folder


def test_prepared_phantoms_are_a_dataset(trained):
    about = json.loads((trained / "data" / "dataset.json").read_text())
    assert about["splits"] == {"train": 2, "val": 2}
    assert about["intensity"] == {"kind": "window", "center_hu": 40, "width_hu": 400, "bits": 8}
    with (trained / "data" / "slices.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 4 and all(int(row["liver_px"]) > 1000 for row in rows)


def test_run_is_logged_scored_and_kept(trained):
    with (trained / "run" / "log.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["samples"]) for row in rows] == [8, 16]
    assert all(0 <= float(row["liver_global"]) <= 1 for row in rows)
    state = torch.load(trained / "run" / "last.pt", weights_only=True)
    assert state["progress"]["step"] == 4


def test_the_exported_checkpoint_passes_verification(trained):
    checkpoint = open_registries(str(trained / "registry")).find("tiny")
    failed = [result for result in verify(checkpoint) if not result.ok]
    assert not failed
    manifest = checkpoint.manifest
    best = torch.load(trained / "run" / "best.pt", weights_only=True)
    assert manifest.input.context_slices == 3 and manifest.training["samples_seen"] == best["seen"]
    assert [d["name"] for d in manifest.training["datasets"]] == ["phantoms"]
    assert manifest.headline()["liver"] is not None
    assert "preprocessor_config.json" in manifest.files
    assert "from transformers import pipeline" in (checkpoint.folder / "README.md").read_text()
    module = torch.jit.load(checkpoint.folder / "model.pt")
    for shape in ((64, 64), (100, 75), (64, 300)):
        probabilities = module(torch.full((2, 3, *shape), 60.0))
        assert probabilities.shape == (2, 3, *shape) and probabilities.dtype == torch.float32
        assert torch.allclose(probabilities.sum(1), torch.ones(2, *shape), atol=1e-5)


def test_the_card_shows_the_prediction_for_a_phantom(trained):
    folder = trained / "registry" / "tiny"
    assert "](overview.png)" in (folder / "README.md").read_text()
    picture = cv2.imread(str(folder / "overview.png"))
    assert picture.shape[1] == card_picture.CARD_WIDTH_PX and 300 < picture.shape[0] < 600


def test_the_archive_holds_no_local_paths(trained):
    with zipfile.ZipFile(trained / "registry" / "tiny" / "model.pt") as packed:
        names = packed.namelist()
        assert not any(str(Path(train.__file__).parent).encode() in packed.read(name) for name in names)
        assert not any(name.endswith(".debug_pkl") for name in names)


def test_evaluate_repeats_the_scores_in_the_manifest(trained, monkeypatch, capsys):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(trained / "registry"))
    rows = trained / "scans.csv"
    capsys.readouterr()
    arguments = ["evaluate", "tiny", "--data", str(trained / "data"), "--engine", "torch", "--csv", str(rows)]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    stored = open_registries().find("tiny").manifest.metrics[0]
    for metric in ("dice_global", "dice_per_case"):
        for structure, record in stored["values"][metric].items():
            again = printed["values"][metric][structure]
            assert again["n"] == record["n"] and again["value"] == pytest.approx(record["value"], abs=1e-3)
    assert len(rows.read_text().splitlines()) == 3


def test_segmenter_gives_the_probabilities_of_the_archive(trained, monkeypatch):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(trained / "registry"))
    from liverseg.io.read import from_array

    ct = from_array(phantom.make("slice", seed=1, size=128).hu)
    seg = Segmenter.load("tiny", engine="torch").segment(ct)
    hu = torch.from_numpy(ct.hu).expand(3, -1, -1)[None]
    expected = torch.jit.load(trained / "registry" / "tiny" / "model.pt")(hu)[0]
    assert np.allclose(seg.tumour_probability[0], expected[2].detach(), atol=1e-6)
