"""The committed model of the likeness to CT."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.ct_likeness import GOOD, LikenessModel, likeness, squared
from liverseg.analysis.plausibility.features import anatomy, small_unit


@pytest.mark.parametrize("hu", [np.full((64, 64), -1000.0), np.full((64, 64), 60.0), np.eye(64) * 3000])
def test_every_picture_has_finite_numbers(hu):
    unit = small_unit(hu)
    found = anatomy(unit)
    assert set(likeness().features) <= set(found) and np.isfinite(list(found.values())).all()
    shares = likeness().probabilities(found)
    assert sum(shares.values()) == pytest.approx(1) and GOOD in shares


def test_the_committed_coefficients_have_consistent_shapes():
    model = likeness()
    assert isinstance(model, LikenessModel) and 0 < model.least < 1
    squares = squared(model.features).sum()
    assert model.weights.shape == (len(model.features) + squares + 1, len(model.kinds))
