"""The settings of an evaluation."""

from __future__ import annotations

import pytest

from liverseg.errors import LiversegError
from train.evaluation.protocol import Protocol


@pytest.mark.parametrize(
    "setting", [{"threshold": 0.0}, {"tolerance": -1.0}, {"connectivity": 4}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(LiversegError):
        Protocol(**setting)
