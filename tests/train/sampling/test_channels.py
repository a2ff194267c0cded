"""Units of greys: lookup tables and the greys of each window."""

import numpy as np
import pytest

from liverseg.core.window import Window
from tests.train.sampling.views import SPANS, THREE_WINDOWS
from train.data.intensity import Intensity


@pytest.mark.parametrize(
    "intensity", [Intensity((Window(60, 200),)), Intensity.hu16()], ids=["8 bits", "16 bits"]
)
@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_a_table_converts_stored_values_as_hu_are_converted(span, intensity):
    hu = np.arange(-400, 600, dtype=np.float32)
    stored = intensity.from_hu(hu)
    assert np.array_equal(span.table(intensity)[stored], span.from_hu(intensity.to_hu(stored)))


def test_scale_and_shift_give_the_grey_of_each_window():
    hu = np.arange(-300, 500, dtype=np.float32)
    unit = THREE_WINDOWS.from_hu(hu)
    for window, (a, b) in zip(THREE_WINDOWS.windows, THREE_WINDOWS.scale_and_shift(), strict=True):
        expected = np.clip((hu - window.low_hu) / window.width_hu, 0, 1)
        assert np.allclose(np.clip(a * unit + b, 0, 1), expected, atol=1e-5)


def test_pictures_with_several_channels_have_no_table():
    assert THREE_WINDOWS.table(Intensity((Window(60, 200), Window(40, 400)))) is None
