"""Colour pictures of a CT slice: annotations, a tint or an overlay are tolerated, photographs are not."""

from __future__ import annotations

import numpy as np

from liverseg.errors import NotCT
from liverseg.io.checks import border_ring

COLOURED_CHROMA = 16
"""A pixel is coloured when its channels (0-255) differ by more than this; JPEG noise stays below."""

MAX_COLOURED_SHARE = 0.10
"""Above this share of coloured pixels a picture is a photograph; below it, annotations on a slice."""

MAX_OVERLAY_SHARE = 0.35
"""The same where the picture has a black border, grey pixels beside the coloured ones and few hues."""

_BLACK = 26  # a tenth of white
_MIN_BLACK_BORDER = 0.8  # share of the border ring
_MIN_GREY_SHARE = 0.4  # of the pixels that are not black: in a narrow window the liver is half of them
_HUE_BINS, _OVERLAY_HUES, _MIN_OVERLAY_HUE_SHARE = 36, 6, 0.9
_MIN_TINTED_SHARE = 0.99
_LUMA = np.array([19595, 38470, 7471], np.uint32)
"""ITU-R 601 in integers that sum to 65536, so that equal channels come back unchanged."""


def grey_of(rgb: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(H, W, 3) integers from 0 to 255 as grey (H, W) of the same range, and warnings.

    Grey is the luma, of a tinted picture its strongest channel. Raises NotCT for a photograph.
    """
    coloured = np.ptp(rgb, axis=-1) > COLOURED_CHROMA
    share = float(coloured.mean())
    luma = (rgb.astype(np.uint32) @ _LUMA + 32768) >> 16
    if share == 0:
        return luma, ()
    if share <= MAX_COLOURED_SHARE:
        return luma, ("The picture holds coloured pixels (annotations?); they were turned to grey.",)
    if is_tinted(rgb):
        return rgb.max(axis=-1), ("The picture is tinted in one colour, which was taken as grey.",)
    if is_overlaid(rgb, luma, coloured):
        return luma, (
            f"A part of the picture ({share:.0%}) is coloured, as if something were drawn over the slice; it "
            "was turned to grey, and the result is not reliable there: use the picture without it.",
        )
    raise NotCT(f"This is a colour picture ({share:.0%} of it is coloured), not a CT slice, which is grey.")


def is_tinted(rgb: np.ndarray) -> bool:
    """Whether all pixels (H, W, 3) are shades of one colour: each channel the same share of the strongest.

    >>> shades = np.arange(0, 255, 5)[None, :, None]
    >>> red, blue = shades * [1, 0, 0], shades * [0, 0, 1]
    >>> is_tinted(shades * [1.0, 0.9, 0.7]), is_tinted(np.concatenate([red, blue]))
    (True, False)
    """
    strongest = rgb.max(axis=-1).astype(np.float32)
    weights = np.einsum("hwc,hw->c", rgb.astype(np.float32), strongest) / max((strongest**2).sum(), 1)
    apart = np.abs(rgb - strongest[..., None] * weights).max(axis=-1)
    return bool((apart <= COLOURED_CHROMA).mean() >= _MIN_TINTED_SHARE)


def is_overlaid(rgb: np.ndarray, luma: np.ndarray, coloured: np.ndarray) -> bool:
    """Whether the coloured pixels look like a translucent overlay: few hues, on grey, framed by black."""
    lit = luma > _BLACK
    if coloured.mean() > MAX_OVERLAY_SHARE or border_ring(~lit).mean() < _MIN_BLACK_BORDER:
        return False
    if (lit & ~coloured).sum() < _MIN_GREY_SHARE * lit.sum():
        return False
    hues = np.sort(np.bincount(_hue_bins(rgb[coloured]), minlength=_HUE_BINS))
    return bool(hues[-_OVERLAY_HUES:].sum() >= _MIN_OVERLAY_HUE_SHARE * hues.sum())


def _hue_bins(pixels: np.ndarray) -> np.ndarray:
    """The hue (n,) of coloured pixels (n, 3), in steps of 10°, on the plane across the grey axis."""
    red, green, blue = pixels.astype(np.float32).T
    turn = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * np.pi)
    return np.floor(turn % 1 * _HUE_BINS).astype(int) % _HUE_BINS
