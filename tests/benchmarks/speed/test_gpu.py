from __future__ import annotations

import torch

from benchmarks.speed import gpu, peers
from benchmarks.speed.sections import Context
from liverseg.inference.engines import torch_engine


def test_rows_are_measured_on_a_gpu_and_say_where_there_is_none(context, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = gpu.measure(context)
    assert len(rows) == 3 and all(row.not_measured == gpu.NO_GPU for row in rows)
    # The processor stands in for the GPU, and computes in bfloat16 as slowly as it may.
    monkeypatch.setattr(torch_engine, "device_has_bfloat16", lambda device: True)
    monkeypatch.setattr(torch_engine.precision, "MIN_EQUAL_LABELS", 0.5)
    row = gpu.slices_row("segformer-b0", "cpu", context)
    assert any("bfloat16, cpu" in name for name in row.variants)
    assert all(ratio.value > 0 for ratio in row.ratios.values())


def test_the_training_ratio_is_the_median_over_the_rounds(context, monkeypatch):
    fit = peers.need("benchmarks.fit")
    monkeypatch.setattr(fit, "run_command", lambda words: None)
    rates = {"plain": iter([2.0, 4.0, 2.0]), "ours": iter([4.0, 8.0, 12.0])}
    monkeypatch.setattr(fit, "plain_rate", lambda work: next(rates["plain"]))
    monkeypatch.setattr(fit, "our_rate", lambda work: next(rates["ours"]))
    row = gpu.training_row(Context(context.scratch, threads=1))
    (ratio,) = row.ratios.values()
    assert ratio.value == 2.0
