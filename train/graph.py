"""The whole of contract 1 as one module: HU in, probabilities out, so any runtime gives one answer."""

from typing import List  # noqa: UP035 (TorchScript knows no list[int])

import torch
from torch import Tensor, nn

from liverseg.windowing import Window


def working_shape(height: int, width: int, side: int) -> List[int]:  # noqa: UP006 (TorchScript)
    """The size that a picture is resized to: the longer side becomes `side`, the shape is kept to 32 px."""
    longer = (height + width + abs(height - width)) // 2
    rows = (2 * side * height + 32 * longer) // (64 * longer) * 32
    columns = (2 * side * width + 32 * longer) // (64 * longer) * 32
    # At least one multiple of 32, without a branch: runtimes convert arithmetic more surely than `max`.
    return [(rows + 32 + abs(rows - 32)) // 2, (columns + 32 + abs(columns - 32)) // 2]


class HuToProbabilities(nn.Module):
    """Window, resize, network, resize back, softmax.

    `forward(hu: (N, C, H, W) float32 in HU) -> (N, K, H, W) float32`, the K classes summing to 1;
    C is `context_slices` (1 or 3), the middle one is segmented. Written so that it can be scripted
    around a traced network, which keeps batch, height and width free.
    """

    def __init__(self, network: nn.Module, window: Window, working_size: int, context_slices: int) -> None:
        super().__init__()
        self.network = network
        self.low_hu, self.width_hu = window.low_hu, float(window.width_hu)
        self.working_size = working_size
        self.context_slices = context_slices

    def forward(self, hu: Tensor) -> Tensor:
        unit = ((hu - self.low_hu) / self.width_hu).clamp(0.0, 1.0)
        size = working_shape(hu.shape[2], hu.shape[3], self.working_size)
        unit = resize(unit, size)
        if self.context_slices == 1:
            unit = torch.cat([unit, unit, unit], dim=1)
        logits = self.network(normalise(unit)).float()
        logits = resize(logits, [hu.shape[2], hu.shape[3]])
        return logits.softmax(dim=1)


def resize(picture: Tensor, size: List[int]) -> Tensor:  # noqa: UP006 (TorchScript)
    """Bilinear resize; the plain operator, because a scripted `F.interpolate` carries branches for
    every rank and mode, which other runtimes cannot convert."""
    return torch._C._nn.upsample_bilinear2d(picture, size, False, None)


def normalise(unit: Tensor) -> Tensor:
    """Grey in [0, 1] to the zero-centred range the network is trained on."""
    return (unit - 0.5) * 4.0
