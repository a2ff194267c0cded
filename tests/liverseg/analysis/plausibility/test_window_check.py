"""The window of a picture, judged by its fat."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg import phantom
from liverseg.analysis.plausibility.window_check import shows_other_window
from liverseg.core.window import Window, from_unit, to_grey


@pytest.mark.parametrize("seed", [4, 9, 14])  # the last is the page's own example, of a lean patient
def test_only_a_picture_with_another_window_is_detected(seed):
    usual, liver, wide = Window(40, 400), Window(60, 200), Window(40, 1500)
    hu = phantom.make(seed=seed, size=256).hu[0]
    for made_with in (usual, liver):
        unit = to_grey(hu, made_with) / np.float32(255)
        for assumed in (usual, liver):
            assert shows_other_window(from_unit(unit, assumed), assumed) == (assumed != made_with)
        assert not shows_other_window(from_unit(unit, wide), wide), "too wide for the check"
