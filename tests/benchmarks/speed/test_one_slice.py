"""The sections of the benchmark on tiny networks: twins agree, rows are whole, the command runs them."""

import json

import numpy as np
import pytest
import torch

from benchmarks.speed import cold_start, gpu, machine, networks, one_slice, peers
from benchmarks.speed.rows import NotMeasured
from benchmarks.speed.sections import Context
from liverseg.__main__ import main
from liverseg.inference.engines import torch_engine
from train.models.segformer import SEGFORMER_CONFIGS


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path, threads=1, quick=True)


def test_the_quick_command_measures_a_slice_as_json(monkeypatch, capsys):
    monkeypatch.setattr(machine, "limit_threads", lambda threads: 1)
    assert main(["bench", "--quick", "--sections", "slice", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (row,) = found["rows"]
    assert found["quick"] and row["section"] == "slice" and row["name"] == "segformer-b0"
    assert {one_slice.EAGER, one_slice.TORCH, one_slice.DEFAULT} <= set(row["variants"])
    labels = [ratio for name, ratio in row["ratios"].items() if "labels" in name]
    assert len(labels) == 2 and all(ratio["met"] for ratio in labels)
    assert one_slice.TORCH_BF16 in row["variants"] or one_slice.TORCH_BF16 in row["missing"]
    for peer in (one_slice.OPENVINO, one_slice.ORT):
        assert peer in row["variants"] or "not installed" in row["missing"][peer]


def test_the_twins_have_the_published_size_and_are_decisive():
    twins = networks.published("segformer-b0", 64, quick=True)
    hu = networks.slice_hu(64)
    with torch.inference_mode():
        probabilities = twins.usual(torch.from_numpy(hu)).numpy()
    assert len(np.unique(probabilities.argmax(axis=1))) > 1  # or a swapped class would not show
    published = networks.in_transformers(networks.need("train.models").build("segformer-b0").eval())
    assert sum(p.numel() for p in published.parameters()) == 3_714_915  # NVIDIA's B0, 3 classes
    assert SEGFORMER_CONFIGS["segformer-b0"].decoder_width == 256


def test_a_peer_that_is_missing_says_what_to_install():
    with pytest.raises(NotMeasured, match=r"no_such_peer is not installed, pip install .*bench"):
        peers.need("no_such_peer")


def test_without_a_gpu_its_rows_say_so_and_with_one_they_are_measured(context, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = gpu.measure(context)
    assert len(rows) == 3 and all(row.not_measured == gpu.NO_GPU for row in rows)
    # The processor stands in for the GPU, and computes in bfloat16 as slowly as it may.
    monkeypatch.setattr(torch_engine, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(torch_engine.precision, "LABELS_EQUAL", 0.5)
    row = gpu.slices_row("segformer-b0", "cpu", context)
    assert any("bfloat16, cpu" in name for name in row.variants)
    assert all(ratio.value > 0 for ratio in row.ratios.values())


def test_training_samples_are_compared_round_by_round(context, monkeypatch):
    fit = peers.need("benchmarks.fit")
    monkeypatch.setattr(fit, "run_command", lambda words: None)
    rates = {"plain": iter([2.0, 4.0, 2.0]), "ours": iter([4.0, 8.0, 12.0])}
    monkeypatch.setattr(fit, "plain_rate", lambda work: next(rates["plain"]))
    monkeypatch.setattr(fit, "our_rate", lambda work: next(rates["ours"]))
    row = gpu.training_row(Context(context.scratch, threads=1))
    (ratio,) = row.ratios.values()
    assert ratio.value == 2.0


def test_an_app_that_does_not_start_is_told_with_its_last_line(context):
    script = context.scratch / "broken.py"
    script.write_text("raise SystemExit('no port is free')")
    picture = context.scratch / "slice.png"
    with pytest.raises(NotMeasured, match="no port is free"):
        cold_start.start(lambda port: ["python3", str(script)], picture, str(context.scratch))
