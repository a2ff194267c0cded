"""The committed model of the likeness to CT."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.ct_likeness import GOOD, LikenessModel, has_square, load_likeness_model
from liverseg.analysis.plausibility.features import slice_features, small_grey


@pytest.mark.parametrize("hu", [np.full((64, 64), -1000.0), np.full((64, 64), 60.0), np.eye(64) * 3000])
def test_every_picture_has_finite_numbers(hu):
    unit = small_grey(hu)
    found = slice_features(unit)
    assert set(load_likeness_model().features) <= set(found) and np.isfinite(list(found.values())).all()
    shares = load_likeness_model().probabilities(found)
    assert sum(shares.values()) == pytest.approx(1) and GOOD in shares


def test_the_committed_coefficients_have_consistent_shapes():
    model = load_likeness_model()
    assert isinstance(model, LikenessModel) and 0 < model.least < 1
    squares = has_square(model.features).sum()
    assert model.weights.shape == (len(model.features) + squares + 1, len(model.kinds))
