"""The whole way: prepare phantoms, fit and resume, export a checkpoint, verify it, evaluate, segment."""

import csv
import io
import json
import zipfile
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import torch

import train.models.graph
from liverseg import phantom
from liverseg.core.window import Window
from liverseg.inference.segmenter import Segmenter
from registry import open_registries
from registry.verify import verify
from train.__main__ import main
from train.data.prepare import prepare
from train.errors import TrainError
from train.export import card_picture
from train.export.archive import without_debug_records
from train.weights import load_run

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


def test_a_file_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "text.pt").write_text("no weights")
    torch.save({"something": 1}, tmp_path / "other.pt")
    for name in ("text.pt", "other.pt", "absent.pt"):
        with pytest.raises(TrainError, match="no weights of a run"):
            load_run(tmp_path / name)


def test_exported_checkpoint_keeps_the_contract(trained):
    checkpoint = open_registries(str(trained / "registry")).find("tiny")
    failed = [result for result in verify(checkpoint) if not result.ok]
    assert not failed
    manifest = checkpoint.manifest
    best = torch.load(trained / "run" / "best.pt", weights_only=True)
    assert manifest.input.context_slices == 3 and manifest.training["samples_seen"] == best["seen"]
    assert [d["name"] for d in manifest.training["datasets"]] == ["phantoms"]
    assert manifest.headline()["liver"] is not None
    module = torch.jit.load(checkpoint.folder / "model.pt")
    for shape in ((64, 64), (100, 75), (64, 300)):
        probabilities = module(torch.full((2, 3, *shape), 60.0))
        assert probabilities.shape == (2, 3, *shape) and probabilities.dtype == torch.float32
        assert torch.allclose(probabilities.sum(1), torch.ones(2, *shape), atol=1e-5)


def test_the_card_shows_what_the_network_makes_of_a_phantom(trained):
    folder = trained / "registry" / "tiny"
    assert "](overview.png)" in (folder / "README.md").read_text()
    picture = cv2.imread(str(folder / "overview.png"))
    assert picture.shape[1] == card_picture.CARD_WIDTH_PX and 300 < picture.shape[0] < 600

    def half_tumour(hu):
        tumour = (np.arange(hu.shape[-1]) < 256) * np.ones_like(hu[:, :1])
        return np.concatenate([1 - tumour, 0 * tumour, tumour], axis=1).astype(np.float32)

    shown = cv2.imdecode(np.frombuffer(card_picture.card_picture(half_tumour, 3, 0.5, "x"), np.uint8), 1)
    assert shown.shape == picture.shape and not np.array_equal(shown, picture)


def test_the_archive_tells_nothing_of_the_machine(trained):
    with zipfile.ZipFile(trained / "registry" / "tiny" / "model.pt") as packed:
        names = packed.namelist()
        assert not any(str(Path(train.__file__).parent).encode() in packed.read(name) for name in names)
        assert not any(name.endswith(".debug_pkl") for name in names)


def test_debug_records_go_and_everything_else_stays():
    buffer = io.BytesIO()
    module = torch.jit.script(
        train.models.graph.HuToProbabilities(torch.nn.Conv2d(3, 3, 1), [Window(60, 200)], 64, 1)
    )
    torch.jit.save(module, buffer, _extra_files={"manifest.json": "{}"})
    before = zipfile.ZipFile(buffer)
    after = zipfile.ZipFile(io.BytesIO(without_debug_records(buffer.getvalue())))
    kept = {name for name in before.namelist() if not name.endswith(".debug_pkl")}
    own = {name for name in kept if name.endswith("serialization_id")}
    assert set(after.namelist()) == kept
    assert all(after.read(name) == before.read(name) for name in kept - own)
    stored = torch.jit.load(io.BytesIO(without_debug_records(buffer.getvalue())))
    hu = torch.full((1, 1, 64, 80), 60.0)
    assert torch.equal(stored(hu), module(hu))


def test_evaluate_repeats_what_the_manifest_says(trained, monkeypatch, capsys):
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


def test_segmenter_sees_the_same_network(trained, monkeypatch):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(trained / "registry"))
    from liverseg.io.read import from_array

    ct = from_array(phantom.make("slice", seed=1, size=128).hu)
    seg = Segmenter.load("tiny", engine="torch").segment(ct)
    hu = torch.from_numpy(ct.hu).expand(3, -1, -1)[None]
    expected = torch.jit.load(trained / "registry" / "tiny" / "model.pt")(hu)[0]
    assert np.allclose(seg.tumour_probability[0], expected[2].detach(), atol=1e-6)


def test_prepare_reads_lits_and_names_what_it_leaves_out(tmp_path, caplog):
    source = tmp_path / "LiTS"
    source.mkdir()
    for number in range(3):
        made = phantom.make("slice", seed=number, size=128)
        affine = np.diag([-1.5, 1.5, 5.0, 1.0])
        hu = made.hu.transpose(2, 1, 0)[:, ::-1]  # stored left to right, back to front, as LiTS often is
        labels = made.labels.transpose(2, 1, 0)[:, ::-1]
        nibabel.save(nibabel.Nifti1Image(hu.astype(np.int16), affine), source / f"volume-{number}.nii")
        nibabel.save(
            nibabel.Nifti1Image(labels.astype(np.uint8), affine), source / f"segmentation-{number}.nii"
        )
    cut = source / "segmentation-2.nii"
    cut.write_bytes(cut.read_bytes()[:4000])
    problems = prepare(str(source), tmp_path / "out")
    assert len(problems) == 1 and problems[0].startswith("Scan 2 is left out")
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == [
        "scan-0_slice-000.png",
        "scan-1_slice-000.png",
    ]
    assert main(["prepare", str(source), str(tmp_path / "again")]) == 1


def test_prepare_refuses_a_folder_without_pairs(tmp_path, capsys):
    assert main(["prepare", str(tmp_path), str(tmp_path / "out")]) == 1
    assert "volume-N.nii" in capsys.readouterr().err
