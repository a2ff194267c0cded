"""Views computed with torch: agreement with OpenCV, batches of several sizes, and the noise of both."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.train.sampling.views import ONE_WINDOW, SETTINGS, SPANS, collate, draw_views
from train.data.dataset import BACKGROUND_BIT
from train.sampling import augment_cpu, augment_device


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_cpu_and_device_give_the_same_views(phantom_slice, span):
    """Without noise: the two implementations draw it from different generators."""
    hu, bits = phantom_slice
    unit = span.from_hu(hu)
    settings = replace(SETTINGS, elastic=1, blur=0.5, sharpen=0.5, gamma=1, noise=0)
    views = draw_views(bits, settings, range(6))
    by_cpu = [augment_cpu.render(unit, bits, view, 64, span) for view in views]
    planes = torch.from_numpy(unit.transpose(2, 0, 1)).expand(6, -1, -1, -1)
    labels = torch.from_numpy(bits).expand(6, -1, -1)
    device_images, device_labels = augment_device.render(planes, labels, collate(views), 64, span)
    assert device_images.shape == (6, 3 * len(span.windows), 64, 64)
    for (image, label), device_image, device_label in zip(by_cpu, device_images, device_labels, strict=True):
        # OpenCV rounds positions to a 32nd of a pixel, so edges of bones and skin differ slightly.
        assert np.abs(image - device_image.numpy()).mean() < 0.004
        assert (label == device_label.numpy()).mean() > 0.995


def test_a_slice_padded_in_a_batch_gives_the_same_view_as_alone(phantom_slice):
    hu, bits = phantom_slice
    sizes = ((128, 128), (100, 90))
    views = [draw_views(bits[:h, :w], replace(SETTINGS, noise=0), [3])[0] for h, w in sizes]
    units = [torch.from_numpy(ONE_WINDOW.from_hu(hu[:h, :w]).transpose(2, 0, 1)) for h, w in sizes]
    labels = [torch.from_numpy(bits[:h, :w].copy()) for h, w in sizes]
    margins = [0, 128 - 90, 0, 128 - 100]
    padded = torch.stack([units[0], torch.nn.functional.pad(units[1], margins)])
    padded_labels = torch.stack(
        [labels[0], torch.nn.functional.pad(labels[1], margins, value=BACKGROUND_BIT)]
    )
    images, cut = augment_device.render(padded, padded_labels, collate(views), 64, ONE_WINDOW)
    for i in range(2):
        batch = collate([views[i]])
        alone, label = augment_device.render(units[i][None], labels[i][None], batch, 64, ONE_WINDOW)
        assert torch.allclose(alone[0], images[i], atol=1e-4)
        assert (label[0] == cut[i]).float().mean() > 0.999


def noise_of(implementation, view, channels=3):
    """(channels, 96, 96) noise of a view."""
    if implementation == "cpu":
        return augment_cpu.ct_noise((96, 96, channels), view).transpose(2, 0, 1)
    like = torch.zeros(1, channels, 96, 96)
    return augment_device.ct_noise(like, collate([view]), torch.tensor([0]))[0].numpy()


@pytest.mark.parametrize("implementation", ["cpu", "device"])
def test_noise_has_unit_variance_for_every_grain_and_is_determined_by_its_seed(phantom_slice, implementation):
    view = draw_views(phantom_slice[1], SETTINGS, [0])[0]._replace(single_slice=False)
    for grain_px in (0.0, 0.6, 1.6):
        noise = noise_of(implementation, view._replace(grain_px=grain_px))
        correlation = np.mean(noise[:, :, 1:] * noise[:, :, :-1])  # of neighbouring pixels
        expected = np.exp(-1 / (4 * grain_px**2)) if grain_px else 0
        assert noise.std() == pytest.approx(1, abs=0.03)
        assert correlation == pytest.approx(expected, abs=0.08)
    noise = noise_of(implementation, view)
    other_seed = noise_of(implementation, view._replace(noise_seed=view.noise_seed + 1))
    assert np.array_equal(noise, noise_of(implementation, view)) and not np.array_equal(noise, other_seed)
    assert np.abs(noise[0] - noise[1]).max() > 0.5, "neighbouring slices must have different noise"
    single = np.broadcast_to(noise_of(implementation, view._replace(single_slice=True)), noise.shape)
    assert np.array_equal(single[0], single[1]), "a single slice must have the same noise in all channels"
