"""Pictures of the page as JPEG. Downloads are lossless and do not use this module."""

from __future__ import annotations

import cv2
import numpy as np

from liverseg.errors import InvalidSetting

QUALITY = 92
"""No visible loss, encoded in milliseconds."""

SMALL_PX, SMALL_QUALITY = 560, 70
"""Longer side and quality of the pictures of examples, which the browser soon draws in full."""


def as_jpeg(rgb: np.ndarray, longest_px: int | None = None, quality: int | None = None) -> bytes:
    """Encode an RGB picture (H, W, 3) uint8.

    Without `longest_px` there is no chroma subsampling, which would blur coloured contours.

    Args:
        longest_px: the longer side of a picture that is larger is reduced to this; None: never.
        quality: of the JPEG, 0 to 100; None: `QUALITY`, or `SMALL_QUALITY` with `longest_px`.

    Raises:
        InvalidSetting: the picture could not be encoded.
    """
    factor = 1.0 if longest_px is None else longest_px / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    if quality is None:
        quality = QUALITY if longest_px is None else SMALL_QUALITY
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if longest_px is None:
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    is_encoded, encoded = cv2.imencode(".jpg", rgb[..., ::-1], options)
    if not is_encoded:
        raise InvalidSetting("The picture could not be encoded as JPEG.")
    return encoded.tobytes()
