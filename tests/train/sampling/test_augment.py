"""Views of slices: the two ways to compute them agree, and both do what the numbers say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from liverseg import phantom
from train.data.dataset import BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT
from train.sampling import augment_cpu, augment_device
from train.sampling.attenuation import shift_attenuation
from train.sampling.augment import AugmentSettings, draw_view
from train.sampling.channels import span_of
from train.sampling.samples import Samples, Source, collate_uncut

SETTINGS = AugmentSettings(working_px=(90, 140), crop_px=64)
ONE = span_of([(60.0, 200.0)])
THREE = span_of([(60.0, 200.0), (40.0, 400.0), (90.0, 150.0)])


@pytest.fixture(scope="module")
def slice_():
    """A phantom's slice (128, 128, 3) in HU with label bits."""
    made = phantom.make("slice", seed=4, size=128)
    bits = np.array([BACKGROUND_BIT, LIVER_BIT, TUMOUR_BIT], np.uint8)[made.labels[0]]
    return np.repeat(made.hu[0][..., None], 3, axis=-1).astype(np.float32), bits


def views(bits, settings, seeds, lone=False):
    return [draw_view(bits, settings, np.random.default_rng(seed), lone) for seed in seeds]


def collated(drawn):
    return torch.utils.data.default_collate(drawn)


@pytest.mark.parametrize("span", [ONE, THREE], ids=["one window", "three windows"])
def test_cpu_and_device_give_the_same_views(slice_, span):
    """Geometry and intensity are those of the same numbers; noise has generators of its own."""
    hu, bits = slice_
    unit = span.from_hu(hu)
    drawn = views(bits, replace(SETTINGS, elastic=1, blur=0.5, sharpen=0.5, gamma=1, noise=0), range(6))
    one_by_one = [augment_cpu.render(unit, bits, view, 64, span) for view in drawn]
    planes = torch.from_numpy(unit.transpose(2, 0, 1)).expand(6, -1, -1, -1)
    labels = torch.from_numpy(bits).expand(6, -1, -1)
    images, cut = augment_device.render(planes, labels, collated(drawn), 64, span)
    assert images.shape == (6, 3 * len(span.windows), 64, 64)
    for (image, label), other, other_label in zip(one_by_one, images, cut, strict=True):
        # OpenCV rounds places to a 32nd of a pixel, so edges of bones and skin differ a little.
        assert np.abs(image - other.numpy()).mean() < 0.004
        assert (label == other_label.numpy()).mean() > 0.995


def test_slices_of_several_sizes_in_a_batch_are_cut_as_if_alone(slice_):
    hu, bits = slice_
    sizes = ((128, 128), (100, 90))
    drawn = [views(bits[:h, :w], replace(SETTINGS, noise=0), [3])[0] for h, w in sizes]
    units = [torch.from_numpy(ONE.from_hu(hu[:h, :w]).transpose(2, 0, 1)) for h, w in sizes]
    labels = [torch.from_numpy(bits[:h, :w].copy()) for h, w in sizes]
    pad = [0, 128 - 90, 0, 128 - 100]
    padded = torch.stack([units[0], torch.nn.functional.pad(units[1], pad)])
    labels_padded = torch.stack([labels[0], torch.nn.functional.pad(labels[1], pad, value=BACKGROUND_BIT)])
    together, cut = augment_device.render(padded, labels_padded, collated(drawn), 64, ONE)
    for i in range(2):
        alone, label = augment_device.render(units[i][None], labels[i][None], collated([drawn[i]]), 64, ONE)
        assert torch.allclose(alone[0], together[i], atol=1e-4)
        assert (label[0] == cut[i]).float().mean() > 0.999


def noise_of(way, view, channels=3):
    if way == "cpu":
        return augment_cpu.ct_noise((96, 96, channels), view).transpose(2, 0, 1)
    like = torch.zeros(1, channels, 96, 96)
    return augment_device.ct_noise(like, collated([view]), torch.tensor([0]))[0].numpy()


