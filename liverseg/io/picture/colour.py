"""Convert colour pictures of a CT slice to grey.

Annotations, a tint or a translucent overlay are accepted; photographs are refused.
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

_MAX_BLACK = 26  # a tenth of white
_MIN_BLACK_BORDER = 0.8  # share of the border ring
_MIN_GREY_SHARE = 0.4  # of the non-black pixels; in a narrow window half of them are liver
_HUE_BINS = 36
_OVERLAY_BINS, _MIN_OVERLAY_SHARE = 6, 0.9  # that many bins hold at least this share of the coloured pixels
_MIN_TINTED_SHARE = 0.99
_LUMA = np.array([19595, 38470, 7471], np.uint32)
"""Luma weights of ITU-R BT.601 as integers that sum to 65536, so that grey pixels keep their value."""


def grey_of(rgb: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Grey (H, W) from RGB (H, W, 3), both integers from 0 to 255, and warnings.

    Grey is the luma, or the maximum of the channels for a tinted picture. Raises NotCT for a photograph.
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
    """Whether all pixels (H, W, 3) are shades of one colour, with channels in constant proportion.

    >>> shades = np.arange(0, 255, 5)[None, :, None]
    >>> red, blue = shades * [1, 0, 0], shades * [0, 0, 1]
    >>> is_tinted(shades * [1.0, 0.9, 0.7]), is_tinted(np.concatenate([red, blue]))
    (True, False)
    """
    strongest = rgb.max(axis=-1).astype(np.float32)
    weights = np.einsum("hwc,hw->c", rgb.astype(np.float32), strongest) / max((strongest**2).sum(), 1)
    deviation = np.abs(rgb - strongest[..., None] * weights).max(axis=-1)
    return bool((deviation <= COLOURED_CHROMA).mean() >= _MIN_TINTED_SHARE)


def is_overlaid(rgb: np.ndarray, luma: np.ndarray, coloured: np.ndarray) -> bool:
    """Whether the coloured pixels look like a translucent overlay: few hues on a grey slice framed by black.

    `rgb` is (H, W, 3), `luma` (H, W), `coloured` (H, W) bool.
    """
    lit = luma > _MAX_BLACK
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
