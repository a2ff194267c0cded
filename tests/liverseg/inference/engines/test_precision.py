"""The choice of the precision."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.inference.engines import precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", False), ("fpu avx2 avx512f avx512_bf16", True), ("amx_bf16", True)],
)
def test_bfloat16_is_detected_by_the_processor_flags(flags, expected, monkeypatch, tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPUINFO", cpuinfo)
    assert not precision.cpu_has_bfloat16(), "the file is missing"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert precision.cpu_has_bfloat16() is expected


def test_the_probe_covers_the_hu_of_an_abdomen():
    image = precision.probe(3)
    assert image.shape == (1, 3, precision.PROBE_SIDE_PX, precision.PROBE_SIDE_PX)
    assert image.dtype == np.float32 and image.min() < -900 and image.max() > 300


def test_changed_labels_and_values_that_are_not_finite_rule_out_rounding():
    hu = np.linspace(0, 1, 1000, dtype=np.float32).reshape(1, 1, 20, 50)

    def network(hu):
        return np.concatenate([1 - hu, hu], axis=1)

    assert precision.keeps_labels(network, lambda hu: network(hu) + 1e-6, hu)
    assert not precision.keeps_labels(network, lambda hu: network(hu + 0.01), hu)
    assert not precision.keeps_labels(network, lambda hu: network(hu) * np.nan, hu)
