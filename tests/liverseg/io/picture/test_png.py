"""PNG files that OpenCV reads back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from liverseg.io.picture.png import png_bytes

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("shape, dtype", [((7, 5), "u1"), ((7, 5), "u2"), ((9, 4, 3), "u1"), ((1, 1), "u1")])
def test_opencv_reads_the_same_pixels(shape, dtype, smooth):
    picture = RNG.integers(0, np.iinfo(dtype).max, shape, dtype)
    read = cv2.imdecode(np.frombuffer(png_bytes(picture, smooth), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == picture.dtype
    assert np.array_equal(read[..., ::-1] if read.ndim == 3 else read, picture)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match="cannot be stored as PNG"):
        png_bytes(wrong)
