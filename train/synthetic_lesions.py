"""Tumours painted into healthy liver of training slices.

Annotated scans are few and their tumours fewer; lesions of every size and contrast, drawn into real
liver texture, teach what a tumour is besides those (the idea of Hu et al., Label-Free Liver Tumor
Segmentation, CVPR 2023, arXiv 2303.14869; the shapes and intensities here are our own).
"""

from __future__ import annotations

import cv2
import numpy as np

from train.dataset import LIVER_BIT, ORGAN_BITS, TUMOUR_BIT


def paint_lesions(
    hu: np.ndarray, bits: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (H, W, C) float32 HU and label bits (H, W) with one to four lesions more.

    A lesion is only painted where the label says liver, or liver or tumour without telling which; a
    slice with less than 600 such pixels is returned as it is.
    """
    liver = (bits == LIVER_BIT) | (bits == ORGAN_BITS)
    inside = cv2.distanceTransform(liver.astype(np.uint8), cv2.DIST_L2, 3)
    candidates = np.flatnonzero(inside > 2)
    if candidates.size < 600:
        return hu, bits
    hu, bits = hu.copy(), bits.copy()
    liver_hu = float(np.median(hu[liver]))
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3, 4]))):
        row, column = divmod(int(rng.choice(candidates)), liver.shape[1])
        radius_px = np.exp(rng.uniform(np.log(2.5), np.log(32.0))) * liver.shape[0] / 512
        _paint_one(hu, bits, liver, (row, column), max(radius_px, 1.2), liver_hu, rng)
    return hu, bits


def _paint_one(
    hu: np.ndarray,
    bits: np.ndarray,
    liver: np.ndarray,
    centre: tuple[int, int],
    radius_px: float,
    liver_hu: float,
    rng: np.random.Generator,
) -> None:
    reach = int(np.ceil(radius_px * 2)) + 3
    rows = slice(max(centre[0] - reach, 0), centre[0] + reach + 1)
    columns = slice(max(centre[1] - reach, 0), centre[1] + reach + 1)
    height, width = liver[rows, columns].shape
    y, x = np.ogrid[:height, :width]
    y = y + np.float32(rows.start - centre[0])  # (h, 1), pixels from the centre
    x = x + np.float32(columns.start - centre[1])  # (1, w)

    # A lobulated ellipse: the radius varies with the angle by a few harmonics.
    angle = np.arctan2(y, x) - rng.uniform(0, np.pi)
    wobble = 1 + sum(
        rng.normal(0, 0.16 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 4, 5)
    )
    depth = 1 - np.hypot(x, y) / (radius_px * np.maximum(wobble, 0.4))  # 1 at the centre, 0 at the rim
    softness = rng.uniform(0.6, 1.8) / radius_px
    cover = np.clip(0.5 + depth / (2 * softness), 0, 1).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.7) * liver[rows, columns]

    darker = rng.random() < 0.88
    contrast = -rng.uniform(12, 65) if darker else rng.uniform(12, 40)
    target = np.full(cover.shape, max(liver_hu + contrast, -5), np.float32)
    target += cv2.GaussianBlur(rng.standard_normal(cover.shape, dtype=np.float32), (0, 0), 2.5) * rng.uniform(
        0, 30
    )
    if rng.random() < 0.25:  # a rim that takes up contrast
        target += np.exp(-((depth / 0.18) ** 2)) * rng.uniform(8, 35)
    if rng.random() < 0.25 and radius_px > 8:  # a necrotic core
        target -= np.clip((depth - 0.3) * 3, 0, 1) * rng.uniform(8, 35)
    for channel in range(hu.shape[2]):
        grain = hu[rows, columns, channel] - liver_hu  # the slice's own noise and vessels stay, fainter
        mixed = target + rng.uniform(0.35, 0.7) * grain
        hu[rows, columns, channel] += cover * (mixed - hu[rows, columns, channel])
    patch = bits[rows, columns]
    patch[(cover >= 0.5) & liver[rows, columns]] = TUMOUR_BIT
