"""The graph of the checkpoint format: working size, channels, resizing, calibration of tumour."""

import pytest
import torch
import torch.nn.functional as F

from liverseg.core.window import Window
from train.models.graph import (
    NORMALISED_SPAN,
    calibrated_tumour,
    network_channels,
    normalise,
    resize,
    to_channels,
    window_tensors,
    working_shape,
)


@pytest.mark.parametrize(
    "shape, side, expected",
    [((512, 512), 256, (256, 256)), ((300, 411), 384, (288, 384)), ((64, 2048), 384, (32, 384)),
     ((2048, 64), 384, (384, 32)), ((64, 64), 320, (320, 320))],
)  # fmt: skip
def test_the_working_shape_keeps_the_aspect_of_the_picture(shape, side, expected):
    assert tuple(working_shape(*shape, side)) == expected


@pytest.mark.parametrize("windows", [[Window(60, 200)], [Window(60, 200), Window(40, 400)]], ids=len)
@pytest.mark.parametrize("slices", [1, 3])
def test_channels_are_all_slices_window_by_window(windows, slices):
    hu = 300 * torch.randn(2, slices, 4, 5)
    channels = to_channels(hu, *window_tensors(windows))
    expected = torch.cat([((hu - w.low_hu) / w.width_hu).clamp(0, 1) for w in windows], dim=1)
    if expected.shape[1] == 1:
        expected = expected.repeat(1, 3, 1, 1)
    assert channels.shape[1] == network_channels(windows, slices)
    assert torch.allclose(channels, expected, atol=1e-6)


def test_resize_is_bilinear_without_aligned_corners():
    picture = torch.randn(1, 2, 7, 9)
    expected = F.interpolate(picture, size=(14, 5), mode="bilinear", align_corners=False)
    assert torch.allclose(resize(picture, [14, 5]), expected)


def test_normalised_greys_are_centred_and_span_the_stated_range():
    low, high = normalise(torch.tensor([0.0, 1.0])).tolist()
    assert low == -high and high - low == NORMALISED_SPAN


@pytest.mark.parametrize("slope, shift", [(1.0, 0.0), (0.7, -1.0), (1.5, 2.0)])
def test_calibration_maps_the_logit_of_tumour_and_keeps_the_sum(slope, shift):
    probabilities = torch.softmax(2 * torch.randn(1, 3, 40, 40, dtype=torch.float64), dim=1)
    background, liver, tumour = probabilities.unbind(1)
    calibrated = calibrated_tumour(probabilities, slope, shift)
    expected = torch.sigmoid(slope * torch.logit(tumour) + shift)
    assert torch.allclose(calibrated[:, 2], expected)
    assert torch.allclose(calibrated.sum(1), torch.ones_like(expected))
    fits = expected <= liver + tumour
    assert torch.allclose(calibrated[:, 0][fits], background[fits])
    assert (calibrated[:, 1][~fits] == 0).all()
