"""The choice of an engine, and the agreement between engines."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from liverseg.errors import EngineUnavailable
from liverseg.inference.segmenter import Segmenter
from liverseg.io.read import from_array
from registry import open_registries
from tests.phantoms import make

BUNDLED = [checkpoint.ref for checkpoint in open_registries("bundled").list()]


SEEDS = (11, 12, 13, 14, 15)
MAX_LABEL_DIFFERENCE = 0.001  # share of pixels
MAX_PROBABILITY_DIFFERENCE = 0.02


@pytest.mark.parametrize("ref", BUNDLED)
def test_engines_agree(ref):
    registries = open_registries("bundled")
    segmenters = {
        name: Segmenter.load(ref, engine=name, registries=registries) for name in ("torch", "openvino")
    }
    assert segmenters["torch"].engine.name.startswith("torch")
    assert segmenters["openvino"].engine.name.startswith("openvino")
    slices = [make("slice", seed=seed).hu for seed in SEEDS]
    for hu in [*slices, make("slice", seed=16, size=192).hu[:, :, 20:170]]:
        a, b = (segmenters[name].segment(from_array(hu)) for name in ("torch", "openvino"))
        assert (a.labels != b.labels).mean() <= MAX_LABEL_DIFFERENCE
        assert np.abs(a.tumour_probability - b.tumour_probability).max() <= MAX_PROBABILITY_DIFFERENCE
        assert np.abs(a.organ_probability - b.organ_probability).max() <= MAX_PROBABILITY_DIFFERENCE


@pytest.mark.parametrize("ref", BUNDLED)
def test_openvino_is_the_default_if_installed(ref):
    segmenter = Segmenter.load(ref, registries=open_registries("bundled"))
    assert segmenter.engine.name.startswith("openvino")


def test_torch_is_used_if_openvino_is_not_installed(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else real(name))
    registries = open_registries("bundled")
    assert Segmenter.load(registries=registries).engine.name.startswith("torch")
    with pytest.raises(EngineUnavailable, match="not installed"):
        Segmenter.load(engine="openvino", registries=registries)
