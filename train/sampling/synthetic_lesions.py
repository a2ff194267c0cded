"""Tumours painted into healthy liver of training slices.

Annotated scans are few and their tumours fewer; lesions of every size and contrast, drawn into real
liver texture, teach what a tumour is besides those (the idea of Hu et al., Label-Free Liver Tumor
Segmentation, CVPR 2023, arXiv 2303.14869; the shapes and intensities here are our own).
"""

from __future__ import annotations

import cv2
import numpy as np

from train.data.dataset import LIVER_BIT, ORGAN_BITS, TUMOUR_BIT

COUNTS = (1, 1, 1, 1, 2, 2, 3, 4, 9)
"""Lesions in a slice: one of these, each as likely. Nine are a liver full of metastases."""

RADII_PX = (2.5, 32.0)
LARGE_RADII_PX = (32.0, 90.0)
"""In a slice of 512, drawn uniformly on a logarithmic scale."""

LARGE_SHARE = 0.1
OUTGROWING_SHARE = 0.12
"""Of the lesions above `OUTGROWING_PX`: they start at the liver's edge and bulge out of it."""

OUTGROWING_PX = 8.0
BULGE_PX = (3.0, 16.0)
"""How far such a lesion may reach beyond the liver."""


def paint_lesions(
    hu: np.ndarray, bits: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (H, W, C) float32 HU and label bits (H, W) with one to nine lesions more.

    A lesion starts where the label says liver, or liver or tumour without telling which, and stays there
    unless it is one that grows out of the liver. A slice with less than 600 such pixels is returned as
    it is.
    """
    liver = (bits == LIVER_BIT) | (bits == ORGAN_BITS)
    inside = cv2.distanceTransform(liver.astype(np.uint8), cv2.DIST_L2, 3)
    candidates = np.flatnonzero(inside > 2)
    edge = np.flatnonzero((inside > 2) & (inside < 5))
    if candidates.size < 600:
        return hu, bits
    hu, bits = hu.copy(), bits.copy()
    liver_hu = float(np.median(hu[liver]))
    scale = liver.shape[0] / 512
    for _ in range(int(rng.choice(COUNTS))):
        radii = LARGE_RADII_PX if rng.random() < LARGE_SHARE else RADII_PX
        radius_px = max(np.exp(rng.uniform(*np.log(radii))) * scale, 1.2)
        where, starts = liver, candidates
        if radius_px > OUTGROWING_PX * scale and rng.random() < OUTGROWING_SHARE and edge.size > 0:
            outside = cv2.distanceTransform((~liver).astype(np.uint8), cv2.DIST_L2, 3)
            where, starts = outside < rng.uniform(*BULGE_PX) * scale, edge
        centre = divmod(int(rng.choice(starts)), liver.shape[1])
        _paint_one(hu, bits, liver, where, centre, radius_px, liver_hu, rng)
    return hu, bits


def _paint_one(
    hu: np.ndarray,
    bits: np.ndarray,
    liver: np.ndarray,
    where: np.ndarray,
    centre: tuple[int, int],
    radius_px: float,
    liver_hu: float,
    rng: np.random.Generator,
) -> None:
    reach = int(np.ceil(radius_px * 2)) + 3
    rows = slice(max(centre[0] - reach, 0), centre[0] + reach + 1)
    columns = slice(max(centre[1] - reach, 0), centre[1] + reach + 1)
    height, width = where[rows, columns].shape
    outgrown = None if where is liver else where[rows, columns] & ~liver[rows, columns]
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
    cover = cv2.GaussianBlur(cover, (0, 0), 0.7) * where[rows, columns]

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
        if outgrown is not None:
            noise = grain[~outgrown].std() if (~outgrown).any() else 0.0
            grain = np.where(outgrown, noise * rng.standard_normal(grain.shape, np.float32), grain)
        mixed = target + rng.uniform(0.35, 0.7) * grain
        hu[rows, columns, channel] += cover * (mixed - hu[rows, columns, channel])
    patch = bits[rows, columns]
    patch[(cover >= 0.5) & where[rows, columns]] = TUMOUR_BIT
