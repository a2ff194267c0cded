"""Masks on which independent libraries are compared with `liverseg.analysis.metrics`."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

GRIDS = {
    "slice": ((40, 36), (1.0, 1.0)),
    "slice in mm": ((40, 36), (0.7, 0.9)),
    "volume": ((12, 28, 24), (1.0, 1.0, 1.0)),
    "volume in mm": ((12, 28, 24), (5.0, 0.7, 0.8)),
}


@pytest.fixture(params=GRIDS)
def pair(request):
    """Two overlapping, ragged masks and their spacing; one touches the edge of the array."""
    shape, spacing = GRIDS[request.param]
    random = np.random.default_rng(len(request.param))
    smooth = ndimage.gaussian_filter(random.normal(size=shape), 2)
    moved = np.roll(smooth, 2, axis=-1) + 0.02 * random.normal(size=shape)
    a, b = smooth > 0.02, moved > 0.03
    assert a.any() and b.any() and (a & b).any() and a[..., 0].any()
    return a, b, spacing
