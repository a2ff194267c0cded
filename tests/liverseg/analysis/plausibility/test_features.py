"""Features of slices."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.features import body_mask


def test_the_body_mask_has_no_holes():
    unit = np.zeros((64, 64), np.float32)
    unit[10:50, 12:52] = 0.5
    unit[20:30, 30:40] = 0
    assert body_mask(unit).sum() == pytest.approx(40 * 40, rel=0.02)
