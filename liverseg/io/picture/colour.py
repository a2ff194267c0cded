"""Convert colour pictures of a CT slice to grey.

Annotations, a tint or a translucent overlay are accepted; photographs are refused. What tells them apart is
the part without strong colour: in a CT it is grey or has one tint, in a photograph it has many weak hues.
"""

from __future__ import annotations

import numpy as np

from liverseg.errors import NotCT
from liverseg.io.checks import border_ring

COLOURED_CHROMA = 16
"""A pixel is coloured if its channels (0-255) differ by more than this; JPEG noise stays below."""

MAX_COLOURED_SHARE = 0.10
"""Up to this share, coloured pixels count as annotations on a slice."""

MAX_OVERLAY_SHARE = 0.35
"""Up to this share, coloured pixels count as an overlay, given a black border, grey pixels and few hues."""

MAX_HUE_DEVIATION = 4.0
"""Mean deviation, of 255, of the pixels that are neither black nor strongly coloured from shades of one tint.

Measured on phantoms saved as RGB with annotations, as PNG and as JPEG of quality 25 to 95 with 4:2:0 chroma,
it is at most 0.7 for grey and 3.6 for slight tints. On 15 photographs of common Python packages it is 4.5 to
8.6, also where they are underexposed four times."""

_MAX_STRETCH = 4.0
"""Dark pictures are judged as if exposed up to so much longer: the colours of a dark photograph are weak."""

_MIN_JUDGED_PX = 50  # fewer pixels say nothing about the tint
_MAX_BLACK = 26  # a tenth of white
_MIN_BLACK_BORDER = 0.8  # share of the border ring
_MIN_GREY_SHARE = 0.4  # of the non-black pixels; in a narrow window half of them are liver
_HUE_BINS = 36
_OVERLAY_BINS, _MIN_OVERLAY_SHARE = 6, 0.9  # that many bins hold at least this share of the coloured pixels
_MIN_TINTED_SHARE = 0.99
_MAX_SHARE_OF_TINT = 0.25  # of its channels' difference: JPEG stores a strong tint less exactly
_LUMA = np.array([19595, 38470, 7471], np.uint32)
"""Luma weights of ITU-R BT.601 as integers that sum to 65536, so that grey pixels keep their value."""


