"""Mapping of label values."""

import numpy as np
import pytest

from train.data.prepare.labels import LabelMapping
from train.errors import TrainError


def test_values_are_mapped_and_unmapped_ones_are_refused():
    usual, custom = LabelMapping(), LabelMapping.parse("0=background, 127=liver, 255=tumour")
    stored = np.array([[0, 127, 255]])
    assert custom.apply(stored).tolist() == [[0, 1, 2]]
    for wrong in (stored, np.array([0.0, 1.5]), np.array([-1, 0]), np.array([0, 256]), np.uint8([3])):
        with pytest.raises(TrainError, match="labels other than 0, 1, 2"):
            usual.apply(wrong)
    for kind in (np.uint8, np.int16, np.float64, np.float32):
        assert usual.apply(np.array([[0, 1, 2]], kind)).tolist() == [[0, 1, 2]]
    assert LabelMapping.parse("0=background,1=liver+tumour").label_values == {
        "0": ["background"],
        "1": ["liver"],
        "2": ["tumour"],
        "3": ["liver", "tumour"],
    }
    for text in ("0", "0=bone", "256=liver", "a=liver", "0=liver,0=tumour"):
        with pytest.raises(TrainError):
            LabelMapping.parse(text)
