"""Slices shifted against their neighbours, and volumes in which nothing is shifted."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.io.checks import replace_padding
from liverseg.io.slice_levels import level_warnings, shifts_hu
from tests.phantoms import make


@pytest.fixture(scope="module")
def body():
    """(S, H, W) HU of a phantom."""
    return make("volume", seed=3, size=96, slices=9).hu.astype(np.float32)


@pytest.mark.parametrize("shift", [1024.0, -1000.0, 300.0])
@pytest.mark.parametrize("slices", [[0], [4], [8], [2, 3], [1, 5, 8]])
def test_shifted_slices_are_found_with_their_shift(shift, slices, body):
    changed = body.copy()
    changed[slices] += shift
    replace_padding(changed)
    expected = np.zeros(len(body))
    expected[slices] = shift
    np.testing.assert_allclose(shifts_hu(changed), expected, atol=150)
    (warning,) = level_warnings(changed)
    assert f"slice {slices[0] + 1} of 9" in warning and ("above" in warning) == (shift > 0)
    assert (f"the first of {len(slices)}" in warning) == (len(slices) > 1)


def test_padding_does_not_hide_a_shift(body):
    changed = body.copy()
    changed[4] += 1024
    changed[:, :30] = -1024
    assert np.flatnonzero(shifts_hu(changed)).tolist() == [4]


def test_a_body_an_empty_slice_and_a_few_slices_are_not_shifted(body):
    assert level_warnings(body) == ()
    empty = body.copy()
    empty[-1] = -1000 + np.random.default_rng(0).normal(0, 10, empty[-1].shape)
    assert level_warnings(empty) == ()
    assert level_warnings(np.stack([body[0], body[0] + 1024])) == ()
    assert level_warnings(body[:, :, ::-1].transpose(1, 0, 2)) == ()  # coronal planes
