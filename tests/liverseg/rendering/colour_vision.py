"""How colours look with a colour vision deficiency and in grey print, and how far apart two colours are.

The deficiencies are those of Machado, Oliveira and Fernandes, "A physiologically-based model for simulation
of color vision deficiency", IEEE Transactions on Visualization and Computer Graphics 15 (2009), 1291-1298:
the matrices of severity 1.0, which apply to linear RGB. The colour difference is CIEDE2000 as in Sharma, Wu
and Dalal, "The CIEDE2000 color-difference formula", Color Research and Application 30 (2005), 21-30.
"""

from __future__ import annotations

import numpy as np

MACHADO_2009 = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}

VISIONS = ("normal", *MACHADO_2009)

_SRGB_TO_XYZ = np.array(  # IEC 61966-2-1, D65
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def linear_rgb(rgb) -> np.ndarray:
    """Linear RGB from 0 to 1 of sRGB from 0 to 255 (IEC 61966-2-1)."""
    value = np.asarray(rgb, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(rgb) -> float:
    """Relative luminance from 0 to 1 (WCAG 2)."""
    return float(linear_rgb(rgb) @ _SRGB_TO_XYZ[1])


def contrast(one, other) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb, vision: str = "normal") -> np.ndarray:
    """CIELAB of a colour as it appears in normal vision or with a deficiency."""
    linear = linear_rgb(rgb)
    if vision != "normal":
        linear = np.clip(np.array(MACHADO_2009[vision]) @ linear, 0, 1)
    ratio = _SRGB_TO_XYZ @ linear / _SRGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def lightness(rgb) -> float:
    """CIELAB lightness from 0 to 100, which is what a grey print keeps."""
    return float(lab(rgb)[0])


def apart(one, other, vision: str = "normal") -> float:
    """The CIEDE2000 difference of two sRGB colours as they appear; about 1 is just noticeable."""
    return ciede2000(lab(one, vision), lab(other, vision))


def ciede2000(one: np.ndarray, other: np.ndarray) -> float:
    """The CIEDE2000 difference of two CIELAB colours."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    hue_difference = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, h1 + turn / 2 if c1 * c2 else h1 + h2
    t = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    hue %= 360
    rotation = 2 * np.sqrt(chroma**7 / (chroma**7 + 25**7))
    rotation *= -np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = hue_difference / (1 + 0.015 * chroma * t)
    return float(np.sqrt(dl**2 + dc**2 + dh**2 + rotation * dc * dh))
