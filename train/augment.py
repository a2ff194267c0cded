"""Random views of a slice: geometry and intensity, as another scanner or patient might have given.

Arrays in, arrays out; every function draws from the generator it is given.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from train.dataset import BACKGROUND_BIT

cv2.setNumThreads(0)  # the loader's processes must not compete with the network's threads


@dataclass(frozen=True)
class AugmentSettings:
    """How far samples may stray from the slice they come from."""

    working_px: tuple[int, int] = (225, 400)  # the longer side of the whole slice is resized to this
    crop_px: int = 256  # side of the square that is cut out
    rotation_deg: float = 18.0
    stretch: float = 0.12  # anisotropic scale, up to ± this share
    elastic: float = 0.35  # share of samples that are bent
    organ_centred: float = 0.7  # share of crops that are centred on liver, where the slice does not fit
    context_dropped: float = 0.5  # share of samples whose neighbours are replaced by the slice itself


def sampling_map(
    shape: tuple[int, int], bits: np.ndarray, s: AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """(crop, crop, 2) float32: the source column and row that each pixel of the sample is taken from."""
    height, width = shape
    low, high = np.log(s.working_px[0]), np.log(s.working_px[1])
    zoom = np.exp(rng.uniform(low, high)) / max(height, width)  # sample pixels per source pixel
    zoom_xy = zoom * np.exp(rng.uniform(-s.stretch, s.stretch, 2))
    angle = np.deg2rad(rng.uniform(-s.rotation_deg, s.rotation_deg))

    ticks = np.arange(s.crop_px, dtype=np.float32) - (s.crop_px - 1) / 2
    x, y = np.meshgrid(ticks / zoom_xy[0], ticks / zoom_xy[1])
    grid = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)], axis=-1)
    if rng.random() < s.elastic:
        coarse = rng.normal(0, 1, (6, 6, 2)).astype(np.float32)
        bend = cv2.resize(coarse, (s.crop_px, s.crop_px), interpolation=cv2.INTER_CUBIC)
        grid += bend * rng.uniform(0.005, 0.02) * s.crop_px / zoom
    return (grid + _centre(bits, s.crop_px / zoom_xy, s, rng)).astype(np.float32)


def _centre(
    bits: np.ndarray, seen_px: np.ndarray, s: AugmentSettings, rng: np.random.Generator
) -> np.ndarray:
    """(column, row) of the source that the sample is centred on."""
    size = np.array(bits.shape[::-1], np.float64)  # width, height
    organ = np.flatnonzero((bits & BACKGROUND_BIT) == 0)
    if (seen_px < 0.95 * size).any() and organ.size and rng.random() < s.organ_centred:
        row, column = divmod(int(rng.choice(organ)), bits.shape[1])
        return np.array([column, row]) + rng.uniform(-0.3, 0.3, 2) * seen_px
    slack = np.maximum(size - seen_px, 0) / 2 + 0.08 * size
    return (size - 1) / 2 + rng.uniform(-1, 1, 2) * slack


def warp(unit: np.ndarray, bits: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slices (H, W, C) float32 and label bits (H, W) on the sampling grid; outside is air."""
    image = cv2.remap(
        unit, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0)
    )
    labels = cv2.remap(
        bits, grid, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=BACKGROUND_BIT
    )
    return image.reshape(*labels.shape, -1), labels


def intensity(unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another contrast phase, dose and kernel: (H, W, C) float32 in [0, 1], saturated as a window does."""
    if rng.random() < 0.15:  # exported with a window that starts at 0 HU
        unit = np.maximum(unit, 0.2)
    gain, shift = np.exp(rng.uniform(-0.22, 0.22)), rng.uniform(-0.09, 0.09)
    unit = np.clip((unit - 0.6) * gain + 0.6 + shift, 0, 1)
    if rng.random() < 0.3:
        unit = unit ** np.float32(np.exp(rng.uniform(-0.25, 0.25)))
    blurred = rng.random()
    if blurred < 0.25:
        unit = _blur(unit, rng.uniform(0.4, 1.3))
    elif blurred < 0.35:
        unit = unit + rng.uniform(0.3, 0.9) * (unit - _blur(unit, 1.2))
    if rng.random() < 0.5:
        unit = unit + _ct_noise(unit.shape, rng) * np.float32(rng.uniform(0.005, 0.07))
    return np.clip(unit, 0, 1).astype(np.float32)


def _ct_noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance whose grain varies, from white to the blotches of a soft kernel."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.6:
        noise = _blur(noise, rng.uniform(0.5, 1.6))
        noise /= noise.std() + 1e-6
    return noise


def _blur(unit: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur of (H, W, C); cv2 drops a single channel's axis, this keeps it."""
    return cv2.GaussianBlur(unit, (0, 0), sigma_px).reshape(unit.shape)