@pytest.mark.parametrize("way", ["cpu", "device"])
def test_noise_has_unit_variance_whatever_its_grain_and_depends_on_its_seed(slice_, way):
    view = views(slice_[1], SETTINGS, [0])[0]._replace(lone=False)
    for grain in (0.0, 0.6, 1.6):
        noise = noise_of(way, view._replace(grain_px=grain))
        along = np.mean(noise[:, :, 1:] * noise[:, :, :-1])  # neighbours are alike where the grain is coarse
        assert noise.std() == pytest.approx(1, abs=0.03)
        assert along == pytest.approx(np.exp(-1 / (4 * grain**2)) if grain else 0, abs=0.08)
    again, other = noise_of(way, view), noise_of(way, view._replace(noise_seed=view.noise_seed + 1))
    assert np.array_equal(again, noise_of(way, view)) and not np.array_equal(again, other)
    assert np.abs(again[0] - again[1]).max() > 0.5, "neighbouring slices have noise of their own"
    lone = np.broadcast_to(noise_of(way, view._replace(lone=True)), again.shape)
    assert np.array_equal(lone[0], lone[1]), "a lone slice has one noise in every channel"


def test_geometry_moves_image_and_labels_together():
    bits = np.full((96, 96), BACKGROUND_BIT, np.uint8)
    cv2.circle(bits, (40, 48), 26, LIVER_BIT, -1)
    unit = np.where(bits == LIVER_BIT, 0.63, 0.1).astype(np.float32)[..., None]
    settings = AugmentSettings(working_px=(90, 110), crop_px=96)
    for view in views(bits, settings, range(20)):
        grid = augment_cpu.sampling_map(view, 96)
        bright = augment_cpu.warp(unit, grid)[..., 0] > 0.365
        liver = augment_cpu.warp_labels(bits, grid) == LIVER_BIT
        assert (bright ^ liver).sum() <= 0.04 * liver.sum() + 30


def test_outside_of_the_slice_is_air_and_background(slice_):
    hu, bits = slice_
    view = views(bits, replace(SETTINGS, noise=0), [0])[0]._replace(
        centre_px=np.array([-500.0, -500.0]), floor=float("-inf"), gain=1.0, shift=-0.01, blur_px=0.0
    )
    image, labels = augment_cpu.render(THREE.from_hu(hu), bits, view, 64, THREE)
    assert (image == 0).all() and (labels == BACKGROUND_BIT).all()


@pytest.mark.parametrize("span", [ONE, THREE], ids=["one window", "three windows"])
def test_windows_show_what_the_contract_shows(slice_, span):
    """Without a change of intensity the channels are the windows' greys, window by window."""
    hu, _ = slice_
    expected = np.concatenate(
        [np.clip((hu - w.low_hu) / w.width_hu, 0, 1).transpose(2, 0, 1) for w in span.windows]
    )
    assert np.allclose(augment_cpu.through_windows(span.from_hu(hu), span), expected, atol=1e-5)


def test_shares_and_ranges_are_those_of_the_settings(slice_):
    bits = slice_[1]
    s = AugmentSettings(working_px=(200, 400), crop_px=64)
    drawn = views(bits, s, range(1500))
    share = {
        "elastic": np.mean([view.bend_px.any() for view in drawn]),
        "narrowed": np.mean([view.floor > 0 for view in drawn]),
        "gamma": np.mean([view.gamma != 1 for view in drawn]),
        "blur": np.mean([view.blur_px > 0 for view in drawn]),
        "sharpen": np.mean([view.sharpen > 0 for view in drawn]),
        "noise": np.mean([view.noise > 0 for view in drawn]),
    }
    for name, value in share.items():
        assert value == pytest.approx(getattr(s, name), abs=0.05), name
    grain = np.mean([view.grain_px > 0 for view in drawn if view.noise])
    assert grain == pytest.approx(s.soft_grain, abs=0.06)
    degrees = np.rad2deg([view.angle_rad for view in drawn])
    assert abs(degrees).max() <= 18 and degrees.std() == pytest.approx(36 / 12**0.5, rel=0.06)
    zoom = np.log([np.prod(view.zoom) ** 0.5 * 128 for view in drawn])
    assert np.log(200) - 0.13 < zoom.min() and zoom.max() < np.log(400) + 0.13
    centred = np.mean([bits[tuple(np.clip(view.centre_px[::-1].astype(int), 0, 127))] > 1 for view in drawn])
    assert centred > 1.3 * np.mean(bits > 1)
    assert all(view.mirror == 1 for view in drawn)
    flipped = [view.mirror for view in views(bits, replace(s, flip="vertical"), range(200))]
    assert np.mean(flipped) == pytest.approx(0, abs=0.2) and set(flipped) == {-1.0, 1.0}


