"""Branching vessels."""

from __future__ import annotations

import numpy as np

from liverseg.phantom.vessels import grow_vessel


def test_vessels_branch_and_narrow():
    segments = grow_vessel(np.random.default_rng(1), np.zeros(3), np.array([1.0, 0, 0]), 30, 6, 4)
    assert len(segments) > 60
    assert segments[0][2] == 6 and min(r1 for *_, r1 in segments) < 2


def test_segments_of_a_vessel_are_connected():
    segments = grow_vessel(np.random.default_rng(2), np.zeros(3), np.array([0.0, 0, 1]), 30, 6, 3)
    ends = np.array([end for _, end, _, _ in segments])
    for start, *_ in segments[1:]:
        assert np.linalg.norm(ends - start, axis=1).min() < 1e-9
