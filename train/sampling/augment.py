"""Random augmentation parameters: geometry, contrast, blur and noise as other scanners might give.

`draw_view` draws the parameters of one view of a slice. Two modules with the same interface compute the
view: `augment_cpu` one sample at a time, in the loader's processes, and `augment_device` one batch at a
time, on the accelerator. Their results agree except for the noise, which comes from different random
generators with the same distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from train.data.dataset import BACKGROUND_BIT

BEND_GRID = 6
"""Control points on each side of an elastic deformation."""

PIVOT = 0.6
"""Grey of the first window that a change of contrast leaves unchanged: about that of liver in 60/200."""

ZERO_HU_EXPORT = 0.2
"""Grey of the first window below which a narrowed view is black: 0 HU in 60/200."""

MAX_SIGMA_PX = 1.6
"""Standard deviation of the widest blur; it sets the size of the filters."""

OFF_MIDDLE = 0.2
"""Largest distance of a chosen pixel from the middle of a sample that is centred on it, in sample sides."""

FLIPS = ("none", "vertical")
"""Allowed flips. The liver lies on one side, so slices are never flipped left to right."""


@dataclass(frozen=True)
class AugmentSettings:
    """Strength of the augmentation. A share is the fraction of all samples, unless stated otherwise."""

    working_px: tuple[int, int] = (225, 400)  # range of the longer side after resizing the whole slice
    crop_px: int = 256  # side of the square crop
    rotation_deg: float = 18.0  # largest rotation in either direction
    stretch: float = 0.12  # anisotropic scaling: each axis times up to e^±this
    elastic: float = 0.35  # share with an elastic deformation
    organ_centred: float = 0.7  # share of crops smaller than the slice that are centred on liver
    context_dropped: float = 0.5  # share whose neighbouring slices are replaced by the slice itself
    attenuation: float = 0.25  # share whose liver is darker or brighter than the rest of the body
    flip: str = "none"  # "vertical": half of the samples are flipped top to bottom
    narrowed: float = 0.15  # share that is black below 0 HU, as if exported with such a window
    gain: float = 0.22  # jitter of the window width: contrast times up to e^±this
    shift: float = 0.09  # jitter of the window centre, in widths of the first window
    gamma: float = 0.3  # share with a gamma curve
    blur: float = 0.25  # share that is blurred
    sharpen: float = 0.1  # share that is sharpened
    noise: float = 0.5  # share with noise
    soft_grain: float = 0.6  # share of the noisy samples whose noise is blurred, as by a soft kernel

    def scaled(self, factor: float) -> AugmentSettings:
        """These settings at another resolution: crop and working sizes times `factor`.

        The crop is rounded to a multiple of 32 pixels.

        >>> AugmentSettings(working_px=(256, 384), crop_px=256).scaled(0.5).working_px
        (128, 192)
        """
        if factor == 1:
            return self
        crop = max(32, round(self.crop_px * factor / 32) * 32)
        low, high = (max(32, round(px * crop / self.crop_px)) for px in self.working_px)
        return replace(self, crop_px=crop, working_px=(low, high))


class ViewParameters(NamedTuple):
    """The parameters of one view of a slice; in a collated batch each field has a leading batch axis."""

    centre_px: np.ndarray  # (2,) column and row in the slice of the sample's centre
    zoom: np.ndarray  # (2,) sample pixels per slice pixel, along the sample's x and y
    angle_rad: float
    mirror: float  # 1, or -1 for a flip top to bottom
    bend_px: np.ndarray  # (6, 6, 2) float32 displacements in slice pixels; zeros for no deformation
    floor: float  # grey of the first window below which the view is black; -inf for none
    gain: float
    shift: float
    gamma: float  # exponent; 1 for none
    blur_px: float  # standard deviation; 0 for none
    sharpen: float  # strength; 0 for none
    noise: float  # standard deviation in grey of the first window; 0 for none
    grain_px: float  # standard deviation of the blur of the noise; 0 for white noise
    noise_seed: int
    single_slice: bool  # whether all channels show the same slice and therefore share the same noise


@dataclass(frozen=True)
class OrganPixels:
    """The size of a slice and its pixels that are certainly liver or tumour."""

    shape: tuple[int, int]  # rows, columns
    pixels: Callable[[], np.ndarray]  # flat positions, all of them or a random part


def draw_view(
    bits: np.ndarray, s: AugmentSettings, rng: np.random.Generator, single_slice: bool
) -> ViewParameters:
    """Draw the parameters of one view of a slice with the label bits `bits` (H, W)."""
    organ = OrganPixels(bits.shape, lambda: np.flatnonzero((bits & BACKGROUND_BIT) == 0))
    return draw_view_around(organ, s, rng, single_slice)


def draw_view_around(
    organ: OrganPixels, s: AugmentSettings, rng: np.random.Generator, single_slice: bool
) -> ViewParameters:
    """`draw_view` of a slice of which only the size and the pixels of the organ are known."""
    height, width = organ.shape
    low, high = np.log(s.working_px[0]), np.log(s.working_px[1])
    zoom = np.exp(rng.uniform(low, high)) / max(height, width)
    zoom_xy = zoom * np.exp(rng.uniform(-s.stretch, s.stretch, 2))
    angle = np.deg2rad(rng.uniform(-s.rotation_deg, s.rotation_deg))
    mirror = -1.0 if s.flip == "vertical" and rng.random() < 0.5 else 1.0
    bend = np.zeros((BEND_GRID, BEND_GRID, 2), np.float32)
    if rng.random() < s.elastic:
        bend = rng.normal(0, 1, bend.shape).astype(np.float32)
        bend *= np.float32(rng.uniform(0.005, 0.02) * s.crop_px / zoom)
    centre = _draw_centre(organ, s.crop_px / zoom_xy, s, rng)
    sharpness = rng.random()  # one number selects blur, sharpening or neither
    noisy = rng.random() < s.noise
    return ViewParameters(
        centre_px=centre,
        zoom=zoom_xy,
        angle_rad=float(angle),
        mirror=mirror,
        bend_px=bend,
        floor=ZERO_HU_EXPORT if rng.random() < s.narrowed else float("-inf"),
        gain=float(np.exp(rng.uniform(-s.gain, s.gain))),
        shift=float(rng.uniform(-s.shift, s.shift)),
        gamma=float(np.exp(rng.uniform(-0.25, 0.25))) if rng.random() < s.gamma else 1.0,
        blur_px=float(rng.uniform(0.4, 1.3)) if sharpness < s.blur else 0.0,
        sharpen=float(rng.uniform(0.3, 0.9)) if s.blur <= sharpness < s.blur + s.sharpen else 0.0,
        noise=float(rng.uniform(0.005, 0.07)) if noisy else 0.0,
        grain_px=float(rng.uniform(0.5, MAX_SIGMA_PX)) if noisy and rng.random() < s.soft_grain else 0.0,
        noise_seed=int(rng.integers(2**62)),
        single_slice=single_slice,
    )


def centred_view(
    view: ViewParameters, centre_px: tuple[float, float], crop_px: int, rng: np.random.Generator
) -> ViewParameters:
    """The view moved so that the pixel `centre_px` (column, row) lies near its middle.

    It is off the middle by up to `OFF_MIDDLE` of the sample's side in each direction.
    """
    seen_px = crop_px / view.zoom
    return view._replace(centre_px=np.array(centre_px) + rng.uniform(-OFF_MIDDLE, OFF_MIDDLE, 2) * seen_px)


def _draw_centre(
    organ: OrganPixels, seen_px: np.ndarray, s: AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """Draw the centre (column, row) of a sample that covers `seen_px` (x, y) pixels of the slice."""
    size = np.array(organ.shape[::-1], np.float64)  # width, height
    if (seen_px < 0.95 * size).any() and rng.random() < s.organ_centred:
        pixels = organ.pixels()
        if pixels.size:
            row, column = divmod(int(rng.choice(pixels)), organ.shape[1])
            return np.array([column, row]) + rng.uniform(-0.3, 0.3, 2) * seen_px
    slack = np.maximum(size - seen_px, 0) / 2 + 0.08 * size
    return (size - 1) / 2 + rng.uniform(-1, 1, 2) * slack
