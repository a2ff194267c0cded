"""Training samples by number: sample i of a run is the same on every machine and after every resume."""

from __future__ import annotations

import logging
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
from train.sampling.augment import AugmentSettings, ViewParameters, centred_view, draw_view
from train.sampling.channels import Span, to_hu
from train.sampling.hard_slices import HardSampler, HardSlice
from train.sampling.pasted_lesions import LesionBank, paste_lesions
from train.sampling.slice_sampler import (
    DEFAULT_SHARES,
    MOST_LIVER_FREE,
    SamplingShares,
    SliceSampler,
    has_liver_free,
)
from train.sampling.synthetic_lesions import paint_lesions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SampleSource:
    """The slices of one dataset and the share of the samples that is drawn from them."""

    slices: SlicesInMemory
    share: float
    synthetic_lesions: float = 0.0  # share of its samples with added lesions


@dataclass(frozen=True)
class SampleSettings:
    """How a sample is made from slices."""

    span: Span  # of the network's windows
    augment: AugmentSettings
    context_slices: int = 3  # 1, 3 or 5; the middle one is labelled
    channels: int = 3  # of the network; fewer slices times windows are repeated
    shares: SamplingShares = DEFAULT_SHARES
    pasted: float = 0.0  # share of the samples with added lesions whose lesions are real ones


class UncutSample(NamedTuple):
    """A sample before its view is computed; in a batch every field has a leading axis."""

    unit: Tensor  # (C, H, W) float16 in the span's units
    bits: Tensor  # (H, W) uint8
    view: ViewParameters
    crop_px: int


