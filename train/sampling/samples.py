"""Training samples by number: sample i of a run is the same on every machine and after every resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from train.data.dataset import BACKGROUND_BIT, SlicesInMemory
from train.sampling import augment_cpu, augment_device
from train.sampling.attenuation import shift_attenuation
from train.sampling.augment import AugmentSettings, ViewParameters, draw_view
from train.sampling.channels import Span, to_hu
from train.sampling.slice_sampler import DEFAULT_SHARES, SamplingShares, SliceSampler, has_liver_free
from train.sampling.synthetic_lesions import paint_lesions


@dataclass(frozen=True)
class Source:
    """One dataset's slices and the share of the samples that comes from it."""

    slices: SlicesInMemory
    share: float
    synthetic_lesions: float = 0.0  # share of its samples that get painted lesions


class UncutSample(NamedTuple):
    """A sample before its view is computed; in a batch every field has a leading axis."""

    unit: Tensor  # (C, H, W) float16 in the span's units
    bits: Tensor  # (H, W) uint8
    view: ViewParameters
    crop_px: int


class Samples(Dataset):
    """Sample i: (image (channels, crop, crop) float32 in [0, 1], label bits (crop, crop) uint8).

    With `on_device` sample i is an `UncutSample` instead, to be collated by `collate_uncut` and cut by `cut`.
    `sizes` maps a share of the run to a share of the full resolution, for progressive resizing.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        span: Span,
        augment: AugmentSettings,
        seed: int,
        context_slices: int = 3,
        channels: int = 3,
        on_device: bool = False,
    ) -> None:
        self.sources, self.span, self.augment, self.seed = list(sources), span, augment, seed
        self.context_slices, self.channels, self.on_device = context_slices, channels, on_device
        shares = np.array([source.share for source in sources], float)
        self._cumulative = np.cumsum(shares / shares.sum())
        self._samplers = samplers_of(self.sources)

    @cached_property
    def _tables(self) -> list[np.ndarray | None]:
        return [self.span.table(source.slices.intensity) for source in self.sources]

    def __getitem__(self, item: int | tuple[int, float]) -> tuple[Tensor, Tensor] | UncutSample:
        """`item` is a sample's number, or that and the share of the full resolution it is cut at."""
        number, scale = item if isinstance(item, tuple) else (item, 1.0)
        settings = self.augment.scaled(scale)
        rng = np.random.default_rng([self.seed, number])
        which = min(int(np.searchsorted(self._cumulative, rng.random())), len(self.sources) - 1)
        source = self.sources[which]
        slices = source.slices
        position = self._samplers[which].draw(rng)
        lone = rng.random() < settings.context_dropped or self.context_slices == 1
        reach = 0 if lone else self.context_slices // 2
        pictures = [slices.greys[slices.neighbour(position, o)] for o in range(-reach, reach + 1)]
        bits = slices.labels[position]
        table = self._tables[which]
        shifted = rng.random() < settings.attenuation
        painted = rng.random() < source.synthetic_lesions
        if shifted or painted or table is None:
            hu = to_hu(pictures, slices)  # (H, W, 1 or C)
            hu = shift_attenuation(hu, bits, rng) if shifted else hu
            hu, bits = paint_lesions(hu, bits, rng) if painted else (hu, bits)
            unit = self.span.from_hu(hu)
        else:
            unit = _look_up(table, np.stack(pictures, axis=-1))
        view = draw_view(bits, settings, rng, lone)
        if self.on_device:
            planes = np.broadcast_to(unit, (*bits.shape, self.context_slices)).transpose(2, 0, 1)
            planes = torch.from_numpy(planes.astype(np.float16))
            return UncutSample(planes, torch.from_numpy(np.array(bits)), view, settings.crop_px)
        image, labels = augment_cpu.render(unit, bits, view, settings.crop_px, self.span)
        return self._filled(torch.from_numpy(image)), torch.from_numpy(labels)

    def cut(self, batch: UncutSample, device: torch.device) -> tuple[Tensor, Tensor]:
        """A collated batch of `UncutSample` to images (N, channels, crop, crop) and bits on `device`."""
        unit = batch.unit.to(device, non_blocking=True)
        bits = batch.bits.to(device, non_blocking=True)
        crop_px = int(batch.crop_px[0])
        images, labels = augment_device.render(unit, bits, batch.view, crop_px, self.span)
        return self._filled(images), labels

    def _filled(self, image: Tensor) -> Tensor:
        """As many channels as the network takes: a lone slice (or window) is repeated."""
        missing = self.channels // image.shape[-3]
        return image if missing == 1 else image.repeat_interleave(missing, dim=-3)


MOST_LIVER_FREE = 0.5
"""Largest share of one dataset's draws without liver, however few datasets have such slices."""


def samplers_of(sources: Sequence[Source], shares: SamplingShares = DEFAULT_SHARES) -> list[SliceSampler]:
    """A sampler for each source, such that `shares.liver_free` holds over the samples of all of them.

    Datasets without liver-free slices cannot contribute, so the others draw more of them, in proportion to
    their share of the samples, up to `MOST_LIVER_FREE` of their own draws.
    """
    total = sum(source.share for source in sources)
    able = sum(source.share for source in sources if has_liver_free(source.slices))
    share = min(MOST_LIVER_FREE, shares.liver_free * total / able) if able else 0.0
    return [SliceSampler(source.slices, replace(shares, liver_free=share)) for source in sources]


def _look_up(table: np.ndarray, greys: np.ndarray) -> np.ndarray:
    if greys.dtype == np.uint8:
        return cv2.LUT(greys, table).reshape(greys.shape)
    return np.take(table, greys)


def collate_uncut(samples: list[UncutSample]) -> UncutSample:
    """A batch; slices smaller than the largest are padded at the right and bottom."""
    height = max(sample.bits.shape[0] for sample in samples)
    width = max(sample.bits.shape[1] for sample in samples)

    def padded(planes: Tensor, value: int) -> Tensor:
        margins = [0, width - planes.shape[-1], 0, height - planes.shape[-2]]
        return torch.nn.functional.pad(planes, margins, value=value)

    return default_collate(
        [
            sample._replace(unit=padded(sample.unit, 0), bits=padded(sample.bits, BACKGROUND_BIT))
            for sample in samples
        ]
    )