def grey_of(rgb: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Grey (H, W) from RGB (H, W, 3), both integers from 0 to 255, and warnings.

    Grey is the luma, or the maximum of the channels for a tinted picture. Raises NotCT for a photograph.
    """
    luma = (rgb.astype(np.uint32) @ _LUMA + 32768) >> 16
    if not np.ptp(rgb, axis=-1).any():
        return luma, ()
    exposed = stretched(rgb)
    coloured = np.ptp(exposed, axis=-1) > COLOURED_CHROMA
    share = float(coloured.mean())
    if share > MAX_COLOURED_SHARE and is_tinted(exposed):
        return rgb.max(axis=-1), ("The picture is tinted in one colour, which was taken as grey.",)
    if hue_deviation(exposed, coloured) > MAX_HUE_DEVIATION:
        raise NotCT(
            "This is a colour picture (its pale parts have many hues), not a CT slice, which is grey."
        )
    if share == 0:
        return luma, ()
    if share <= MAX_COLOURED_SHARE:
        return luma, ("The picture holds coloured pixels (annotations?); they were turned to grey.",)
    if is_overlaid(exposed, coloured):
        return luma, (
            f"A part of the picture ({share:.0%}) is coloured, as if something were drawn over the slice; it "
            "was turned to grey, and the result is not reliable there: use the picture without it.",
        )
    raise NotCT(f"This is a colour picture ({share:.0%} of it is coloured), not a CT slice, which is grey.")


def stretched(rgb: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) as float32 with its exposure raised so far that its brightest parts are white."""
    brightest = max(float(np.percentile(rgb.max(axis=-1), 99.5)), 1.0)
    factor = np.float32(min(max(255 / brightest, 1.0), _MAX_STRETCH))
    raised: np.ndarray = np.minimum(rgb.astype(np.float32) * factor, 255)
    return raised


def hue_deviation(rgb: np.ndarray, coloured: np.ndarray) -> float:
    """Mean deviation of pale pixels (H, W, 3) from shades of one tint; 0 where there are too few of them.

    Pale pixels are neither black nor `coloured` (H, W) bool.

    >>> shades = np.arange(0, 250, 5, dtype=np.float32)[None, :, None] * np.ones((9, 1, 1), np.float32)
    >>> none = np.zeros((9, 50), bool)
    >>> round(hue_deviation(shades * [1.0, 0.97, 0.94], none), 3)
    0.0
    >>> weak = np.array([[0, 0, 0], [9, -9, 0], [-9, 0, 9]])[np.arange(9) % 3][:, None]
    >>> hue_deviation(shades + weak, none) > 5
    True
    """
    pale = rgb[(rgb.max(axis=-1) > _MAX_BLACK) & ~coloured].astype(np.float32)
    if len(pale) < _MIN_JUDGED_PX:
        return 0.0
    return float(_tint_deviation(pale).mean())


def _tint_deviation(pixels: np.ndarray) -> np.ndarray:
    """The largest deviation (n,) of the channels of each pixel (n, 3) from the nearest shade of one tint."""
    strongest = pixels.max(axis=-1)
    weights = strongest @ pixels / max(float((strongest**2).sum()), 1)
    deviation: np.ndarray = np.abs(pixels - strongest[:, None] * weights).max(axis=-1)
    return deviation


def is_tinted(rgb: np.ndarray) -> bool:
    """Whether all pixels (H, W, 3) are shades of one colour, with channels in constant proportion.

    Up to 1 % may deviate by more than `COLOURED_CHROMA`.

    >>> shades = np.arange(0, 255, 5)[None, :, None]
    >>> red, blue = shades * [1, 0, 0], shades * [0, 0, 1]
    >>> is_tinted(shades * [1.0, 0.9, 0.7]), is_tinted(np.concatenate([red, blue]))
    (True, False)
    """
    pixels = rgb.reshape(-1, 3).astype(np.float32)
    deviation = _tint_deviation(pixels)
    lit = pixels.max(axis=-1) > _MAX_BLACK
    if not lit.any() or (deviation <= COLOURED_CHROMA).mean() < _MIN_TINTED_SHARE:
        return False
    tint = float(np.ptp(pixels[lit], axis=-1).mean())
    return float(deviation[lit].mean()) <= max(MAX_HUE_DEVIATION, _MAX_SHARE_OF_TINT * tint)


def is_overlaid(rgb: np.ndarray, coloured: np.ndarray) -> bool:
    """Whether the coloured pixels look like a translucent overlay: few hues on a grey slice framed by black.

    `rgb` is (H, W, 3), `coloured` (H, W) bool.
    """
    lit = rgb @ (_LUMA / _LUMA.sum()) > _MAX_BLACK
    if coloured.mean() > MAX_OVERLAY_SHARE or border_ring(~lit).mean() < _MIN_BLACK_BORDER:
        return False
    if (lit & ~coloured).sum() < _MIN_GREY_SHARE * lit.sum():
        return False
    hues = np.sort(np.bincount(_hue_bins(rgb[coloured]), minlength=_HUE_BINS))
    return bool(hues[-_OVERLAY_BINS:].sum() >= _MIN_OVERLAY_SHARE * hues.sum())


def _hue_bins(pixels: np.ndarray) -> np.ndarray:
    """The hue (n,) of pixels (n, 3) in bins of 10°; hue is the angle around the grey axis of RGB space."""
    red, green, blue = pixels.astype(np.float32).T
    turns = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * np.pi)
    return np.floor(turns % 1 * _HUE_BINS).astype(int) % _HUE_BINS
