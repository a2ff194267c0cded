"""Views of slices computed a batch at a time with torch, on whatever device the batch is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.dataset import BACKGROUND_BIT
from train.sampling.augment import MAX_SIGMA_PX, PIVOT, ViewParameters
from train.sampling.channels import Span

RADIUS_PX = round(MAX_SIGMA_PX * 4) + 1
"""Of the Gaussian filters: four standard deviations of the widest."""


def render(
    unit: Tensor, bits: Tensor, views: ViewParameters, crop_px: int, span: Span
) -> tuple[Tensor, Tensor]:
    """Views of slices (N, C, H, W) float in the span's units, and of their label bits (N, H, W) uint8.

    `views` holds tensors with a leading batch axis, on the CPU. Slices smaller than the batch's (H, W)
    are padded at the right and bottom with 0 and `BACKGROUND_BIT`. Returns
    (N, windows * C, crop, crop) float32 in [0, 1] and (N, crop, crop) uint8.
    """
    grid = sampling_grid(views, crop_px, unit.shape[2:]).to(unit.device)
    image = F.grid_sample(unit.float(), grid, "bilinear", "zeros", align_corners=True)
    labels = F.grid_sample(bits[:, None].float(), grid, "nearest", "zeros", align_corners=True)[:, 0]
    labels = labels.to(torch.uint8)
    labels = torch.where(labels == 0, BACKGROUND_BIT, labels)  # no label is 0: that is outside
    image = vary_intensity(image, views, span)
    parts = [(a * image + b).clamp_(0, 1) for a, b in span.scale_and_shift()]
    return torch.cat(parts, dim=1), labels


def sampling_grid(views: ViewParameters, crop_px: int, shape: torch.Size) -> Tensor:
    """(N, crop, crop, 2) float32 in grid_sample's units, -1 to 1 from the first pixel to the last."""
    ticks = torch.arange(crop_px) - (crop_px - 1) / 2
    x = (ticks / views.zoom[:, :1])[:, None, :]  # (N, 1, crop)
    y = (views.mirror[:, None] * ticks / views.zoom[:, 1:])[:, :, None]  # (N, crop, 1)
    cos, sin = torch.cos(views.angle_rad)[:, None, None], torch.sin(views.angle_rad)[:, None, None]
    grid = torch.stack([x * cos - y * sin, x * sin + y * cos], dim=-1).float()
    grid += views.centre_px[:, None, None].float()
    if views.bend_px.any():
        bend = views.bend_px.permute(0, 3, 1, 2)
        bend = F.interpolate(bend, size=(crop_px, crop_px), mode="bicubic", align_corners=False)
        grid += bend.permute(0, 2, 3, 1)
    last = torch.tensor([max(shape[1] - 1, 1), max(shape[0] - 1, 1)])
    return 2 * grid / last - 1


def vary_intensity(unit: Tensor, views: ViewParameters, span: Span) -> Tensor:
    """Another contrast phase, dose and kernel: (N, C, H, W) float32 in [0, top]."""
    pivot = PIVOT + span.offset

    def each(values: Tensor) -> Tensor:  # a number a sample
        return values.to(unit.device, torch.float32)[:, None, None, None]

    unit = torch.maximum(unit, each(views.floor + span.offset))
    unit = ((unit - pivot) * each(views.gain) + (pivot + each(views.shift))).clamp(0, span.top)
    for samples in _where(views.gamma != 1):
        unit[samples] = (unit[samples] / span.top) ** each(views.gamma)[samples] * span.top
    for samples in _where(views.blur_px > 0):
        unit[samples] = blur(unit[samples], views.blur_px[samples])
    for samples in _where(views.sharpen > 0):
        sharp = unit[samples]
        soft = blur(sharp, torch.full((len(samples),), 1.2))
        unit[samples] = sharp + each(views.sharpen)[samples] * (sharp - soft)
    for samples in _where(views.noise > 0):
        unit[samples] += each(views.noise)[samples] * ct_noise(unit[samples], views, samples)
    return unit.clamp_(0, span.top)


def ct_noise(like: Tensor, views: ViewParameters, samples: Tensor) -> Tensor:
    """(n, C, H, W) noise of unit variance, each sample's from its own seed; its grain varies."""
    noise = torch.empty_like(like)
    generator = torch.Generator(like.device)
    for place, sample in enumerate(samples.tolist()):
        generator.manual_seed(int(views.noise_seed[sample]))
        channels = 1 if views.lone[sample] else like.shape[1]
        noise[place] = torch.randn(
            (channels, *like.shape[2:]), generator=generator, device=like.device
        )  # a lone slice's noise is the same in every channel
    grain = views.grain_px[samples]
    for soft in _where(grain > 0):
        blurred = blur(noise[soft], grain[soft])
        noise[soft] = blurred / (blurred.std(dim=(1, 2, 3), keepdim=True, correction=0) + 1e-6)
    return noise


def blur(unit: Tensor, sigma_px: Tensor) -> Tensor:
    """Gaussian blur of (n, C, H, W), a standard deviation a sample; mirrored at the borders."""
    n, channels, height, width = unit.shape
    ticks = torch.arange(-RADIUS_PX, RADIUS_PX + 1)
    kernel = torch.exp(-(ticks**2) / (2 * sigma_px[:, None] ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(unit.device, torch.float32)
    kernel = kernel.repeat_interleave(channels, dim=0)[:, None, None]  # (n * C, 1, 1, taps)
    planes = unit.reshape(1, n * channels, height, width)
    planes = F.pad(planes, [RADIUS_PX] * 4, mode="reflect")
    planes = F.conv2d(planes, kernel, groups=n * channels)
    return F.conv2d(planes, kernel.transpose(2, 3), groups=n * channels).reshape(unit.shape)


def _where(mask: Tensor) -> list[Tensor]:
    """The samples that a change concerns, as a list of one index tensor or none: a batch may lack any."""
    samples = mask.nonzero()[:, 0]
    return [samples] if len(samples) else []
