"""Views of slices, computed one batch at a time with torch, on the device of the batch.

`render`, `vary_intensity` and `ct_noise` have counterparts of the same meaning in `augment_cpu`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.dataset import BACKGROUND_BIT
from train.sampling.augment import MAX_SIGMA_PX, PIVOT, ViewParameters
from train.sampling.channels import Span

RADIUS_PX = round(MAX_SIGMA_PX * 4) + 1
"""Radius of all Gaussian filters: four standard deviations of the widest one."""


def render(
    unit: Tensor, bits: Tensor, views: ViewParameters, crop_px: int, span: Span
) -> tuple[Tensor, Tensor]:
    """Images and label bits of views of slices `unit` (N, C, H, W) with label bits (N, H, W) uint8.

    `unit` is a float tensor in the units of `span`. `views` holds tensors with a leading batch axis, on
    the CPU. Slices smaller than (H, W) must be padded at the right and bottom with 0 and
    `BACKGROUND_BIT`. The images are (N, windows * C, crop, crop) float32 in [0, 1], the labels
    (N, crop, crop) uint8.
    """
    grid = sampling_grid(views, crop_px, unit.shape[2:], unit.device)
    image = F.grid_sample(unit.float(), grid, "bilinear", "zeros", align_corners=True)
    labels = F.grid_sample(bits[:, None].float(), grid, "nearest", "zeros", align_corners=True)[:, 0]
    labels = labels.to(torch.uint8)
    labels = torch.where(labels == 0, BACKGROUND_BIT, labels)  # no label is 0: 0 marks pixels outside
    image = vary_intensity(image, views, span)
    parts = [(a * image + b).clamp_(0, 1) for a, b in span.scale_and_shift()]
    return torch.cat(parts, dim=1), labels


def sampling_grid(views: ViewParameters, crop_px: int, shape: torch.Size, device: torch.device) -> Tensor:
    """(N, crop, crop, 2) float32 in units of `grid_sample`: -1 is the first pixel, 1 the last.

    `shape` is (H, W) of the slices. The grid is computed on `device`.
    """
    zoom, mirror, angle_rad, centre_px = (
        values.to(device) for values in (views.zoom, views.mirror, views.angle_rad, views.centre_px)
    )
    ticks = torch.arange(crop_px, device=device) - (crop_px - 1) / 2
    x = (ticks / zoom[:, :1])[:, None, :]  # (N, 1, crop)
    y = (mirror[:, None] * ticks / zoom[:, 1:])[:, :, None]  # (N, crop, 1)
    cos, sin = torch.cos(angle_rad)[:, None, None], torch.sin(angle_rad)[:, None, None]
    grid = torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1).float()
    grid += centre_px[:, None, None].float()
    if views.bend_px.any():
        bend = views.bend_px.to(device).permute(0, 3, 1, 2)
        bend = F.interpolate(bend, size=(crop_px, crop_px), mode="bicubic", align_corners=False)
        grid += bend.permute(0, 2, 3, 1)
    last = torch.tensor([max(shape[1] - 1, 1), max(shape[0] - 1, 1)], device=device)
    return 2 * grid / last - 1


def vary_intensity(unit: Tensor, views: ViewParameters, span: Span) -> Tensor:
    """Vary contrast, sharpness and noise of slices, as contrast phase, kernel and dose do.

    Input and result are (N, C, H, W) float32 in [0, `span.top`].
    """
    pivot = PIVOT + span.offset

    def per_sample(values: Tensor) -> Tensor:  # (N,) to (N, 1, 1, 1) on the device
        return values.to(unit.device, torch.float32)[:, None, None, None]

    unit = torch.maximum(unit, per_sample(views.floor + span.offset))
    unit = ((unit - pivot) * per_sample(views.gain) + (pivot + per_sample(views.shift))).clamp(0, span.top)
    for samples in _affected(views.gamma != 1):
        unit[samples] = (unit[samples] / span.top) ** per_sample(views.gamma)[samples] * span.top
    for samples in _affected(views.blur_px > 0):
        unit[samples] = blur(unit[samples], views.blur_px[samples])
    for samples in _affected(views.sharpen > 0):
        original = unit[samples]
        blurred = blur(original, torch.full((len(samples),), 1.2))
        unit[samples] = original + per_sample(views.sharpen)[samples] * (original - blurred)
    for samples in _affected(views.noise > 0):
        unit[samples] += per_sample(views.noise)[samples] * ct_noise(unit[samples], views, samples)
    return unit.clamp_(0, span.top)


def ct_noise(like: Tensor, views: ViewParameters, samples: Tensor) -> Tensor:
    """Noise of unit variance in the shape of `like` (n, C, H, W), white or blurred as by a soft kernel.

    `samples` (n,) are indices into `views`; each sample uses its own seed.
    """
    noise = torch.empty_like(like)
    generator = torch.Generator(like.device)
    for position, sample in enumerate(samples.tolist()):
        generator.manual_seed(int(views.noise_seed[sample]))
        channels = 1 if views.single_slice[sample] else like.shape[1]
        # One channel of noise is broadcast to all channels of a single slice.
        noise[position] = torch.randn((channels, *like.shape[2:]), generator=generator, device=like.device)
    grain = views.grain_px[samples]
    for soft in _affected(grain > 0):
        blurred = blur(noise[soft], grain[soft])
        noise[soft] = blurred / (blurred.std(dim=(1, 2, 3), keepdim=True, correction=0) + 1e-6)
    return noise


def blur(unit: Tensor, sigma_px: Tensor) -> Tensor:
    """Gaussian blur of (n, C, H, W), mirrored at the borders; `sigma_px` (n,) is one value per sample."""
    n, channels, height, width = unit.shape
    ticks = torch.arange(-RADIUS_PX, RADIUS_PX + 1)
    kernel = torch.exp(-(ticks**2) / (2 * sigma_px[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(unit.device, torch.float32)
    kernel = kernel.repeat_interleave(channels, dim=0)[:, None, None]  # (n * C, 1, 1, taps)
    planes = unit.reshape(1, n * channels, height, width)
    planes = F.pad(planes, [RADIUS_PX] * 4, mode="reflect")
    planes = F.conv2d(planes, kernel, groups=n * channels)
    return F.conv2d(planes, kernel.transpose(2, 3), groups=n * channels).reshape(unit.shape)


def _affected(mask: Tensor) -> list[Tensor]:
    """The indices where `mask` is true, as a list of one tensor, or of none if there are no such indices."""
    samples = mask.nonzero()[:, 0]
    return [samples] if len(samples) else []
