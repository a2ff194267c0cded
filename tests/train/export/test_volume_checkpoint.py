"""A checkpoint for volumes: export, segmentation on the grid of a scan, and refusal by evaluate."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
import torch

from liverseg.analysis.measure import measure
from liverseg.inference.segmenter import Segmenter
from liverseg.io.read import from_array
from registry import InputSpec, Manifest, WindowSpec, open_registries
from registry.write_checkpoint import write_checkpoint
from train.errors import TrainError
from train.evaluation.models import checkpoint_model
from train.export.archive import archive
from train.export.torchscript import script
from train.models import build

SPEC = InputSpec("volume", 1, (WindowSpec(60, 200),), 64, (3.0, 1.5, 1.5), (16, 64, 64))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A registry with a small nnformer-3d with random weights."""
    torch.manual_seed(1)
    network = build("nnformer-3d", channels=1, embedding=16, depths=(1, 1, 1, 1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    module = script(network.for_inference(), SPEC)
    manifest = Manifest(
        name="tiny-3d",
        version="1.0.0",
        architecture="nnformer-3d",
        input=SPEC,
        metrics=[],
        training={
            "datasets": [{"name": "none", "licence": "none", "citation": "none"}],
            "samples_seen": 0,
            "seed": 1,
            "commit": "unknown",
            "hardware": "none",
        },
        licence="Apache-2.0",
        torch_version=torch.__version__.split("+")[0],
        created=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).isoformat(),
    )
    folder = tmp_path_factory.mktemp("registry")
    files = {"model.pt": archive(module, manifest.to_json(with_files=False))}
    write_checkpoint(folder / "tiny-3d", manifest, files)
    return folder


def test_an_exported_nnformer_3d_segments_a_volume_of_another_spacing(exported):
    segmenter = Segmenter.load("tiny-3d", engine="torch", registries=open_registries(str(exported)))
    assert segmenter.checkpoint.manifest.input == SPEC
    hu = np.random.default_rng(0).normal(60, 60, (10, 72, 80)).astype(np.float32)
    ct = from_array(hu, (5.0, 1.1, 1.0))
    progress = []
    seg = segmenter.segment(ct, keep_all=True, progress=lambda *pair: progress.append(pair))
    assert seg.labels.shape == hu.shape and progress[-1] == (10, 10)
    organ, tumour = seg.organ_probability, seg.tumour_probability
    assert np.isfinite(organ).all() and 0 <= tumour.min() and organ.max() <= 1 and tumour.std() > 0.01
    assert (organ >= tumour - 0.001).all()
    report = measure(ct, seg).to_dict()
    assert report["checkpoint"]["ref"] == "tiny-3d@1.0.0" and report["liver"]["volume_ml"] is not None


def test_a_volume_of_one_patch_gives_the_output_of_the_archive(exported):
    segmenter = Segmenter.load("tiny-3d", engine="torch", registries=open_registries(str(exported)))
    hu = np.random.default_rng(1).normal(60, 60, (16, 64, 64)).astype(np.float32)
    seg = segmenter.segment(from_array(hu, SPEC.spacing_mm), keep_all=True)
    with torch.inference_mode():
        module = torch.jit.load(exported / "tiny-3d" / "model.pt")
        expected = module(torch.from_numpy(hu)[None, None])[0].numpy()
    assert np.abs(seg.tumour_probability - expected[2]).max() < 0.0005
    assert np.abs(seg.organ_probability - expected[1] - expected[2]).max() < 0.0005


def test_evaluate_refuses_a_network_for_volumes(exported, monkeypatch):
    monkeypatch.setenv("LIVERSEG_REGISTRY", str(exported))
    with pytest.raises(TrainError, match="takes volumes"):
        checkpoint_model("tiny-3d")
