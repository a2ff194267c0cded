"""Samples whose slices lie in the memory of the device: loaders draw numbers, the device computes pixels.

A GPU trains faster than loader processes can read, paint and send slices. Here all slices are copied to the
device once, as they are stored. For each sample a loader process draws only the position of the slice and the
parameters of its attenuation, painted lesions and view; `cut` computes a batch from them on the device.
Sample i of a run is drawn from the run's seed and i alone, as in `Samples`, but it is not the same sample.
Real lesions are not pasted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from train.data.dataset import BACKGROUND_BIT, SlicesInMemory
from train.sampling import augment_device
from train.sampling.attenuation import EDGE_PX, SHIFT_HU
from train.sampling.augment import ViewParameters, centred_view, draw_view_around
from train.sampling.hard_slices import HardSampler
from train.sampling.lesions_device import draw_lesions, no_lesions, paint_lesions
from train.sampling.samples import Samples, SampleSettings, SampleSource
from train.sampling.slice_facts import SliceFacts, facts_of


class ResidentSample(NamedTuple):
    """The drawn numbers of a sample; in a batch every field has a leading axis."""

    source: int  # index of the dataset
    positions: np.ndarray  # (context,) of the slice and its neighbours in the dataset
    shift_hu: float  # of the liver; 0 for none
    lesions: np.ndarray  # (MOST_LESIONS, parameters) float32, see `train.sampling.lesions_device`
    seed: int  # of the texture of the lesions
    view: ViewParameters
    crop_px: int


class ResidentSamples(Samples):
    """Samples for `DataLoader` whose batches `cut` computes on the device."""

    def __init__(
        self,
        sources: Sequence[SampleSource],
        settings: SampleSettings,
        seed: int,
        hard: Sequence[HardSampler] = (),
    ) -> None:
        super().__init__(sources, settings, seed, True, hard)
        self.facts: list[list[SliceFacts]] = [facts_of(source.slices) for source in self.sources]
        self._resident: dict[torch.device, list[ResidentSlices]] = {}

    def __getstate__(self) -> dict:
        return vars(self) | {"_resident": {}}

    def __getitem__(self, item: int | tuple[int, float]) -> ResidentSample:  # type: ignore[override]
        """The numbers of the sample `item`: its number, or (number, scale) as in `Samples`."""
        number, scale = item if isinstance(item, tuple) else (item, 1.0)
        augment, context_slices = self.settings.augment.scaled(scale), self.settings.context_slices
        rng = np.random.default_rng([self.seed, number])
        index, position, hard = self._draw_slice(rng)
        source = self.sources[index]
        facts = self.facts[index][position]
        single_slice = rng.random() < augment.context_dropped or context_slices == 1
        reach = 0 if single_slice else context_slices // 2
        shown = [source.slices.neighbour(position, o) for o in range(-reach, reach + 1)]
        shifted = rng.random() < augment.attenuation and facts.shows_organ
        shift_hu = float(rng.uniform(*SHIFT_HU)) if shifted else 0.0
        painted = rng.random() < source.synthetic_lesions and hard is None
        lesions = draw_lesions(facts, facts.liver_hu + shift_hu, rng) if painted else no_lesions()
        view = draw_view_around(facts.organ, augment, rng, single_slice)
        if hard is not None:
            view = centred_view(view, hard.centre_px, augment.crop_px, rng)
        return ResidentSample(
            source=index,
            positions=np.array(shown if reach else [position] * context_slices),
            shift_hu=shift_hu,
            lesions=lesions,
            seed=int(rng.integers(2**62)),
            view=view,
            crop_px=augment.crop_px,
        )

    def cut(self, batch: ResidentSample, device: torch.device) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Images (N, channels, crop, crop) and label bits of a collated batch, on `device`."""
        if device not in self._resident:
            self._resident[device] = [ResidentSlices(source.slices, device) for source in self.sources]
        stacks, span = self._resident[device], self.settings.span
        height, width = (max(stack.bits.shape[axis] for stack in stacks) for axis in (1, 2))
        count, context = batch.positions.shape
        hu = torch.full((count, context, height, width), span.low_hu, device=device)
        bits = torch.full((count, height, width), BACKGROUND_BIT, dtype=torch.uint8, device=device)
        for index, stack in enumerate(stacks):
            samples = (batch.source == index).nonzero()[:, 0]
            if len(samples):
                rows, columns = stack.bits.shape[1:]
                there = samples.to(device)
                positions = batch.positions[samples].to(device)
                hu[there, :, :rows, :columns] = stack.hu(positions)
                bits[there, :rows, :columns] = stack.bits[positions[:, context // 2]]
                self._shift(
                    hu, bits, samples[batch.shift_hu[samples] != 0], batch.shift_hu, max(rows, columns)
                )
        painted = (batch.lesions[:, 0, 0] > 0).nonzero()[:, 0]
        if len(painted):
            there = painted.to(device)
            part_hu, part_bits = hu[there], bits[there]
            paint_lesions(part_hu, part_bits, batch.lesions[painted], batch.seed[painted])
            hu[there], bits[there] = part_hu, part_bits
        unit = ((hu - span.low_hu) / span.windows[0].width_hu).clamp_(0, span.top)
        images, labels = augment_device.render(unit, bits, batch.view, int(batch.crop_px[0]), span)
        return self._repeat_channels(images), labels

    @staticmethod
    def collate(samples: list[ResidentSample]) -> ResidentSample:  # type: ignore[override]
        """A batch of samples for `cut`."""
        return default_collate(samples)

    @staticmethod
    def _shift(hu: Tensor, bits: Tensor, samples: Tensor, shift_hu: Tensor, side_px: int) -> None:
        """Shift liver and tumours of the samples, in place, as `shift_attenuation` does."""
        if not len(samples):
            return
        there = samples.to(hu.device)
        organ = ((bits[there] & BACKGROUND_BIT) == 0).float()[:, None]
        cover = augment_device.blur(organ, torch.full((len(samples),), EDGE_PX * side_px / 512))
        hu[there] += cover * shift_hu[samples].to(hu.device, torch.float32)[:, None, None, None]


class ResidentSlices:
    """The slices of a dataset in the memory of a device, padded to one size at the right and bottom."""

    def __init__(self, slices: SlicesInMemory, device: torch.device) -> None:
        shapes = [bits.shape for bits in slices.labels]
        size = (len(shapes), max(h for h, _ in shapes), max(w for _, w in shapes))
        self._table: Tensor | None = None  # (256,) HU by stored value
        if slices.intensity.bits == 8 and slices.intensity.channels == 1:
            table = slices.intensity.to_hu(np.arange(256, dtype=np.uint8))
            self._table = torch.from_numpy(table).to(device)
            self._stored = torch.zeros(size, dtype=torch.uint8, device=device)
        else:  # HU, rounded to half a unit below 1024
            self._stored = torch.full(size, slices.window.low_hu, dtype=torch.float16, device=device)
        self.bits = torch.full(size, BACKGROUND_BIT, dtype=torch.uint8, device=device)  # (S, H, W)
        for position, (grey, bits) in enumerate(zip(slices.greys, slices.labels, strict=True)):
            stored = grey if self._table is not None else slices.intensity.to_hu(grey)
            rows, columns = bits.shape
            self._stored[position, :rows, :columns] = torch.from_numpy(np.array(stored))
            self.bits[position, :rows, :columns] = torch.from_numpy(np.array(bits))

    def hu(self, positions: Tensor) -> Tensor:
        """float32 HU of the slices at `positions` of any shape, with two axes more."""
        stored = self._stored[positions]
        return stored.float() if self._table is None else self._table[stored.int()]
