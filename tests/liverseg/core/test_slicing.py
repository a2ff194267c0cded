"""Single slices of a volume."""

from __future__ import annotations

import numpy as np
import pytest

from liverseg.core.image import CTImage, NativeGrid
from liverseg.core.slicing import check_slice, single_slice
from liverseg.errors import InvalidSetting

SHAPE = (5, 6, 7)


def volume(flipped: bool) -> CTImage:
    """A volume whose native slices run along axis 0, in either direction."""
    hu = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    affine = np.array([[0, 0, -0.7, 9], [0, -0.8, 0, 8], [-5.0 if flipped else 5.0, 0, 0, 7], [0, 0, 0, 1.0]])
    return CTImage(
        hu,
        (5.0, 0.8, 0.7),
        "",
        "array",
        NativeGrid(SHAPE, (0, 1, 2), (flipped, False, False), affine),
        "volume",
    )


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_single_slice_keeps_its_hu_and_its_position_in_the_patient(flipped, index):
    ct = volume(flipped)
    alone = single_slice(ct, index)
    assert alone.kind == "slice" and np.array_equal(alone.hu, ct.hu[index : index + 1])
    pixel = np.array([2, 3, 1])
    expected = ct.native.radiological_affine @ [index, *pixel]
    np.testing.assert_allclose(alone.native.radiological_affine @ [0, *pixel], expected)
    assert alone.warnings[-1].startswith(f"Only slice {index} ")


def test_a_missing_slice_is_rejected():
    ct = volume(False)
    assert check_slice(ct, 4) == 4
    for index in (-1, 5):
        with pytest.raises(InvalidSetting, match="slices go from 0 to 4"):
            check_slice(ct, index)
