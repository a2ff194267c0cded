"""Real lesions cut from training slices and pasted into the healthy liver of others.

The idea is from Yang et al., TumorCP: A Simple but Effective Object-Level Data Augmentation for Tumor
Segmentation, MICCAI 2021, arXiv 2107.09843. Here a lesion keeps its texture and its contrast to the liver
around it: what is pasted is the liver of the target plus that contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from train.data.dataset import LIVER_BIT, TUMOUR_BIT, SlicesInMemory
from train.sampling.channels import to_hu
from train.sampling.synthetic_lesions import COUNTS, HealthyLiver, healthy_liver

MIN_LESION_PX = 20
"""Smaller lesions are not cut, in a slice with 512 pixels a side: they would be mostly edge."""

MARGIN_PX = 8
"""Width of the surroundings that are cut with a lesion; its liver gives the lesion's contrast."""

MIN_RING_PX = 20
"""With less liver around a lesion, the contrast is that to the liver of its whole slice."""

SCALES = (0.6, 1.5)
"""Range of the change of a lesion's diameter, drawn uniformly on a logarithmic scale."""

MOST_OF_LIVER = 0.5
"""Largest area of a pasted lesion, as a share of the healthy liver that it is pasted into."""

ANGLES_DEG = (0.0, 360.0)

GAINS = (0.7, 1.3)
"""Range of the factor of a lesion's contrast, drawn uniformly on a logarithmic scale."""

SHIFTS_HU = (-10.0, 10.0)
"""Range of the change of a lesion's attenuation."""

EDGE_PX = (0.6, 1.8)
"""Range of the standard deviation of the soft edge, in a slice with 512 pixels a side."""


@dataclass(frozen=True)
class Lesion:
    """One lesion of a slice, with its surroundings."""

    position: int  # of its slice in `SlicesInMemory`
    rows: slice
    columns: slice
    mask: np.ndarray  # (h, w) bool, within `rows` and `columns`
    liver_hu: float  # median of the liver around it


class LesionBank:
    """The lesions of a dataset's slices whose label is certainly tumour. False if there are none."""

    def __init__(self, slices: SlicesInMemory) -> None:
        self._slices = slices
        self._scans: list[list[Lesion]] = []
        for positions in slices.by_scan.values():
            shown = positions[slices.shows_tumour[positions]]
            lesions = [lesion for position in shown for lesion in _lesions_of(slices, int(position))]
            if lesions:
                self._scans.append(lesions)
        roots = np.sqrt([len(lesions) for lesions in self._scans])
        self._cumulative = np.cumsum(roots / roots.sum())

    def __bool__(self) -> bool:
        return bool(self._scans)

    def __len__(self) -> int:
        return sum(len(lesions) for lesions in self._scans)

    def draw(self, rng: np.random.Generator) -> Lesion:
        """One lesion: a scan by the square root of its number of lesions, then one of these evenly."""
        scan = min(int(np.searchsorted(self._cumulative, rng.random())), len(self._scans) - 1)
        return self._scans[scan][int(rng.integers(len(self._scans[scan])))]

    def cut(self, lesion: Lesion, reach: int) -> np.ndarray:
        """HU (h, w, 2 * reach + 1) float32 of a lesion's surroundings in its slice and `reach` neighbours."""
        positions = [self._slices.neighbour(lesion.position, offset) for offset in range(-reach, reach + 1)]
        crops = [self._slices.greys[position][lesion.rows, lesion.columns] for position in positions]
        return to_hu(crops, self._slices)

    def height_px(self, lesion: Lesion) -> int:
        """Rows of the slice that the lesion is from."""
        return self._slices.labels[lesion.position].shape[0]


