"""Views of slices, computed one at a time with OpenCV in the loader's processes.

`render`, `vary_intensity` and `ct_noise` have counterparts of the same meaning in `augment_device`.
"""

from __future__ import annotations

import cv2
import numpy as np

from train.data.dataset import BACKGROUND_BIT
from train.sampling.augment import PIVOT, ViewParameters
from train.sampling.channels import Span

cv2.setNumThreads(0)  # the loader's processes must not compete with the network's threads


def render(
    unit: np.ndarray, bits: np.ndarray, view: ViewParameters, crop_px: int, span: Span
) -> tuple[np.ndarray, np.ndarray]:
    """Image and label bits of a view of slices `unit` (H, W, C) with the label bits `bits` (H, W).

    `unit` is float32 in the units of `span`. The image is (windows * C, crop, crop) float32 in [0, 1],
    window by window; the labels are (crop, crop) uint8.
    """
    grid = sampling_map(view, crop_px)
    image = vary_intensity(warp(unit, grid), view, span)
    return through_windows(image, span), warp_labels(bits, grid)


def sampling_map(view: ViewParameters, crop_px: int) -> np.ndarray:
    """(crop, crop, 2) float32: column and row in the slice of each pixel of the sample."""
    ticks = np.arange(crop_px, dtype=np.float32) - (crop_px - 1) / 2
    x, y = np.float32(ticks / view.zoom[0]), np.float32(view.mirror * ticks / view.zoom[1])[:, None]
    cos, sin = np.float32(np.cos(view.angle_rad)), np.float32(np.sin(view.angle_rad))
    column, row = view.centre_px.astype(np.float32)
    grid = np.stack([x * cos - y * sin + column, x * sin + y * cos + row], axis=-1)
    if view.bend_px.any():
        grid += cv2.resize(view.bend_px, (crop_px, crop_px), interpolation=cv2.INTER_CUBIC)
    return grid


def warp(unit: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Slices (H, W, C) float32 on the sampling map, bilinear; 0, the lowest grey, outside of the slice."""
    parts = [  # OpenCV remaps at most four channels at once
        cv2.remap(
            np.ascontiguousarray(unit[..., start : start + 4]),
            grid,
            None,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        ).reshape(*grid.shape[:2], -1)
        for start in range(0, unit.shape[2], 4)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def warp_labels(bits: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Label bits (H, W) on the sampling map, nearest neighbour; background outside of the slice."""
    return cv2.remap(
        bits, grid, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=BACKGROUND_BIT
    )


def vary_intensity(unit: np.ndarray, view: ViewParameters, span: Span) -> np.ndarray:
    """Vary contrast, sharpness and noise of slices, as contrast phase, kernel and dose do.

    Input and result are (H, W, C) float32 in [0, `span.top`], clipped like a window.
    """
    top, pivot = np.float32(span.top), np.float32(PIVOT + span.offset)
    unit = np.maximum(unit, np.float32(view.floor + span.offset))
    unit -= pivot
    unit *= np.float32(view.gain)
    unit += pivot + np.float32(view.shift)
    np.clip(unit, 0, top, out=unit)
    if view.gamma != 1:
        unit = (unit / top) ** np.float32(view.gamma) * top
    if view.blur_px:
        unit = _blur(unit, view.blur_px)
    elif view.sharpen:
        unit = unit + np.float32(view.sharpen) * (unit - _blur(unit, 1.2))
    if view.noise:
        unit = unit + ct_noise(unit.shape, view) * np.float32(view.noise)
    return np.clip(unit, 0, top)


def ct_noise(shape: tuple[int, ...], view: ViewParameters) -> np.ndarray:
    """(H, W, C) noise of unit variance, white or blurred as by a soft kernel (`view.grain_px`)."""
    rng = np.random.default_rng(view.noise_seed)
    noise = rng.standard_normal((*shape[:2], 1 if view.single_slice else shape[2]), dtype=np.float32)
    if view.grain_px:
        noise = _blur(noise, view.grain_px)
        noise /= noise.std() + 1e-6
    return noise


def through_windows(unit: np.ndarray, span: Span) -> np.ndarray:
    """(windows * C, H, W) float32 greys in [0, 1], window by window, of `unit` (H, W, C)."""
    planes = np.ascontiguousarray(unit.transpose(2, 0, 1))
    if len(span.windows) == 1:
        return planes
    return np.concatenate([np.clip(a * planes + b, 0, 1) for a, b in span.scale_and_shift()]).astype(
        np.float32
    )


def _blur(unit: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur of (H, W, C). Unlike cv2, it keeps the axis of a single channel."""
    return cv2.GaussianBlur(unit, (0, 0), sigma_px).reshape(unit.shape)
