"""The files and the manifest of an export, without the parity check and the card picture, which are slow."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from liverseg.errors import CheckpointRefused
from registry.folder import open_checkpoint
from tests.train.sample_scans import LARGE, LIVER, write_dataset
from train.data.dataset import DatasetFolder
from train.export import export as module
from train.export.export import ExportSettings, export
from train.export.parity import Parity

SETTINGS = ExportSettings("tiny", "0.1.0", "A test", "CC0-1.0", 32, note="made in a test", calibrate=False)


class OneLayer(nn.Conv2d):
    """A network of one convolution, which is exported in place of a SegFormer."""

    def __init__(self):
        super().__init__(3, 3, 3, padding=1)

    def for_inference(self):
        return self.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A dataset of two scans and the state of a run on it."""
    folder = tmp_path_factory.mktemp("export") / "data"
    scans = {
        "1": {"split": "val", "slices": {0: LARGE, 1: LIVER}},
        "2": {"split": "train", "slices": {0: LARGE}},
    }
    data = DatasetFolder.open(write_dataset(folder, scans))
    settings = {
        "data": [[str(folder), 1.0, 0.0]],
        "architecture": "segformer-b0",
        "options": {"decoder_width": 32},
        "init": None,
        "windows": [[40.0, 400.0]],
        "context_slices": 3,
        "seed": 1,
    }
    torch.manual_seed(0)
    return data, {"weights": OneLayer().state_dict(), "settings": settings, "seen": 16, "hours": 1.5}


@pytest.fixture(scope="module")
def calls():
    """The arguments of each call of the parity check, the card picture and the choice of a threshold.

    These three are replaced, and so is the network.
    """
    calls = {"parity": [], "card": [], "threshold": []}

    def check_parity(*arguments):
        calls["parity"].append(arguments)
        return Parity(((64, 64),), 1.0, 0.001)

    def card_picture(*arguments):
        calls["card"].append(arguments)
        return b"a picture"

    def best_threshold(*arguments):
        calls["threshold"].append(arguments)
        return 0.3

    with pytest.MonkeyPatch.context() as patch:
        for replacement in (check_parity, card_picture, best_threshold):
            patch.setattr(module, replacement.__name__, replacement)
        patch.setattr("train.networks.build", lambda name, **options: OneLayer())
        yield calls


@pytest.fixture(scope="module")
def exported(run, calls, tmp_path_factory):
    data, state = run
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    return export(state, folder, SETTINGS, [(data, "val"), (data, "train")])


def test_the_manifest_has_the_settings_and_the_graph_of_the_run(exported, calls):
    manifest = exported.manifest
    assert exported.ref == "tiny@0.1.0" and manifest.title == "A test" and manifest.licence == "CC0-1.0"
    assert manifest.architecture == "segformer-b0"
    assert manifest.input.working_size == 32 and manifest.input.context_slices == 3
    assert [(w.center_hu, w.width_hu) for w in manifest.input.windows] == [(40.0, 400.0)]
    assert manifest.tumour_threshold == 0.3 and len(calls["threshold"]) == 1
    assert manifest.extra["parity"] == {
        "sizes": [[64, 64]], "labels_equal": 1.0, "largest_difference": 0.001,
    }  # fmt: skip
    assert manifest.extra["calibration"]["method"] == "none"
    assert manifest.training["samples_seen"] == 16 and manifest.training["hours"] == 1.5


def test_each_dataset_has_an_entry_and_the_first_one_also_volumes_and_without_neighbours(exported):
    entries = exported.manifest.metrics
    assert [(entry["split"], entry["mode"]) for entry in entries] == [
        ("val", "slice"), ("val", "volume"), ("train", "slice"), ("val", "slice"),
    ]  # fmt: skip
    first, volumes, second, alone = (entry["protocol"] for entry in entries)
    notes = "made in a test; tumour threshold chosen on this split"
    assert volumes.startswith("volumes: ") and volumes.endswith(f"; 2 slices; {notes}")
    assert first.endswith(f"; slices alone; 2 slices; {notes}") and second.endswith("; 1 slices")
    assert alone.endswith(f"; 2 slices; every slice on its own, neighbours hidden; {notes}")
    assert "curve" in entries[0] and "curve" not in entries[1]
    assert "ece_in_liver_uncalibrated" in entries[0]["values"]


