"""Random views of a slice: how each is drawn, as another scanner or patient might have given it.

`draw_view` draws the numbers of one view. `augment_cpu` (a sample at a time, in the loader's processes)
and `augment_device` (a batch at a time, on the accelerator) are the two ways to compute it; they agree
but for the noise, whose numbers come from different generators of one distribution.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from train.data.dataset import BACKGROUND_BIT

BEND_GRID = 6
"""Control points on each side of an elastic deformation."""

PIVOT = 0.6
"""Grey of the first window that a change of contrast leaves alone: about that of liver in 60/200."""

ZERO_HU_EXPORT = 0.2
"""Grey of the first window below which a narrowed export shows black: 0 HU in 60/200."""

MAX_SIGMA_PX = 1.6
"""Of the widest blur, which sets the size of the filters."""

FLIPS = ("none", "vertical")
"""The liver lies on one side, so pictures are never flipped left to right."""


@dataclass(frozen=True)
class AugmentSettings:
    """How far samples may stray from the slice they come from. Shares are of the samples."""

    working_px: tuple[int, int] = (225, 400)  # the longer side of the whole slice is resized to this
    crop_px: int = 256  # side of the square that is cut out
    rotation_deg: float = 18.0
    stretch: float = 0.12  # anisotropic scale, up to ± this share
    elastic: float = 0.35  # share that are bent
    organ_centred: float = 0.7  # share of crops that are centred on liver, where the slice does not fit
    context_dropped: float = 0.5  # share whose neighbours are replaced by the slice itself
    attenuation: float = 0.25  # share whose liver is darker or brighter than the rest of the body
    flip: str = "none"  # "vertical": half of the samples are turned upside down
    narrowed: float = 0.15  # share exported with a window that starts at 0 HU
    gain: float = 0.22  # window width jitter: contrast times e^±this
    shift: float = 0.09  # window centre jitter, in widths of the first window
    gamma: float = 0.3  # share
    blur: float = 0.25  # share
    sharpen: float = 0.1  # share
    noise: float = 0.5  # share
    soft_grain: float = 0.6  # share of the noise that is blurred, as a soft kernel does

    def scaled(self, factor: float) -> AugmentSettings:
        """The same at a lower resolution: crop (in steps of 32 px) and working sizes times `factor`.

        >>> AugmentSettings(working_px=(256, 384), crop_px=256).scaled(0.5).working_px
        (128, 192)
        """
        if factor == 1:
            return self
        crop = max(32, round(self.crop_px * factor / 32) * 32)
        low, high = (max(32, round(px * crop / self.crop_px)) for px in self.working_px)
        return replace(self, crop_px=crop, working_px=(low, high))


class ViewParameters(NamedTuple):
    """The numbers of one view; collated by a loader, each field gains a leading batch axis."""

    centre_px: np.ndarray  # (2,) column and row of the slice that the sample is centred on
    zoom: np.ndarray  # (2,) sample pixels per slice pixel, along the sample's x and y
    angle_rad: float
    mirror: float  # 1, or -1 for upside down
    bend_px: np.ndarray  # (6, 6, 2) float32 displacements in slice pixels; zeros where nothing is bent
    floor: float  # grey of the first window below which all is black; -inf for none
    gain: float
    shift: float
    gamma: float  # exponent; 1 for none
    blur_px: float  # sigma; 0 for none
    sharpen: float  # 0 for none
    noise: float  # standard deviation in grey of the first window; 0 for none
    grain_px: float  # sigma that the noise is blurred with
    noise_seed: int
    lone: bool  # whether all channels show the same slice, and so the same noise


def draw_view(bits: np.ndarray, s: AugmentSettings, rng: np.random.Generator, lone: bool) -> ViewParameters:
    """One view of a slice whose label bits (H, W) are given."""
    height, width = bits.shape
    low, high = np.log(s.working_px[0]), np.log(s.working_px[1])
    zoom = np.exp(rng.uniform(low, high)) / max(height, width)
    zoom_xy = zoom * np.exp(rng.uniform(-s.stretch, s.stretch, 2))
    angle = np.deg2rad(rng.uniform(-s.rotation_deg, s.rotation_deg))
    mirror = -1.0 if s.flip == "vertical" and rng.random() < 0.5 else 1.0
    bend = np.zeros((BEND_GRID, BEND_GRID, 2), np.float32)
    if rng.random() < s.elastic:
        bend = rng.normal(0, 1, bend.shape).astype(np.float32)
        bend *= np.float32(rng.uniform(0.005, 0.02) * s.crop_px / zoom)
    centre = _centre(bits, s.crop_px / zoom_xy, s, rng)
    blurred = rng.random()
    noise = rng.random() < s.noise
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
        blur_px=float(rng.uniform(0.4, 1.3)) if blurred < s.blur else 0.0,
        sharpen=float(rng.uniform(0.3, 0.9)) if s.blur <= blurred < s.blur + s.sharpen else 0.0,
        noise=float(rng.uniform(0.005, 0.07)) if noise else 0.0,
        grain_px=float(rng.uniform(0.5, MAX_SIGMA_PX)) if noise and rng.random() < s.soft_grain else 0.0,
        noise_seed=int(rng.integers(2**62)),
        lone=lone,
    )


def _centre(
    bits: np.ndarray, seen_px: np.ndarray, s: AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """(column, row) of the slice that the sample, which sees `seen_px` (x, y) of it, is centred on."""
    size = np.array(bits.shape[::-1], np.float64)  # width, height
    if (seen_px < 0.95 * size).any() and rng.random() < s.organ_centred:
        organ = np.flatnonzero((bits & BACKGROUND_BIT) == 0)
        if organ.size:
            row, column = divmod(int(rng.choice(organ)), bits.shape[1])
            return np.array([column, row]) + rng.uniform(-0.3, 0.3, 2) * seen_px
    slack = np.maximum(size - seen_px, 0) / 2 + 0.08 * size
    return (size - 1) / 2 + rng.uniform(-1, 1, 2) * slack
