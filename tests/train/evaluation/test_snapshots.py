"""Compressed slices."""

from __future__ import annotations

import numpy as np

from tests.train.sample_scans import LARGE, SHAPE, SMALL
from train.evaluation.snapshots import Snapshot


def test_snapshots_restore_their_slices():
    hu = np.random.default_rng(0).uniform(-1024, 3000, SHAPE).astype(np.float32)
    kept = Snapshot.take(3, hu, LARGE, SMALL, None)
    assert np.abs(kept.hu - hu).max() <= 0.126
    assert np.array_equal(kept.reference, LARGE) and np.array_equal(kept.prediction, SMALL)