def samples_of(discs, **how):
    source = Source(discs.load("train"), 1.0, synthetic_lesions=0.5)
    return Samples([source], ONE, AugmentSettings(working_px=(80, 120), crop_px=64), seed=3, **how)


def test_samples_are_the_same_by_number_and_differ_from_each_other(discs):
    samples, again = samples_of(discs), samples_of(discs)
    for number in (0, 7):
        for a, b in zip(samples[number], again[number], strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(samples[0][0], samples[1][0])
    image, bits = samples[5]
    assert image.shape == (3, 64, 64) and image.dtype == torch.float32
    assert bits.shape == (64, 64) and bits.dtype == torch.uint8
    assert 0 <= image.min() and image.max() <= 1


def test_a_sample_cut_on_the_device_is_the_same_in_any_batch(discs):
    samples = samples_of(discs, on_device=True)
    device = torch.device("cpu")
    together, bits = samples.cut(collate_uncut([samples[n] for n in range(6)]), device)
    for number in (1, 4):
        alone, alone_bits = samples.cut(collate_uncut([samples[number]]), device)
        assert torch.allclose(alone[0], together[number], atol=1e-5)
        assert torch.equal(alone_bits[0], bits[number])


@pytest.mark.parametrize("context_slices, channels", [(1, 3), (3, 3), (5, 5)])
def test_context_fills_as_many_channels_as_asked(discs, context_slices, channels):
    lone, several = 0, 0
    for on_device in (False, True):
        samples = samples_of(discs, context_slices=context_slices, channels=channels, on_device=on_device)
        for number in range(12):
            image = samples[number]
            image = samples.cut(collate_uncut([image]), torch.device("cpu"))[0][0] if on_device else image[0]
            assert image.shape == (channels, 64, 64)
            alike = all(torch.equal(image[0], plane) for plane in image)
            lone, several = lone + alike, several + (not alike)
    assert lone and (several or context_slices == 1)
    assert not (several and context_slices == 1)


def test_a_lower_resolution_shows_the_same_place_in_fewer_pixels():
    half = SETTINGS.scaled(0.5)
    assert (half.crop_px, half.working_px) == (32, (45, 70))
    assert SETTINGS.scaled(1) is SETTINGS


def test_the_liver_alone_changes_its_attenuation_and_keeps_its_tumours():
    bits = np.full((64, 64), BACKGROUND_BIT, np.uint8)
    bits[16:48, 16:48] = LIVER_BIT
    bits[28:36, 28:36] = TUMOUR_BIT
    hu = np.where(bits == TUMOUR_BIT, 60, np.where(bits == LIVER_BIT, 100, 20)).astype(np.float32)[..., None]
    shifts = []
    for seed in range(40):
        shifted = shift_attenuation(hu, bits, np.random.default_rng(seed))
        shifts.append(float(shifted[20, 20, 0] - 100))
        assert shifted[32, 32, 0] == pytest.approx(
            60 + shifts[-1], abs=1e-3
        )  # as dark against the liver as before
        assert abs(shifted[4, 4, 0] - 20) < 1e-3
    assert min(shifts) < -50 and max(shifts) > 15 and -75 <= min(shifts) and max(shifts) <= 30
    nothing = np.full_like(bits, BACKGROUND_BIT)
    assert shift_attenuation(hu, nothing, np.random.default_rng(0)) is hu
