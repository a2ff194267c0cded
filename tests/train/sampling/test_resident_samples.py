"""Samples computed on the device from slices in its memory."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from train.data.dataset import DatasetFolder
from train.data.pack import pack
from train.sampling import augment_cpu
from train.sampling.attenuation import shift_attenuation
from train.sampling.augment import AugmentSettings
from train.sampling.channels import span_of, to_hu
from train.sampling.hard_slices import HardSampler, HardSlice
from train.sampling.resident_samples import ResidentSamples, ResidentSlices
from train.sampling.samples import SampleSettings, SampleSource

CPU = torch.device("cpu")
PLAIN = AugmentSettings(
    working_px=(48, 72), crop_px=32, attenuation=0, narrowed=0, noise=0, blur=0, sharpen=0, gamma=0
)
WINDOWS = ((60.0, 200.0), (40.0, 400.0))


def sample_settings(augment=PLAIN, windows=WINDOWS[:1], context_slices=3):
    return SampleSettings(span_of(windows), augment, context_slices, 3 * len(windows))


@pytest.fixture
def slices(discs, tmp_path):
    return pack(discs, tmp_path / "cache").slices({"0", "1"})


def cut(samples, numbers):
    return samples.cut(samples.collate([samples[number] for number in numbers]), CPU)


@pytest.mark.parametrize("windows", [WINDOWS[:1], WINDOWS], ids=["one window", "two windows"])
def test_a_sample_is_the_view_of_its_slice(slices, windows):
    """The loader's renderer gives the same picture from the same numbers."""
    samples = ResidentSamples([SampleSource(slices, 1.0)], sample_settings(windows=windows), 3)
    images, labels = cut(samples, range(12))
    for number in range(12):
        drawn = samples[number]
        pictures = [slices.greys[position] for position in drawn.positions]
        unit = samples.settings.span.from_hu(to_hu(pictures, slices))
        bits = slices.labels[drawn.positions[1]]
        image, expected = augment_cpu.render(unit, bits, drawn.view, 32, samples.settings.span)
        assert np.abs(images[number].numpy() - image).mean() < 2e-3
        assert (labels[number].numpy() == expected).mean() > 0.99


def test_a_sample_does_not_depend_on_its_batch(slices):
    augment = AugmentSettings(working_px=(48, 72), crop_px=32)
    sources = [SampleSource(slices, 1.0, synthetic_lesions=0.5)]
    samples = ResidentSamples(sources, sample_settings(augment), 5)
    images, labels = cut(samples, range(10))
    for number in (0, 4, 9):
        alone, label = cut(samples, [number])
        assert torch.allclose(alone[0], images[number], atol=1e-5) and torch.equal(label[0], labels[number])
    again = pickle.loads(pickle.dumps(samples))
    assert torch.equal(cut(again, range(10))[0], images)
    assert (labels == 4).any() and images.min() >= 0 and images.max() <= 1


def test_the_liver_is_shifted_as_by_the_loader(slices):
    augment = replace(PLAIN, attenuation=1.0)
    samples = ResidentSamples([SampleSource(slices, 1.0)], sample_settings(augment), 7)
    number = next(n for n in range(50) if samples[n].shift_hu)
    drawn = samples[number]
    position = drawn.positions[1]

    class Fixed:
        def uniform(self, *_):
            return drawn.shift_hu

    hu = to_hu([slices.greys[p] for p in drawn.positions], slices)
    hu = shift_attenuation(hu, slices.labels[position], Fixed())
    unit = samples.settings.span.from_hu(hu)
    expected, _ = augment_cpu.render(unit, slices.labels[position], drawn.view, 32, samples.settings.span)
    assert np.abs(cut(samples, [number])[0][0].numpy() - expected).mean() < 4e-3


def test_datasets_of_other_sizes_and_their_shares(write_discs, slices, tmp_path):
    small = pack(write_discs(tmp_path / "small", size=80), tmp_path / "cache").slices({"0", "1"})
    samples = ResidentSamples([SampleSource(slices, 0.75), SampleSource(small, 0.25)], sample_settings(), 2)
    drawn = [samples[number] for number in range(400)]
    assert [samples.source_of(number) for number in range(400)] == [one.source for one in drawn]
    assert np.mean([one.source for one in drawn]) == pytest.approx(0.25, abs=0.06)
    number = next(n for n, one in enumerate(drawn) if one.source == 1)
    mixed = cut(samples, [number, next(n for n, one in enumerate(drawn) if one.source == 0)])
    one, view = small, drawn[number].view
    unit = samples.settings.span.from_hu(to_hu([one.greys[p] for p in drawn[number].positions], one))
    bits = one.labels[drawn[number].positions[1]]
    image, labels = augment_cpu.render(unit, bits, view, 32, samples.settings.span)
    assert np.abs(mixed[0][0].numpy() - image).mean() < 2e-3
    assert (mixed[1][0].numpy() == labels).mean() > 0.99


def test_hard_slices_are_drawn_for_their_share_without_lesions(slices):
    hard = HardSampler([HardSlice(0, 5, (40.0, 50.0))], [9], share=0.4)
    samples = ResidentSamples([SampleSource(slices, 1.0, 1.0)], sample_settings(), 2, [hard])
    drawn = [samples[number] for number in range(300)]
    plain = [one for one in drawn if not one.lesions.any() and one.positions[1] == 5]
    assert len(plain) / 300 == pytest.approx(0.4, abs=0.08)
    middles = [one.view.centre_px for one in plain]
    assert np.abs(np.mean(middles, axis=0) - (40, 50)).max() < 6


def test_sixteen_bits_are_kept_as_hu(discs, tmp_path):
    slices = discs.load("train")
    hu = ResidentSlices(slices, CPU).hu(torch.tensor([1, 2]))
    expected = np.stack([slices.intensity.to_hu(slices.greys[p]) for p in (1, 2)])
    assert np.array_equal(hu.numpy(), expected)

    class Linear:
        bits, channels = 16, 1

        def to_hu(self, stored):
            return np.asarray(stored, np.float32) - 1024

    wide = replace(slices, intensity=Linear(), greys=[g.astype(np.uint16) + 900 for g in slices.greys])
    vars(wide)["intensity"].window = DatasetFolder.open(discs.folder).window
    hu = ResidentSlices(wide, CPU).hu(torch.tensor([1]))
    assert np.abs(hu[0].numpy() - (wide.greys[1].astype(np.float32) - 1024)).max() <= 0.5