class Samples(Dataset):
    """Sample i: an image (channels, crop, crop) float32 in [0, 1] and label bits (crop, crop) uint8.

    With `on_device`, sample i is an `UncutSample` instead: collate these with `collate_uncut`, then
    compute their views with `cut`.
    """

    def __init__(
        self,
        sources: Sequence[SampleSource],
        settings: SampleSettings,
        seed: int,
        on_device: bool = False,
        hard: Sequence[HardSampler] = (),
    ) -> None:
        """Each sampler in `hard` has its own share of all samples; `sources` are drawn for the others."""
        self.sources, self.settings = list(sources), settings
        self.seed, self.on_device, self.hard = seed, on_device, tuple(hard)
        shares = np.array([source.share for source in sources], float)
        self._cumulative = np.cumsum(shares / shares.sum())
        self._samplers = samplers_of(self.sources, settings.shares)
        self._banks = [
            LesionBank(source.slices) if settings.pasted and source.synthetic_lesions else None
            for source in self.sources
        ]

    @cached_property
    def _tables(self) -> list[np.ndarray | None]:
        return [self.settings.span.table(source.slices.intensity) for source in self.sources]

    def __getitem__(self, item: int | tuple[int, float]) -> tuple[Tensor, Tensor] | UncutSample:
        """The sample `item`: its number, or (number, scale) to cut it at a share of the full resolution."""
        number, scale = item if isinstance(item, tuple) else (item, 1.0)
        augment, context_slices = self.settings.augment.scaled(scale), self.settings.context_slices
        rng = np.random.default_rng([self.seed, number])
        index, position, hard = self._draw_slice(rng)
        source = self.sources[index]
        slices = source.slices
        single_slice = rng.random() < augment.context_dropped or context_slices == 1
        reach = 0 if single_slice else context_slices // 2
        pictures = [slices.greys[slices.neighbour(position, o)] for o in range(-reach, reach + 1)]
        bits = slices.labels[position]
        table = self._tables[index]
        shifted = rng.random() < augment.attenuation
        painted = rng.random() < source.synthetic_lesions and hard is None
        if shifted or painted or table is None:
            hu = to_hu(pictures, slices)  # (H, W, 1 or C)
            hu = shift_attenuation(hu, bits, rng) if shifted else hu
            if painted:
                bank = self._banks[index]
                if bank and rng.random() < self.settings.pasted:
                    hu, bits = paste_lesions(hu, bits, bank, position, rng)
                else:
                    hu, bits = paint_lesions(hu, bits, rng)
            unit = self.settings.span.from_hu(hu)
        else:
            unit = _look_up_units(table, np.stack(pictures, axis=-1))
        view = draw_view(bits, augment, rng, single_slice)
        if hard is not None:
            view = centred_view(view, hard.centre_px, augment.crop_px, rng)
        if self.on_device:
            planes = np.broadcast_to(unit, (*bits.shape, context_slices)).transpose(2, 0, 1)
            planes = torch.from_numpy(planes.astype(np.float16))
            return UncutSample(planes, torch.from_numpy(np.array(bits)), view, augment.crop_px)
        image, labels = augment_cpu.render(unit, bits, view, augment.crop_px, self.settings.span)
        return self._repeat_channels(torch.from_numpy(image)), torch.from_numpy(labels)

    def source_of(self, number: int) -> int:
        """The index in `sources` of the dataset that sample `number` is drawn from."""
        rng = np.random.default_rng([self.seed, number])
        hard = self._draw_hard(rng)
        return self._draw_source(rng) if hard is None else hard.source

    def _draw_slice(self, rng: np.random.Generator) -> tuple[int, int, HardSlice | None]:
        """The source and the position of a slice, and the hard slice that it is drawn as, if it is one."""
        hard = self._draw_hard(rng)
        if hard is not None:
            return hard.source, hard.position, hard
        index = self._draw_source(rng)
        return index, self._samplers[index].draw(rng), None

    def _draw_source(self, rng: np.random.Generator) -> int:
        return min(int(np.searchsorted(self._cumulative, rng.random())), len(self.sources) - 1)

    def _draw_hard(self, rng: np.random.Generator) -> HardSlice | None:
        """A hard slice for a share of the samples, None for the others."""
        if not self.hard:  # no random number: without hard slices the samples are those of older versions
            return None
        number = rng.random()
        for sampler in self.hard:
            if number < sampler.share:
                return sampler.draw(rng)
            number -= sampler.share
        return None

    def cut(self, batch: UncutSample, device: torch.device) -> tuple[Tensor, Tensor]:
        """Images (N, channels, crop, crop) and label bits of a collated batch, on `device`."""
        unit = batch.unit.to(device, non_blocking=True)
        bits = batch.bits.to(device, non_blocking=True)
        crop_px = int(batch.crop_px[0])
        images, labels = augment_device.render(unit, bits, batch.view, crop_px, self.settings.span)
        return self._repeat_channels(images), labels

    @staticmethod
    def collate(samples: list[UncutSample]) -> UncutSample:
        """A batch of samples for `cut`."""
        return collate_uncut(samples)

    def _repeat_channels(self, image: Tensor) -> Tensor:
        """The image with the network's number of channels; a single slice or window is repeated."""
        repeats = self.settings.channels // image.shape[-3]
        return image if repeats == 1 else image.repeat_interleave(repeats, dim=-3)


def samplers_of(
    sources: Sequence[SampleSource], shares: SamplingShares = DEFAULT_SHARES
) -> list[SliceSampler]:
    """A sampler for each source, such that `shares.liver_free` holds for the samples of all sources.

    Datasets without liver-free slices cannot contribute to that share, so the others draw more of them:
    in proportion to their share of the samples, up to `MOST_LIVER_FREE` of their own draws. A warning is
    logged when the share of all samples is smaller than asked for.
    """
    total = sum(source.share for source in sources)
    able = sum(source.share for source in sources if has_liver_free(source.slices))
    share = min(MOST_LIVER_FREE, shares.liver_free * total / able) if able else 0.0
    reached = share * able / total
    if reached < shares.liver_free - 1e-9:
        _log.warning(
            "%.1f %% of the samples will show no liver, not %.1f %%: the datasets with such slices have too "
            "small a share.",
            100 * reached,
            100 * shares.liver_free,
        )
    return [SliceSampler(source.slices, replace(shares, liver_free=share)) for source in sources]


def collate_uncut(samples: list[UncutSample]) -> UncutSample:
    """A batch of samples; smaller slices are padded at the right and bottom to the size of the largest."""
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


def _look_up_units(table: np.ndarray, greys: np.ndarray) -> np.ndarray:
    """The entries of a (256,) or (65536,) table at greys of any shape."""
    if greys.dtype == np.uint8:
        return cv2.LUT(greys, table).reshape(greys.shape)
    return np.take(table, greys)
