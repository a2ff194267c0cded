"""The committed model of the orientation."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.analysis.plausibility.features import small_unit
from liverseg.analysis.plausibility.orientation_check import MIRROR, TURNS, turning


@pytest.mark.parametrize("name", sorted(TURNS))
def test_an_upright_slice_scores_above_its_transformed_copies(good, name):
    for hu, _ in good:
        unit = small_unit(hu[0])
        assert max(turning().excess(unit)) < 0
        turned, mirrored = turning().excess(np.ascontiguousarray(TURNS[name](unit)))
        if name == MIRROR:  # one mirror image in five lies within the margin
            assert mirrored > turning().excess(unit)[1]
        else:
            assert turned > 0


def test_an_empty_picture_raises_no_orientation_doubt():
    assert max(turning().excess(np.zeros((128, 90), np.float32))) <= 0
