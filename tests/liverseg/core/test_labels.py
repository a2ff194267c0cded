"""The rule that turns probabilities into labels."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.core.segmentation import labels_from_probabilities
from liverseg.errors import InvalidSetting


def test_labels_follow_the_thresholds_and_an_invalid_threshold_is_refused():
    organ, tumour = np.array([0.4, 0.6, 0.7, 0.3]), np.array([0.1, 0.1, 0.55, 0.3])
    assert labels_from_probabilities(organ, tumour, 0.3).tolist() == [0, 1, 2, 2]
    for threshold in (0, -1, 1.1):
        with pytest.raises(InvalidSetting):
            labels_from_probabilities(organ, tumour, threshold)
