"""gzip, PNG and halves as fast as they are here hold what the usual libraries say they hold."""

import gzip
import io

import cv2
import numpy as np
import pytest

from liverseg.core.float16 import at_least, store_sum, widened
from liverseg.core.labels import labels_from_probabilities
from liverseg.io.fast_gzip import BLOCK_BYTES, gzip_bytes, unpacked
from liverseg.io.picture.png import png_bytes

RNG = np.random.default_rng(0)


def test_gzip_of_several_blocks_is_one_member_whatever_the_threads():
    chunks = [RNG.integers(0, 40, BLOCK_BYTES // 3, np.uint8).tobytes() for _ in range(8)] + [b"", b"end"]
    one, two = gzip_bytes(chunks, 1), gzip_bytes(chunks, 2)
    assert one == two and gzip.decompress(one) == b"".join(chunks)
    assert one.count(b"\x1f\x8b\x08\0\0\0\0\0") == 1
    assert unpacked(io.BytesIO(one)).read() == b"".join(chunks)
    assert gzip.decompress(gzip_bytes([])) == b""


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("shape, dtype", [((7, 5), "u1"), ((7, 5), "u2"), ((9, 4, 3), "u1"), ((1, 1), "u1")])
def test_a_png_holds_the_pixels(shape, dtype, smooth):
    picture = RNG.integers(0, np.iinfo(dtype).max, shape, dtype)
    read = cv2.imdecode(np.frombuffer(png_bytes(picture, smooth), np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == picture.dtype
    assert np.array_equal(read[..., ::-1] if read.ndim == 3 else read, picture)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)]
)
def test_what_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="cannot be stored as PNG"):
        png_bytes(wrong)


def test_halves_are_those_of_numpy():
    a = np.concatenate([RNG.random((40, 60)), 10 ** RNG.uniform(-9, 0, (40, 60))]).astype(np.float32)
    a[0, :5] = [0, 1, 2**-14, 2**-24, 2**-25]
    b = RNG.random(a.shape, np.float32) / 1000
    out = np.zeros((3, *a.shape), np.float16)
    store_sum(out[0], a)
    store_sum(out[1], a, b)
    store_sum(out[2].T, a.T, b.T)  # not contiguous
    assert np.array_equal(out[0], a.astype(np.float16))
    assert np.array_equal(out[1], (a + b).astype(np.float16)) and np.array_equal(out[2], out[1])
    assert np.array_equal(widened(out[0]), out[0].astype(np.float32))
    for threshold in (0.1, 0.3, 0.5, 1.0):
        assert np.array_equal(at_least(out[0], threshold), out[0] >= threshold)
    tumour = out[0] / 2
    labels = labels_from_probabilities(out[0], tumour, 0.3)
    assert np.array_equal(labels, np.where(tumour >= 0.3, 2, np.where(out[0] >= 0.5, 1, 0)))
