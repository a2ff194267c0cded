"""The public names of the package."""

from __future__ import annotations

import pytest

import liverseg
from liverseg.analysis.measure import measure


def test_every_public_name_can_be_imported():
    assert all(getattr(liverseg, name) is not None for name in liverseg.__all__)
    assert liverseg.measure is measure


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        liverseg.segment  # noqa: B018
