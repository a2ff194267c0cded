"""Training samples by number: sample i of a run is the same on every machine and after every resume."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.utils.data import Dataset

from liverseg.windowing import Window, to_unit
from train.augment import AugmentSettings, intensity, sampling_map, warp
from train.dataset import SlicesInMemory
from train.sampling import SliceSampler
from train.synthetic_lesions import paint_lesions


@dataclass(frozen=True)
class Source:
    """One dataset's slices and the share of the samples that comes from it."""

    slices: SlicesInMemory
    share: float
    synthetic_lesions: float = 0.0  # share of its samples that get painted lesions
    sampler: SliceSampler = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sampler", SliceSampler(self.slices))


class Samples(Dataset):
    """Sample i: (image (3, crop, crop) float32 in [0, 1], label bits (crop, crop) uint8)."""

    def __init__(
        self, sources: list[Source], window: Window, augment: AugmentSettings, seed: int, count: int
    ) -> None:
        self.sources, self.window, self.augment, self.seed, self.count = sources, window, augment, seed, count
        shares = np.array([source.share for source in sources], float)
        self._cumulative = np.cumsum(shares / shares.sum())

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.seed, number])
        source = self.sources[int(np.searchsorted(self._cumulative, rng.random()))]
        slices = source.slices
        position = source.sampler.draw(rng)
        offsets = (0,) if rng.random() < self.augment.context_dropped else (-1, 0, 1)
        greys = [slices.greys[slices.neighbour(position, offset)] for offset in offsets]
        bits = slices.labels[position]
        hu = np.stack([slices.intensity.to_hu(grey) for grey in greys], axis=-1)  # (H, W, 1 or 3)
        if rng.random() < source.synthetic_lesions:
            hu, bits = paint_lesions(hu, bits, rng)
        grid = sampling_map(bits.shape, bits, self.augment, rng)
        image, labels = warp(to_unit(hu, self.window), bits, grid)
        image = intensity(image, rng)
        image = np.broadcast_to(image, (*labels.shape, 3)).transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(image)), torch.from_numpy(labels)
