"""What 16-bit integers of a picture stand for: a window's grey, 8-bit grey, or CT numbers with an offset.

A 16-bit PNG does not say which. The rule, in this order, with every limit below:

1. No value above 255: 8-bit grey in wider words, through the window.
2. All values within reach of 32768 (HU from -3072 to 8191), and air there: HU + 32768, as DeepLesion
   stores them.
3. No value of 5000 or more, air with its noise around 24 (half of it at 1 to 48, HU -1023 to -976; a
   window would have made it all 0), and most of what is not air within fat to enhanced vessels
   (HU -200 to 300): HU + 1024. The same when the values are multiples of 16: twelve bits, stored to
   the left; multiples of 16 that are not this are only taken as grey when they reach the top.
4. Values in the upper half of the range, and more than a handful both above and below its quarter: grey
   over the full range, through the window.
5. Anything else is refused, for as grey over the full range it would be a black picture.

2 and 3 are HU and leave the window alone.
"""

from __future__ import annotations

import numpy as np

from liverseg.errors import UnreadableInput
from liverseg.io.checks import AIR_HU

_MIN_AIR_SHARE = 0.02  # of all pixels, from -1024 to -900 HU
_HIGH_OFFSET, _HIGH_RANGE_HU = 32768, (-3072, 8191)
_LOW_OFFSET, _LOW_BELOW = 1024, 5000
_AIR_PEAK_HU, _AIR_BELOW_HU, _MIN_UNSATURATED = (-1023, -976), -900, 0.1
_BODY_HU, _MIN_BODY_SHARE = (-200, 300), 0.6  # of what is denser than -500 HU
_HALF, _QUARTER, _TOP, _MIN_SHARE = 32768, 16384, 61440, 0.001


def offset_of_hu(stored: np.ndarray) -> tuple[int, int] | None:
    """(offset, factor) so that `stored // factor - offset` is HU, where that is unmistakable; else None.

    `stored` are integers from 0 to 65535 of any shape.

    >>> ct = np.repeat([24, 924, 1074, 1144], 100)  # air, fat, muscle, liver
    >>> offset_of_hu(ct), offset_of_hu(ct * 16), offset_of_hu(ct - 1024 + 32768)
    ((1024, 1), (1024, 16), (32768, 1))
    >>> offset_of_hu(np.arange(65536)) is None
    True
    """
    values = stored[stored > 0].astype(np.int64)
    if not values.size:
        return None
    low, high = (_HIGH_OFFSET + end for end in _HIGH_RANGE_HU)
    if values.min() >= low and values.max() <= high:
        return (_HIGH_OFFSET, 1) if _has_air(stored.astype(np.int64) - _HIGH_OFFSET) else None
    for factor in (1, 16):
        hu = stored.astype(np.int64) // factor - _LOW_OFFSET
        fits = hu.max() < _LOW_BELOW - _LOW_OFFSET and not (stored % factor).any()
        if fits and _has_air(hu) and _air_peak_is_right(hu) and _is_mostly_body(hu):
            return _LOW_OFFSET, factor
    return None


def hu_or_unit(stored: np.ndarray) -> tuple[np.ndarray, bool, str]:
    """Integers from 0 to 65535 (H, W) as float32 HU or grey in [0, 1]; whether they are HU; the sentence.

    Raises UnreadableInput where neither is sure (see the module).
    """
    if stored.max() <= 255:
        return (
            stored.astype(np.float32) / np.float32(255),
            False,
            "The picture has 16 bits a pixel, but no value above 255: it was read as 8-bit grey.",
        )
    found = offset_of_hu(stored)
    if found is not None:
        offset, factor = found
        hu = (stored.astype(np.int64) // factor - offset).astype(np.float32)
        hu[stored == 0] = AIR_HU
        shifted = " in the upper 12 of 16 bits" if factor > 1 else ""
        return (
            hu,
            True,
            f"The picture stores HU + {offset}{shifted}, by its air and soft tissue: its values were taken "
            "as HU, and the window that was given was not used. Check that they are.",
        )
    bright = (stored >= _QUARTER).mean()
    reached = _HALF if (stored % 16).any() else _TOP
    if stored.max() < reached or not _MIN_SHARE <= bright <= 1 - _MIN_SHARE:
        raise UnreadableInput(
            "The picture has 16 bits a pixel but uses only a part of their range, so what its values mean is "
            "not known; save it with 8 bits and a known window, or as NIfTI or DICOM."
        )
    return (
        stored.astype(np.float32) / np.float32(65535),
        False,
        "The picture has 16 bits a pixel: its full range (0 to 65535) was taken to span the window.",
    )


def _has_air(hu: np.ndarray) -> bool:
    return bool(((hu >= AIR_HU) & (hu <= _AIR_BELOW_HU)).mean() >= _MIN_AIR_SHARE)


def _air_peak_is_right(hu: np.ndarray) -> bool:
    air = hu[hu <= _AIR_BELOW_HU]
    unsaturated = air[air > AIR_HU]
    return bool(
        unsaturated.size >= _MIN_UNSATURATED * air.size
        and _AIR_PEAK_HU[0] <= np.median(unsaturated) <= _AIR_PEAK_HU[1]
    )


def _is_mostly_body(hu: np.ndarray) -> bool:
    dense = hu[hu > -500]
    return bool(dense.size and ((dense >= _BODY_HU[0]) & (dense <= _BODY_HU[1])).mean() >= _MIN_BODY_SHARE)
