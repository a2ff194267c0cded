"""Interpret the 16-bit values of a picture: grey of a display window, 8-bit grey, or HU with an offset.

A 16-bit PNG does not say which. The first rule that applies decides:

1. No value above 255: 8-bit grey in 16-bit words, displayed with the window.
2. All values but 0 between 32768 - 3072 and 32768 + 8191, and some of them air: HU + 32768, as in DeepLesion.
3. All values below 5000, air that is not clipped (its median is 1 to 48; a display window would have clipped
   it to 0), and most pixels denser than -500 HU between fat and enhanced vessels (-200 to 300 HU): HU + 1024,
   as the peak of air lies near -1000 HU. Where only the upper half of that peak is left, and the other half
   is 0, air was cut at 0: HU + 1000. The same applies to multiples of 16, which are 12-bit values in the
   upper bits of the word.
4. A maximum in the upper half of the range (near the top for multiples of 16), and at least 0.1 % of the
   pixels on either side of a quarter of the range: grey over the full range, displayed with the window.
5. Anything else is refused: as grey over the full range it would be nearly black.

Under rules 2 and 3 the values are HU, and the window is not used.
"""

from __future__ import annotations

import numpy as np

from liverseg.errors import UnreadableInput
from liverseg.io.checks import AIR_HU

# Rules 2 and 3
_MAX_AIR_HU, _MIN_AIR_SHARE = -900, 0.02  # share of all pixels
_HIGH_OFFSET, _HIGH_RANGE_HU = 32768, (-3072, 8191)
_LOW_OFFSET, _CUT_OFFSET, _LOW_STORED_BELOW = 1024, 1000, 5000
_MAX_STORED_AIR, _MIN_CUT_RATIO = 90, 0.3  # zeros for each pixel of air that is not 0
_MAX_MEAN_OF_HALF = 1.42  # in standard deviations
_AIR_PEAK_HU, _MIN_UNCLIPPED_SHARE = (-1023, -976), 0.1  # share of air
_BODY_HU, _MIN_BODY_SHARE = (-200, 300), 0.6  # share of the pixels denser than -500 HU
# Rule 4
_HALF, _QUARTER, _NEAR_TOP, _MIN_SHARE = 32768, 16384, 61440, 0.001


_CHECK = {
    _HIGH_OFFSET: "Check that they are.",
    _LOW_OFFSET: "Check that they are.",
    _CUT_OFFSET: "Check that they are: with an offset of 1024 they would be 24 HU lower.",
}


def offset_of_hu(stored: np.ndarray) -> tuple[int, int] | None:
    """(offset, factor) such that HU are `stored // factor - offset` (rules 2 and 3); None for other values.

    `stored` holds integers from 0 to 65535, in any shape.

    >>> ct = np.repeat([24, 924, 1074, 1144], 100)  # air, fat, muscle, liver
    >>> offset_of_hu(ct), offset_of_hu(ct * 16), offset_of_hu(ct - 1024 + 32768)
    ((1024, 1), (1024, 16), (32768, 1))
    >>> offset_of_hu(np.arange(65536)) is None
    True
    """
    values = stored[stored > 0].astype(np.int64)
    if not values.size:
        return None
    low, high = (_HIGH_OFFSET + hu for hu in _HIGH_RANGE_HU)
    if values.min() >= low and values.max() <= high:
        return (_HIGH_OFFSET, 1) if _has_air(stored.astype(np.int64) - _HIGH_OFFSET) else None
    for factor in (1, 16):
        hu = stored.astype(np.int64) // factor - _LOW_OFFSET
        in_range = hu.max() < _LOW_STORED_BELOW - _LOW_OFFSET and not (stored % factor).any()
        if in_range and _has_air(hu) and _has_air_peak(hu) and _is_mostly_body(hu):
            return _CUT_OFFSET if _is_air_cut(stored // factor) else _LOW_OFFSET, factor
    return None


def hu_or_unit(stored: np.ndarray) -> tuple[np.ndarray, bool, str]:
    """Float32 HU or grey in [0, 1] from integers (H, W) from 0 to 65535, whether it is HU, and a warning.

    Raises UnreadableInput where the meaning is not clear (rule 5).
    """
    if stored.max() <= 255:
        return (
            stored.astype(np.float32) / np.float32(255),
            False,
            "The picture has 16 bits a pixel, but no value above 255: it was read as 8-bit grey.",
        )
    encoding = offset_of_hu(stored)
    if encoding is not None:
        offset, factor = encoding
        hu = (stored.astype(np.int64) // factor - offset).astype(np.float32)
        if offset != _CUT_OFFSET:  # there, 0 is air at -1000 HU and below
            hu[stored == 0] = AIR_HU
        shifted = " in the upper 12 of 16 bits" if factor > 1 else ""
        return (
            hu,
            True,
            f"The picture stores HU + {offset}{shifted}, by its air and soft tissue: its values were taken "
            f"as HU, and the window that was given was not used. {_CHECK[offset]}",
        )
    bright = (stored >= _QUARTER).mean()
    required_max = _HALF if (stored % 16).any() else _NEAR_TOP
    if stored.max() < required_max or not _MIN_SHARE <= bright <= 1 - _MIN_SHARE:
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
    """Whether enough pixels are air."""
    return bool(((hu >= AIR_HU) & (hu <= _MAX_AIR_HU)).mean() >= _MIN_AIR_SHARE)


def _has_air_peak(hu: np.ndarray) -> bool:
    """Whether air is not clipped and its median is close to -1000 HU."""
    air = hu[hu <= _MAX_AIR_HU]
    unclipped = air[air > AIR_HU]
    return bool(
        unclipped.size >= _MIN_UNCLIPPED_SHARE * air.size
        and _AIR_PEAK_HU[0] <= np.median(unclipped) <= _AIR_PEAK_HU[1]
    )


def _is_air_cut(stored: np.ndarray) -> bool:
    """Whether the peak of air lies at 0, so that its lower half was cut: HU + 1000, with air at -1000 HU.

    Noise makes the peak of air a bell. If only its upper half is left, the mean of what is left is 1.3 times
    its standard deviation (half-normal distribution); if the peak is at 24, the mean is larger.
    """
    air = stored[(stored > 0) & (stored <= _MAX_STORED_AIR)]
    zeros = int((stored == 0).sum())
    return bool(zeros >= _MIN_CUT_RATIO * air.size and air.mean() < _MAX_MEAN_OF_HALF * air.std())


def _is_mostly_body(hu: np.ndarray) -> bool:
    """Whether most dense pixels have the HU of soft tissue."""
    dense = hu[hu > -500]
    return bool(dense.size and ((dense >= _BODY_HU[0]) & (dense <= _BODY_HU[1])).mean() >= _MIN_BODY_SHARE)
