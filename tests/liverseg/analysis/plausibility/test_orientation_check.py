"""The committed model of the orientation."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.features import small_grey
from liverseg.analysis.plausibility.orientation_check import MIRROR, TRANSFORMS, load_orientation_model


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_an_upright_slice_scores_above_its_transformed_copies(good, name):
    for hu, _ in good:
        unit = small_grey(hu[0])
        assert max(load_orientation_model().excess(unit)) < 0
        turned, mirrored = load_orientation_model().excess(np.ascontiguousarray(TRANSFORMS[name](unit)))
        if name == MIRROR:  # one mirror image in five lies within the margin
            assert mirrored > load_orientation_model().excess(unit)[1]
        else:
            assert turned > 0


def test_an_empty_picture_raises_no_orientation_doubt():
    assert max(load_orientation_model().excess(np.zeros((128, 90), np.float32))) <= 0
