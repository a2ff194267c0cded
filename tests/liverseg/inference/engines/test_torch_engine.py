"""The torch engine and its choice of precision."""

from __future__ import annotations

import numpy as np

from liverseg.inference import engines
from liverseg.inference.engines import precision
from liverseg.inference.engines.torch_engine import TorchEngine

HU = np.random.default_rng(1).normal(40, 60, (1, 1, 64, 96)).astype(np.float32)


def test_bfloat16_is_used_only_if_it_keeps_the_labels(archive, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: avx512_bf16\n")  # torch emulates bfloat16 on any processor
    monkeypatch.setattr(precision, "CPUINFO", cpuinfo)
    monkeypatch.setattr(precision, "PROBE_SIDE_PX", 96)
    monkeypatch.setattr(precision, "MIN_EQUAL_LABELS", 0.9)
    rounded = TorchEngine(archive, 1, device="cpu")
    assert "bfloat16" in rounded.name
    exact = TorchEngine(archive, device="cpu")
    assert "float32" in exact.name
    difference = np.abs(rounded.run(HU) - exact.run(HU)).max()
    assert 1e-6 < difference < 0.2  # it was rounded, and no more
    monkeypatch.setattr(precision, "MIN_EQUAL_LABELS", 1.1)
    assert "float32" in TorchEngine(archive, 1, device="cpu").name
    assert "float32" in engines.load(archive, 1, "torch").name
