"""The segmenter around a network in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from liverseg.core.window import Window
from liverseg.errors import CheckpointRefused
from tests.train.sample_scans import GREYS, LARGE, LIVER, reading_segmenter
from train.evaluation.graph_segmenter import GraphEngine, graph_segmenter, input_spec, with_rules
from train.models import build
from train.models.graph import HuToProbabilities

SPEC = input_spec([Window(40, 400)], 64, 1)


def graph(working_size):
    torch.manual_seed(0)
    network = build("segformer-b0", decoder_width=16)
    return HuToProbabilities(network, [Window(40, 400)], working_size, 1).eval()


def test_a_resized_engine_shares_the_weights_and_leaves_the_first_as_it_is():
    hu = np.random.default_rng(0).normal(50, 100, (1, 1, 96, 96)).astype(np.float32)
    engine = GraphEngine(graph(64))
    before = engine.run(hu)
    other = engine.resized(96, (96, 96))
    assert np.allclose(other.run(hu), GraphEngine(graph(96)).run(hu), atol=1e-6)
    assert not np.allclose(other.run(hu), before, atol=1e-4)
    assert np.array_equal(engine.run(hu), before)
    assert [np.array_equal(p, before) for p in engine.run_each([hu, hu])] == [True, True]
    with pytest.raises(CheckpointRefused, match="cannot be changed"):
        GraphEngine(torch.nn.Identity()).resized(96, (96, 96))


def test_rules_replace_those_of_the_network():
    smooth = {"volume_rules": {"smoothing": {"sigma_mm": 2.0, "sigma_slices": 1.0}}}
    segmenter = graph_segmenter("mine", graph(64), SPEC, smooth)
    assert segmenter.rules.smoothing.sigma_slices == 1.0 and segmenter.checkpoint.ref == "mine@0.0.0"
    plain = with_rules(segmenter, {})
    assert plain.rules.smoothing is None and plain.engine is segmenter.engine
    with pytest.raises(CheckpointRefused, match="'magic'"):
        with_rules(segmenter, {"volume_rules": {"magic": 1}})


def test_a_volume_keeps_its_largest_body_and_a_slice_keeps_all(tmp_path):
    from liverseg.core.image import CTImage, NativeGrid

    labels = np.stack([LARGE, LIVER, LIVER])
    labels[0, :4, :4] = 1  # a second body
    hu = (-160 + 400 * np.vectorize(GREYS.get)(labels) / 255).astype(np.float32)
    grid = NativeGrid(hu.shape, (0, 1, 2), (False, False, False))
    image = CTImage(hu, None, "unknown", "array", grid, "volume")
    found = reading_segmenter().segment(image).labels
    assert (found[0, :4, :4] == 0).all() and (found[1:] == labels[1:]).all()
    assert (reading_segmenter().segment(image, only_slice=0).labels[0] == labels[0]).all()
