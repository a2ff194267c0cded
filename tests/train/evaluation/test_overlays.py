"""The choice of scans to draw."""

from __future__ import annotations

from train.evaluation.overlays import representative_scans


def test_representative_scans_are_ranked_by_tumour_or_else_liver(scores):
    picked = {name: score.scan for name, score in representative_scans(scores).items()}
    assert picked == {"tumour-best": "1", "tumour-worst": "2", "liver-best": "3"}
