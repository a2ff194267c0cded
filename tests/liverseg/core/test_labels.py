"""Labels from probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.core.labels import labels_from_probabilities, labels_of_volume
from liverseg.errors import InvalidSetting


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_labels_follow_their_definition(dtype):
    rng = np.random.default_rng(0)
    organ = rng.random((3, 20, 30)).astype(dtype)
    tumour = (organ * rng.random(organ.shape)).astype(dtype)
    expected = np.where(tumour >= dtype(0.3), 2, np.where(organ >= 0.5, 1, 0))
    assert np.array_equal(labels_of_volume(organ, tumour, 0.3), expected)
    assert np.array_equal(labels_from_probabilities(organ[1], tumour[1], 0.3), expected[1])


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, float("nan")])
def test_thresholds_out_of_range_are_rejected(threshold):
    empty = np.zeros((1, 2, 2), np.float16)
    for function in (labels_from_probabilities, labels_of_volume):
        with pytest.raises(InvalidSetting, match="threshold"):
            function(empty, empty, threshold)
