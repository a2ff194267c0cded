"""Synthetic tumours painted into the healthy liver of training slices.

Annotated scans are few, and few of them show tumours. Lesions of varied size and contrast, painted into
real liver texture, add tumours that the annotated scans lack. The idea is from Hu et al., Label-Free Liver
Tumor Segmentation, CVPR 2023, arXiv 2303.14869; the shapes and intensities are this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from train.data.dataset import LIVER_BIT, ORGAN_BITS, TUMOUR_BIT

COUNTS = (1, 1, 1, 1, 2, 2, 3, 4, 9)
"""Equally likely numbers of lesions in a slice. Nine stands for a liver full of metastases."""

RADII_PX = (2.5, 32.0)
LARGE_RADII_PX = (32.0, 90.0)
"""Ranges of radii in a slice with 512 pixels a side, drawn uniformly on a logarithmic scale."""

LARGE_SHARE = 0.1
"""Share of the lesions whose radius is from `LARGE_RADII_PX`."""

OUTGROWING_SHARE = 0.12
"""Share of the lesions above `OUTGROWING_PX` that start near the liver's edge and bulge out of it."""

OUTGROWING_PX = 8.0
"""Smallest radius of such a lesion, in a slice with 512 pixels a side."""

BULGE_PX = (3.0, 16.0)
"""Range of the largest distance from the liver that such a lesion reaches, in the same unit."""

MIN_LIVER_PX = 600
"""Slices with fewer possible centres get no lesions."""


@dataclass(frozen=True)
class HealthyLiver:
    """The healthy liver of a slice, where lesions can be added."""

    mask: np.ndarray  # (H, W) bool
    hu: float  # median
    centres: np.ndarray  # flat indices of possible centres of lesions
    near_edge: np.ndarray  # those of `centres` that lie near the liver's edge


@dataclass(frozen=True)
class _LesionSite:
    """Place and size of one lesion."""

    allowed: (
        np.ndarray
    )  # (H, W) bool, the pixels that it may cover; the liver's mask itself if it stays inside
    centre: tuple[int, int]  # row, column
    radius_px: float


def healthy_liver(hu: np.ndarray, bits: np.ndarray) -> HealthyLiver | None:
    """The healthy liver of slices (H, W, C) in HU with label bits (H, W).

    It is where the label is liver, or liver or tumour without distinction. None with fewer than
    `MIN_LIVER_PX` possible centres.
    """
    mask = (bits == LIVER_BIT) | (bits == ORGAN_BITS)
    depth_px = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    centres = np.flatnonzero(depth_px > 2)
    if centres.size < MIN_LIVER_PX:
        return None
    near_edge = np.flatnonzero((depth_px > 2) & (depth_px < 5))
    return HealthyLiver(mask, float(np.median(hu[mask])), centres, near_edge)


def paint_lesions(
    hu: np.ndarray, bits: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (H, W, C) float32 HU and label bits (H, W) with one to nine painted lesions.

    A lesion starts in the healthy liver. It stays there unless it is one that grows out of the liver. The
    input arrays are not changed; without room for a lesion they are returned themselves.
    """
    liver = healthy_liver(hu, bits)
    if liver is None:
        return hu, bits
    hu, bits, mask = hu.copy(), bits.copy(), liver.mask
    scale = mask.shape[0] / 512
    for _ in range(int(rng.choice(COUNTS))):
        radii = LARGE_RADII_PX if rng.random() < LARGE_SHARE else RADII_PX
        radius_px = max(np.exp(rng.uniform(*np.log(radii))) * scale, 1.2)
        allowed, centres = mask, liver.centres
        if radius_px > OUTGROWING_PX * scale and rng.random() < OUTGROWING_SHARE and liver.near_edge.size > 0:
            distance_px = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3)
            allowed, centres = distance_px < rng.uniform(*BULGE_PX) * scale, liver.near_edge
        centre = divmod(int(rng.choice(centres)), mask.shape[1])
        _paint_one(hu, bits, liver, _LesionSite(allowed, centre, radius_px), rng)
    return hu, bits


def _paint_one(
    hu: np.ndarray, bits: np.ndarray, liver: HealthyLiver, site: _LesionSite, rng: np.random.Generator
) -> None:
    """Paint one lesion into `hu` and `bits`, in place."""
    (row, column), radius_px = site.centre, site.radius_px
    reach = int(np.ceil(radius_px * 2)) + 3
    rows = slice(max(row - reach, 0), row + reach + 1)
    columns = slice(max(column - reach, 0), column + reach + 1)
    allowed = site.allowed[rows, columns]
    outside = None if site.allowed is liver.mask else allowed & ~liver.mask[rows, columns]
    y, x = np.ogrid[: allowed.shape[0], : allowed.shape[1]]
    y = y + np.float32(rows.start - row)  # (h, 1), pixels from the centre
    x = x + np.float32(columns.start - column)  # (1, w)

    # A lobulated ellipse: a few harmonics vary the radius with the angle.
    angle = np.arctan2(y, x) - rng.uniform(0, np.pi)
    wobble = 1 + sum(
        rng.normal(0, 0.16 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in (2, 3, 4, 5)
    )
    depth = 1 - np.hypot(x, y) / (radius_px * np.maximum(wobble, 0.4))  # 1 at the centre, 0 at the rim
    softness = rng.uniform(0.6, 1.8) / radius_px
    cover = np.clip(0.5 + depth / (2 * softness), 0, 1).astype(np.float32)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.7) * allowed

    target_hu = _lesion_hu(depth, radius_px, liver.hu, rng)
    for channel in range(hu.shape[2]):
        texture = hu[rows, columns, channel] - liver.hu  # noise and vessels of the slice remain, fainter
        if outside is not None:
            noise = texture[~outside].std() if (~outside).any() else 0.0
            texture = np.where(outside, noise * rng.standard_normal(texture.shape, np.float32), texture)
        mixed = target_hu + rng.uniform(0.35, 0.7) * texture
        hu[rows, columns, channel] += cover * (mixed - hu[rows, columns, channel])
    patch = bits[rows, columns]
    patch[(cover >= 0.5) & allowed] = TUMOUR_BIT


def _lesion_hu(depth: np.ndarray, radius_px: float, liver_hu: float, rng: np.random.Generator) -> np.ndarray:
    """HU of a lesion without the slice's texture; `depth` is 1 at the centre and 0 at the rim."""
    hypodense = rng.random() < 0.88
    contrast = -rng.uniform(12, 65) if hypodense else rng.uniform(12, 40)
    hu = np.full(depth.shape, max(liver_hu + contrast, -5), np.float32)
    grain = cv2.GaussianBlur(rng.standard_normal(depth.shape, dtype=np.float32), (0, 0), 2.5)
    hu += grain * rng.uniform(0, 30)
    if rng.random() < 0.25:  # an enhancing rim
        hu += np.exp(-((depth / 0.18) ** 2)) * rng.uniform(8, 35)
    if rng.random() < 0.25 and radius_px > 8:  # a necrotic core
        hu -= np.clip((depth - 0.3) * 3, 0, 1) * rng.uniform(8, 35)
    return hu
