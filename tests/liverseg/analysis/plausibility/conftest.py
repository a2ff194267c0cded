"""Good slices for the plausibility checks."""

from __future__ import annotations

import pytest

from tests.liverseg.analysis.plausibility.scenes import good_slices


@pytest.fixture(scope="module")
def good():
    """The `good_slices`."""
    return good_slices()
