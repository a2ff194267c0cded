"""Validation scores during training."""

from __future__ import annotations

from accelerate import Accelerator

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