def test_metrics_csv_has_one_row_per_scan_of_the_datasets(exported):
    rows = list(csv.DictReader(io.StringIO((exported.folder / "metrics.csv").read_text())))
    assert [(row["split"], row["scan"]) for row in rows] == [("val", "1"), ("train", "2")]


def test_weights_and_configuration_rebuild_the_network(exported, run):
    trained = run[1]["weights"]
    stored = safetensors.torch.load_file(exported.folder / "model.safetensors")
    assert set(stored) == {name for name, tensor in trained.items() if tensor.ndim}
    assert all(torch.equal(stored[name], trained[name].half()) for name in stored)
    assert json.loads((exported.folder / "config.json").read_text()) == {
        "architecture": "segformer-b0",
        "decoder_width": 32,
        "classes": ["background", "liver", "tumour"],
        "windows": [{"center_hu": 40.0, "width_hu": 400.0}],
        "working_size": 32,
        "context_slices": 3,
    }


def test_the_archive_is_what_was_checked_and_its_manifest_lists_no_files(exported, calls):
    ((graph, checked, context_slices, threshold),) = calls["parity"]
    assert (context_slices, threshold) == (3, 0.3)
    extra = {"manifest.json": ""}
    archived = torch.jit.load(io.BytesIO(exported.read_model()), _extra_files=extra)
    assert json.loads(extra["manifest.json"])["name"] == "tiny"
    assert "files" not in json.loads(extra["manifest.json"])
    hu = torch.from_numpy(np.random.default_rng(0).normal(50, 90, (1, 3, 32, 32)).astype(np.float32))
    with torch.no_grad():
        assert torch.equal(archived(hu), torch.jit.load(io.BytesIO(checked))(hu))
        assert torch.allclose(archived(hu), graph(hu), atol=0.01)


def test_the_card_shows_the_picture(exported, calls):
    assert (exported.folder / "overview.png").read_bytes() == b"a picture"
    assert "](overview.png)" in (exported.folder / "README.md").read_text()
    assert calls["card"][0][1:] == (3, 0.3, "tiny@0.1.0")
    assert open_checkpoint(exported.folder, "").manifest.to_json() == exported.manifest.to_json()


def test_another_checkpoint_that_the_weights_come_from_is_the_base_model(run, calls, tmp_path, exported):
    data, state = run
    assert "base_model" not in exported.manifest.extra
    again = export({**state, "ref": "tiny@0.0.9"}, tmp_path / "tiny", SETTINGS, [(data, "val")])
    assert "base_model" not in again.manifest.extra
    other = export({**state, "ref": "large@1.0.0"}, tmp_path / "small", SETTINGS, [(data, "val")])
    assert other.manifest.extra["base_model"] == "large"
    chosen = replace(SETTINGS, base_model="lab/large")
    other = export({**state, "ref": "large@1.0.0"}, tmp_path / "chosen", chosen, [(data, "val")])
    assert other.manifest.extra["base_model"] == "lab/large"


def test_a_network_that_is_no_segformer_has_no_layout_of_transformers(exported):
    assert "preprocessor_config.json" not in exported.manifest.files
    assert "does not open in Hugging Face's transformers" in (exported.folder / "README.md").read_text()


def test_rules_are_written_into_the_manifest_and_unknown_ones_refused(run, calls, tmp_path):
    data, state = run
    rules = {"volume_rules": {"smoothing": {"sigma_mm": 2.0, "sigma_slices": 1.0}}}
    stored = export(state, tmp_path / "tiny", replace(SETTINGS, rules=rules), [(data, "val")])
    assert stored.manifest.extra["volume_rules"] == rules["volume_rules"]
    with pytest.raises(CheckpointRefused, match="'magic'"):
        unknown = replace(SETTINGS, rules={"volume_rules": {"magic": 1}})
        export(state, tmp_path / "other", unknown, [(data, "val")])
