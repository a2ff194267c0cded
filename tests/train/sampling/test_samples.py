"""Samples by number: reproducible, of the configured shape, and drawn from all datasets."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.train.sampling.views import ONE_WINDOW
from train.data.dataset import BACKGROUND_BIT
from train.sampling.augment import AugmentSettings
from train.sampling.samples import Samples, SampleSettings, SampleSource, collate_uncut, samplers_of
from train.sampling.slice_sampler import SamplingShares


def samples_of(discs, on_device=False, **settings):
    source = SampleSource(discs.load("train"), 1.0, synthetic_lesions=0.5)
    augment = AugmentSettings(working_px=(80, 120), crop_px=64)
    return Samples([source], SampleSettings(ONE_WINDOW, augment, **settings), 3, on_device)


def test_a_sample_is_determined_by_its_number(discs):
    samples, again = samples_of(discs), samples_of(discs)
    for number in (0, 7):
        for a, b in zip(samples[number], again[number], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(samples[0][0], samples[1][0])
    image, bits = samples[5]
    assert image.shape == (3, 64, 64) and image.dtype == torch.float32
    assert bits.shape == (64, 64) and bits.dtype == torch.uint8
    assert 0 <= image.min() and image.max() <= 1


def test_a_sample_cut_on_the_device_does_not_depend_on_its_batch(discs):
    samples = samples_of(discs, on_device=True)
    device = torch.device("cpu")
    images, bits = samples.cut(collate_uncut([samples[n] for n in range(6)]), device)
    for number in (1, 4):
        alone, alone_bits = samples.cut(collate_uncut([samples[number]]), device)
        assert torch.allclose(alone[0], images[number], atol=1e-5)
        assert torch.equal(alone_bits[0], bits[number])


@pytest.mark.parametrize("context_slices, channels", [(1, 3), (3, 3), (5, 5)])
def test_context_slices_fill_the_channels(discs, context_slices, channels):
    """Some samples repeat a single slice; with context, others show neighbouring slices."""
    repeated = []
    for on_device in (False, True):
        samples = samples_of(discs, on_device, context_slices=context_slices, channels=channels)
        for number in range(12):
            sample = samples[number]
            if on_device:
                sample = [part[0] for part in samples.cut(collate_uncut([sample]), torch.device("cpu"))]
            image = sample[0]
            assert image.shape == (channels, 64, 64)
            repeated.append(all(torch.equal(image[0], plane) for plane in image))
    assert any(repeated) and all(repeated) == (context_slices == 1)


def keep_slices(slices, kept):
    """The slices where the bool array `kept` is true."""
    chosen = np.flatnonzero(kept)
    return dataclasses.replace(
        slices,
        rows=tuple(slices.rows[i] for i in chosen),
        greys=[slices.greys[i] for i in chosen],
        labels=[slices.labels[i] for i in chosen],
    )


def test_the_liver_free_share_holds_if_one_dataset_has_no_such_slice(discs):
    train = discs.load("train")
    liver_only = keep_slices(train, train.shows_organ)
    sources = [SampleSource(train, 0.6), SampleSource(liver_only, 0.4)]
    rng = np.random.default_rng(0)
    samplers = samplers_of(sources, SamplingShares(liver_free=0.2))
    draws = rng.choice(2, 6000, p=[0.6, 0.4])
    liver_free = [not sources[i].slices.shows_organ[samplers[i].draw(rng)] for i in draws]
    assert np.mean(liver_free) == pytest.approx(0.2, abs=0.02)
    assert samplers_of([SampleSource(liver_only, 1.0)])[0].shares.liver_free == 0


def test_a_liver_free_share_that_cannot_be_reached_is_said(discs, caplog):
    train = discs.load("train")
    sources = [SampleSource(train, 0.2), SampleSource(keep_slices(train, train.shows_organ), 0.8)]
    assert samplers_of(sources, SamplingShares(liver_free=0.2))[0].shares.liver_free == 0.5
    assert "10.0 % of the samples will show no liver, not 20.0 %" in caplog.text


def test_samples_have_the_liver_free_share_of_their_settings(discs):
    """Without crops the whole slice is in the sample, so its labels say whether it shows liver."""
    source = SampleSource(discs.load("train"), 1.0)
    augment = AugmentSettings(working_px=(32, 32), crop_px=32, elastic=0, organ_centred=0)
    settings = SampleSettings(ONE_WINDOW, augment, shares=SamplingShares(liver_free=0.35))
    samples = Samples([source], settings, 3)
    liver_free = [bool((samples[number][1] == BACKGROUND_BIT).all()) for number in range(1500)]
    assert np.mean(liver_free) == pytest.approx(0.35, abs=0.04)
