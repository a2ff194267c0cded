"""Fast conversion and comparison of float16 probabilities, with the same results as numpy.

numpy converts and compares float16 values one by one. OpenCV converts them with the processor's own
instruction, and values that are not negative compare like their bit patterns read as integers.
"""

from __future__ import annotations

import cv2
import numpy as np


def store_sum(out: np.ndarray, *terms: np.ndarray) -> None:
    """Write the sum of one or two float32 arrays to `out`, of any float type: `out[...] = a + b`.

    All arrays have the same two-dimensional shape. The sum is rounded to float32, then to the type of `out`.

    >>> out = np.zeros((1, 2), np.float16)
    >>> store_sum(out, np.float32([[0.1, 0.5]]), np.float32([[0.2, 0.25]]))
    >>> out.tolist()
    [[0.300048828125, 0.75]]
    """
    fast = out.dtype == np.float16 and out.flags.c_contiguous and all(_is_plain(term) for term in terms)
    if not fast:
        out[...] = sum(terms[1:], terms[0])
    elif len(terms) == 1:
        cv2.add(terms[0], 0.0, out, dtype=cv2.CV_16F)
    else:
        cv2.add(*terms, out, dtype=cv2.CV_16F)  # type: ignore[call-overload]


def _is_plain(array: np.ndarray) -> bool:
    return array.dtype == np.float32 and array.flags.c_contiguous


def to_float32(plane: np.ndarray) -> np.ndarray:
    """A two-dimensional float16 array as float32.

    >>> to_float32(np.float16([[0.5, 0.1]])).tolist()
    [[0.5, 0.0999755859375]]
    """
    wide: np.ndarray = cv2.add(np.ascontiguousarray(plane), 0.0, dtype=cv2.CV_32F)
    return wide


def at_least(probability: np.ndarray, threshold: float) -> np.ndarray:
    """`probability >= threshold`, with the threshold rounded to the type of `probability`.

    Probabilities must not be negative, and `threshold` must be above 0.

    >>> at_least(np.float16([0.0, 0.3, 0.7]), 0.3).tolist()
    [False, True, True]
    """
    if probability.dtype != np.float16:
        return probability >= threshold
    return probability.view(np.int16) >= np.float16(threshold).view(np.int16)