def paste_lesions(
    hu: np.ndarray, bits: np.ndarray, bank: LesionBank, position: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Slices (H, W, C) float32 HU and label bits (H, W) with one to nine pasted lesions.

    `position` is that of the labelled slice in the slices of `bank`; its own lesions are not pasted, so
    there may be none. C is odd; the middle slice is the labelled one. Lesions lie in the healthy liver. The
    input arrays are not changed; without room for a lesion they are returned themselves.
    """
    liver = healthy_liver(hu, bits)
    if liver is None:
        return hu, bits
    hu, bits = hu.copy(), bits.copy()
    for _ in range(int(rng.choice(COUNTS))):
        lesion = bank.draw(rng)
        centre = divmod(int(rng.choice(liver.centres)), bits.shape[1])
        if lesion.position != position:
            patch, cover = _turned(lesion, bank, liver, hu.shape[2], rng)
            _paste_one((hu, bits), liver, centre, patch, cover)
    return hu, bits


def _lesions_of(slices: SlicesInMemory, position: int) -> list[Lesion]:
    """The 8-connected lesions of a slice that are large enough, if the slice shows healthy liver."""
    bits = slices.labels[position]
    scale = bits.shape[0] / 512
    _, parts, stats, _ = cv2.connectedComponentsWithStats(
        (bits == TUMOUR_BIT).astype(np.uint8), connectivity=8
    )
    kept = [
        part for part in range(1, len(stats)) if stats[part, cv2.CC_STAT_AREA] >= MIN_LESION_PX * scale**2
    ]
    liver = bits == LIVER_BIT
    if not kept or not liver.any():
        return []
    hu = slices.intensity.to_hu(slices.greys[position])
    margin = max(round(MARGIN_PX * scale), 2)
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    lesions = []
    for part in kept:
        left, top, width, height = (int(n) for n in stats[part, : cv2.CC_STAT_AREA])
        rows = slice(max(top - margin, 0), top + height + margin)
        columns = slice(max(left - margin, 0), left + width + margin)
        mask = parts[rows, columns] == part
        ring = (cv2.dilate(mask.astype(np.uint8), kernel) > 0) & liver[rows, columns]
        around = hu[rows, columns][ring] if ring.sum() >= MIN_RING_PX else hu[liver]
        lesions.append(Lesion(position, rows, columns, mask, float(np.median(around))))
    return lesions


def _turned(
    lesion: Lesion, bank: LesionBank, liver: HealthyLiver, channels: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A randomly changed lesion: contrast (n, n, C) to its liver in HU, and cover (n, n) in [0, 1].

    It lies in the middle of the square, whose pixels are those of the slice that `liver` is in.
    """
    height_px = liver.mask.shape[0]
    zoom = float(np.exp(rng.uniform(*np.log(SCALES)))) * height_px / bank.height_px(lesion)
    zoom = min(zoom, float(np.sqrt(MOST_OF_LIVER * liver.mask.sum() / lesion.mask.sum())))
    angle, mirror = np.deg2rad(rng.uniform(*ANGLES_DEG)), 1 if rng.random() < 0.5 else -1
    gain, shift = float(np.exp(rng.uniform(*np.log(GAINS)))), rng.uniform(*SHIFTS_HU)
    edge_px = rng.uniform(*EDGE_PX) * height_px / 512
    cut = gain * (bank.cut(lesion, channels // 2) - np.float32(lesion.liver_hu)) + np.float32(shift)

    height, width = lesion.mask.shape
    side = int(np.ceil(np.hypot(height, width) * zoom)) | 1
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    turn = np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    middle = np.array([width - 1, height - 1]) / 2
    matrix = np.column_stack([turn, (side - 1) / 2 - turn @ middle])
    planes = [
        cv2.warpAffine(cut[..., c], matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
        for c in range(channels)
    ]
    cover = cv2.warpAffine(lesion.mask.astype(np.float32), matrix, (side, side))
    return np.stack(planes, axis=-1), cv2.GaussianBlur(cover, (0, 0), edge_px)


def _paste_one(
    target: tuple[np.ndarray, np.ndarray],
    liver: HealthyLiver,
    centre: tuple[int, int],
    patch: np.ndarray,
    cover: np.ndarray,
) -> None:
    """Paste one lesion into the HU and label bits of `target`, in place; what leaves the liver is cut off."""
    hu, bits = target
    reach = patch.shape[0] // 2
    (top, left), (height, width) = (centre[0] - reach, centre[1] - reach), bits.shape
    rows = slice(max(top, 0), min(top + patch.shape[0], height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
    cover = cover[inside] * liver.mask[rows, columns]
    pasted = np.float32(liver.hu) + patch[inside]
    hu[rows, columns] += cover[..., None] * (pasted - hu[rows, columns])
    bits[rows, columns][cover >= 0.5] = TUMOUR_BIT
