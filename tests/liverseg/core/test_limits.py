"""Limits of image sizes."""

from __future__ import annotations

import pytest

from liverseg.core.limits import check_shape
from liverseg.errors import InputTooLarge, InputTooSmall


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 2048, 2048), (1000, 512, 512), (64, 2048, 2048)])
def test_shapes_within_the_limits_are_accepted(shape):
    check_shape(*shape)


@pytest.mark.parametrize(
    "shape, error",
    [
        ((1, 63, 64), InputTooSmall),
        ((0, 64, 64), InputTooSmall),
        ((1, 64, 2049), InputTooLarge),
        ((1001, 64, 64), InputTooLarge),
        ((65, 2048, 2048), InputTooLarge),  # more voxels than 1 GiB of float32 holds
    ],
)
def test_shapes_beyond_the_limits_are_rejected(shape, error):
    with pytest.raises(error):
        check_shape(*shape)
