"""Synthetic tumours drawn as numbers and painted one batch at a time with torch, on the device of the batch.

The lesions have the sizes, shapes and intensities of `train.sampling.synthetic_lesions`. Two steps differ:
the distance from the liver is octagonal, and the noise outside of the liver has the spread of the liver under
the lesion.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.dataset import LIVER_BIT, ORGAN_BITS, TUMOUR_BIT
from train.sampling.augment_device import blur
from train.sampling.slice_facts import SliceFacts
from train.sampling.synthetic_lesions import (
    BULGE_PX,
    COUNTS,
    LARGE_RADII_PX,
    LARGE_SHARE,
    OUTGROWING_PX,
    OUTGROWING_SHARE,
    RADII_PX,
)

MOST_LESIONS = max(COUNTS)
HARMONICS = (2, 3, 4, 5)
"""Harmonics of the outline, as multiples of the angle."""

COLUMNS = (
    "radius_px", "row", "column", "angle_rad", "wobble_2", "wobble_3", "wobble_4", "wobble_5",
    "phase_2", "phase_3", "phase_4", "phase_5", "softness", "liver_hu", "hu", "grain_hu", "rim_hu", "core_hu",
    "texture", "bulge_px",
)  # fmt: skip
"""The parameters of a lesion; a radius of 0 stands for none, a bulge of 0 for a lesion that stays inside."""


def no_lesions() -> np.ndarray:
    """(MOST_LESIONS, parameters) float32 zeros."""
    return np.zeros((MOST_LESIONS, len(COLUMNS)), np.float32)


def draw_lesions(facts: SliceFacts, liver_hu: float, rng: np.random.Generator) -> np.ndarray:
    """(MOST_LESIONS, parameters) float32: one to nine lesions of a slice, or none in too small a liver."""
    lesions = no_lesions()
    if not facts.centres.size:
        return lesions
    height, width = facts.organ.shape
    scale = height / 512
    for number in range(int(rng.choice(COUNTS))):
        radii = LARGE_RADII_PX if rng.random() < LARGE_SHARE else RADII_PX
        radius_px = max(float(np.exp(rng.uniform(*np.log(radii)))) * scale, 1.2)
        centres, bulge_px = facts.centres, 0.0
        if radius_px > OUTGROWING_PX * scale and rng.random() < OUTGROWING_SHARE and facts.edge_centres.size:
            centres, bulge_px = facts.edge_centres, rng.uniform(*BULGE_PX) * scale
        row, column = divmod(int(rng.choice(centres)), width)
        contrast = -rng.uniform(12, 65) if rng.random() < 0.88 else rng.uniform(12, 40)
        lesions[number] = (
            radius_px, row, column, rng.uniform(0, np.pi),
            *(rng.normal(0, 0.16 / order) for order in HARMONICS),
            *rng.uniform(0, 2 * np.pi, len(HARMONICS)),
            rng.uniform(0.6, 1.8) / radius_px, liver_hu, max(liver_hu + contrast, -5), rng.uniform(0, 30),
            rng.uniform(8, 35) if rng.random() < 0.25 else 0,
            rng.uniform(8, 35) if rng.random() < 0.25 and radius_px > 8 else 0,
            rng.uniform(0.35, 0.7), bulge_px,
        )  # fmt: skip
    return lesions


def paint_lesions(hu: Tensor, bits: Tensor, lesions: Tensor, seeds: Tensor) -> None:
    """Paint lesions (N, MOST_LESIONS, parameters) into slices (N, C, H, W) HU and bits (N, H, W), in place.

    `lesions` and `seeds` (N,), the seeds of their texture, are on the CPU. A lesion covers pixels that were
    liver, or liver or tumour without distinction, before the first one was painted.
    """
    liver = (bits == LIVER_BIT) | (bits == ORGAN_BITS)
    for number in range(lesions.shape[1]):
        samples = (lesions[:, number, 0] > 0).nonzero()[:, 0]
        if not len(samples):
            return
        parameters = lesions[samples, number]
        own_seeds = [(int(seed) + number) % 2**62 for seed in seeds[samples]]
        there = samples.to(hu.device)
        painted_hu, cover = _painted(hu[there], liver[there], parameters, own_seeds)
        hu[there] = painted_hu
        bits[there] = torch.where(cover >= 0.5, torch.full_like(bits[there], TUMOUR_BIT), bits[there])


def _painted(hu: Tensor, liver: Tensor, parameters: Tensor, seeds: list[int]) -> tuple[Tensor, Tensor]:
    """HU (n, C, H, W) with one lesion painted into each slice, and its cover (n, H, W) from 0 to 1."""
    p = dict(zip(COLUMNS, parameters.to(hu.device).T[:, :, None, None], strict=True))  # (n, 1, 1) each
    y = torch.arange(hu.shape[2], device=hu.device)[:, None] - p["row"]
    x = torch.arange(hu.shape[3], device=hu.device)[None, :] - p["column"]
    angle = torch.atan2(y, x) - p["angle_rad"]
    wobble = 1 + sum(p[f"wobble_{n}"] * torch.cos(n * angle + p[f"phase_{n}"]) for n in HARMONICS)
    depth = 1 - torch.hypot(x, y) / (p["radius_px"] * wobble.clamp_min(0.4))  # 1 at the centre, 0 at the rim
    allowed = liver | grown(liver, parameters[:, COLUMNS.index("bulge_px")])
    cover = (0.5 + depth / (2 * p["softness"])).clamp(0, 1)
    cover = blur(cover[:, None], torch.full((len(cover),), 0.7))[:, 0] * allowed

    generator = torch.Generator(hu.device)
    noise = torch.stack(
        [torch.randn(hu.shape[2:], generator=generator.manual_seed(seed), device=hu.device) for seed in seeds]
    )
    target = p["hu"] + p["grain_hu"] * blur(noise[:, None], torch.full((len(noise),), 2.5))[:, 0]
    target += p["rim_hu"] * torch.exp(-((depth / 0.18) ** 2))
    target -= p["core_hu"] * ((depth - 0.3) * 3).clamp(0, 1)
    texture = hu - p["liver_hu"][:, None]
    inside = (liver & (depth > 0))[:, None].expand_as(texture)
    count = inside.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    mean = (texture * inside).sum(dim=(1, 2, 3), keepdim=True) / count
    spread = (((texture - mean) ** 2 * inside).sum(dim=(1, 2, 3), keepdim=True) / count).sqrt()
    texture = torch.where(liver[:, None], texture, spread * noise[:, None])
    mixed = target[:, None] + p["texture"][:, None] * texture
    return hu + cover[:, None] * (mixed - hu), cover


def grown(mask: Tensor, distance_px: Tensor) -> Tensor:
    """The pixels of (n, H, W) within an octagonal distance of a mask; `distance_px` (n,) is on the CPU.

    One step in three also reaches the diagonal neighbours, which approximates a circle within a tenth.
    """
    grid = mask.float()[:, None]
    for step in range(1, int(distance_px.max().ceil()) + 1 if len(distance_px) else 0):
        samples = (distance_px >= step).nonzero()[:, 0].to(mask.device)
        if not len(samples):
            break
        part = grid[samples]
        if step % 3 == 0:
            part = F.max_pool2d(part, 3, 1, 1)
        else:
            across, down = F.max_pool2d(part, (1, 3), 1, (0, 1)), F.max_pool2d(part, (3, 1), 1, (1, 0))
            part = torch.maximum(across, down)
        grid[samples] = part
    return grid[:, 0] > 0
