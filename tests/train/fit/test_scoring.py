"""Validation scores during training."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from tests.train.sample_scans import LARGE, LIVER, LabelReader, write_dataset
from train.data.dataset import DatasetFolder
from train.fit import scoring
from train.fit.network import new_network
from train.fit.settings import FitSettings


def test_every_slice_is_scored_with_and_without_its_neighbours(discs, monkeypatch):
    """The checkpoint graph gets as many slices as the settings say, and all scans count."""
    settings = FitSettings(
        data=((str(discs.folder), 1.0, 0.0),),
        context_slices=5,
        working_size=64,
        options={"decoder_width": 16},
        score_mode="slice",
        score_alone=True,
    )
    shapes = []
    real = scoring.predictor
    monkeypatch.setattr(
        scoring,
        "predictor",
        lambda graph: (
            lambda hu: shapes.append((hu.shape[1], bool((hu == hu[:, :1]).all()))) or real(graph)(hu)
        ),
    )
    slices = discs.load("train")
    scores = scoring.score(new_network(settings).eval(), slices, settings, Accelerator(cpu=True))
    assert {channels for channels, _ in shapes} == {5} and len(shapes) == 2 * len(slices.rows)
    assert all(alone for _, alone in shapes[len(slices.rows) :])
    assert not all(alone for _, alone in shapes[: len(slices.rows)])
    assert set(scores) == {
        f"{prefix}{structure}_{how}"
        for prefix in ("", "alone_")
        for structure in ("liver", "tumour")
        for how in ("global", "per_case")
    }


def test_volume_mode_keeps_the_largest_body_and_scores_the_rest_by_slice(tmp_path, monkeypatch):
    """Two scans: one is a volume with a second body in the prediction, one has a single slice."""
    apart = LIVER.copy()
    apart[0:4, 0:4] = 1
    scans = {
        "a": {"split": "val", "slices": {0: LIVER, 1: apart, 2: LARGE}},
        "b": {"split": "val", "slices": {0: apart}},
    }
    slices = DatasetFolder.open(write_dataset(tmp_path / "data", scans)).load("val")
    monkeypatch.setattr(scoring, "inference_graph", lambda network, settings: LabelReader())
    expected = {"slice": 1.0, "volume": 2 * 4800 / (4800 + 4816)}
    for mode, dice_of_a in expected.items():
        settings = FitSettings(data=(("data", 1.0, 0.0),), score_mode=mode, context_slices=1)
        found = scoring.score(torch.nn.Identity(), slices, settings, Accelerator(cpu=True))
        assert found["liver_per_case"] == pytest.approx((dice_of_a + 1) / 2), mode
        assert found["tumour_global"] == 1


def test_volume_mode_is_the_default():
    assert FitSettings(data=(("data", 1.0, 0.0),)).score_mode == "volume"
