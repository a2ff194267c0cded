"""The graph of the checkpoint format: HU to probabilities in one module, the same for every runtime.

The functions and modules here are compiled by TorchScript, which limits the Python they may use.
"""

from collections.abc import Sequence
from typing import List, Tuple  # TorchScript does not support list[int]

import torch
from torch import Tensor, nn

from liverseg.core.window import Window


def working_shape(height: int, width: int, side: int) -> List[int]:
    """[rows, columns] that a picture is resized to: the longer side becomes `side`, with the same aspect.

    Both are rounded to multiples of 32 pixels.
    """
    longer = (height + width + abs(height - width)) // 2
    rows = (2 * side * height + 32 * longer) // (64 * longer) * 32
    columns = (2 * side * width + 32 * longer) // (64 * longer) * 32
    # max(rows, 32), max(columns, 32) as arithmetic, which runtimes convert more reliably than `max`.
    return [(rows + 32 + abs(rows - 32)) // 2, (columns + 32 + abs(columns - 32)) // 2]


NORMALISED_SPAN = 4.0
"""Width of the range of `normalise`, which repeats the number itself because of TorchScript."""


def network_channels(windows: Sequence[Window], context_slices: int) -> int:
    """Number of channels of `to_channels`: windows times slices; a single one is repeated three times.

    >>> network_channels([Window(60, 200)], 1), network_channels([Window(60, 200)], 3)
    (3, 3)
    >>> network_channels([Window(60, 200), Window(40, 400)], 3)
    6
    """
    channels = len(windows) * context_slices
    return 3 if channels == 1 else channels


def window_tensors(windows: Sequence[Window]) -> Tuple[Tensor, Tensor]:
    """Lower ends and widths of windows in HU, (windows,) float32 each, for `windowed` and `to_channels`."""
    low = torch.tensor([window.low_hu for window in windows], dtype=torch.float32)
    return low, torch.tensor([float(window.width_hu) for window in windows], dtype=torch.float32)


def windowed(hu: Tensor, low_hu: Tensor, width_hu: Tensor) -> Tensor:
    """(N, C, H, W) HU to (N, windows, C, H, W) in [0, 1].

    Lower ends and widths are (windows,), or (N, windows) for different windows in each sample.
    """
    low_hu = low_hu.reshape(-1, low_hu.shape[-1], 1, 1, 1)
    return ((hu[:, None] - low_hu) / width_hu.reshape(-1, width_hu.shape[-1], 1, 1, 1)).clamp(0.0, 1.0)


def to_channels(hu: Tensor, low_hu: Tensor, width_hu: Tensor) -> Tensor:
    """(N, C, H, W) HU to the network's channels (N, `network_channels`, H, W) in [0, 1].

    The channels are all slices in the first window, from the lowest to the highest slice, then all slices
    in the second window, and so on. A single slice in a single window is repeated three times.
    """
    unit = windowed(hu, low_hu, width_hu).flatten(1, 2)
    if unit.shape[1] == 1:
        unit = torch.cat([unit, unit, unit], dim=1)
    return unit


class HuToProbabilities(nn.Module):
    """The graph for slices: window, resize, network, resize back, softmax.

    `forward(hu: (N, C, H, W) float32 in HU) -> (N, K, H, W) float32`; the K classes sum to 1. C is
    `context_slices` (1, 3 or 5), and the middle slice is segmented. The network's input is
    `to_channels` of the HU. The module can be scripted around a traced network, so that batch, height
    and width stay variable.
    """

    def __init__(
        self, network: nn.Module, windows: Sequence[Window], working_size: int, context_slices: int
    ) -> None:
        super().__init__()
        self.network = network
        low, width = window_tensors(windows)
        self.register_buffer("low_hu", low, persistent=False)
        self.register_buffer("width_hu", width, persistent=False)
        self.working_size = working_size
        self.context_slices = context_slices

    def forward(self, hu: Tensor) -> Tensor:
        size = working_shape(hu.shape[2], hu.shape[3], self.working_size)
        unit = resize(to_channels(hu, self.low_hu, self.width_hu), size)
        logits = self.network(normalise(unit)).float()
        logits = resize(logits, [hu.shape[2], hu.shape[3]])
        return logits.softmax(dim=1)


class HuToProbabilitiesVolume(nn.Module):
    """The graph for volumes with the spacing of the checkpoint: window, network, softmax.

    `forward(hu: (N, 1, D, H, W) float32 in HU) -> (N, K, D, H, W) float32`. The network's input has one
    channel per window.
    """

    def __init__(self, network: nn.Module, windows: Sequence[Window]) -> None:
        super().__init__()
        self.network = network
        low, width = window_tensors(windows)
        self.register_buffer("low_hu", low, persistent=False)
        self.register_buffer("width_hu", width, persistent=False)

    def forward(self, hu: Tensor) -> Tensor:
        unit = windowed(hu[:, 0], self.low_hu, self.width_hu)  # the depth takes the place of the slices
        return self.network(normalise(unit)).float().softmax(dim=1)


MAX_LOGIT = 16.0
"""Limit of the logit of the tumour probability; beyond it, float32 loses precision near 1."""


def calibrated_tumour(probabilities: Tensor, slope: float, shift: float) -> Tensor:
    """Probabilities (N, 3, ...) with a calibrated tumour class; the classes still sum to 1.

    The tumour probability p becomes sigmoid(slope · logit(p) + shift). Liver gives or takes the
    difference; background gives way only where tumour exceeds the former sum of liver and tumour. With
    slope > 0 the map is monotone, so a threshold mapped in the same way gives the same tumour.
    """
    background, liver, tumour = probabilities[:, 0:1], probabilities[:, 1:2], probabilities[:, 2:3]
    # 1 - p as the sum of the other classes: the difference would lose digits for p close to 1.
    logit = tumour.clamp(1e-7, 1.0).log() - (background + liver).clamp(1e-7, 1.0).log()
    calibrated = (logit * slope + shift).sigmoid()
    liver = (liver + tumour - calibrated).clamp(0.0, 1.0)
    background = (1.0 - liver - calibrated).clamp(0.0, 1.0)
    return torch.cat([background, liver, calibrated], dim=1)


class CalibratedTumour(nn.Module):
    """Any graph of the checkpoint format, followed by `calibrated_tumour`."""

    def __init__(self, graph: nn.Module, slope: float, shift: float) -> None:
        super().__init__()
        self.graph = graph
        self.slope = slope
        self.shift = shift

    def forward(self, hu: Tensor) -> Tensor:
        return calibrated_tumour(self.graph(hu), self.slope, self.shift)


class CalibratedHuToProbabilities(nn.Module):
    """`HuToProbabilities` followed by `calibrated_tumour`, in one module.

    OpenVINO cannot read the number attributes of a nested module, so `CalibratedTumour` around the graph
    would not convert.
    """

    def __init__(self, graph: nn.Module, slope: float, shift: float) -> None:
        super().__init__()
        self.network = graph.network
        self.register_buffer("low_hu", graph.low_hu, persistent=False)
        self.register_buffer("width_hu", graph.width_hu, persistent=False)
        self.working_size: int = graph.working_size
        self.context_slices: int = graph.context_slices
        self.slope = slope
        self.shift = shift

    def forward(self, hu: Tensor) -> Tensor:
        size = working_shape(hu.shape[2], hu.shape[3], self.working_size)
        unit = resize(to_channels(hu, self.low_hu, self.width_hu), size)
        logits = self.network(normalise(unit)).float()
        probabilities = resize(logits, [hu.shape[2], hu.shape[3]]).softmax(dim=1)
        return calibrated_tumour(probabilities, self.slope, self.shift)


def resize(picture: Tensor, size: List[int]) -> Tensor:
    """Bilinear resize of (N, C, H, W) to `size`.

    It calls the operator itself, because a scripted `F.interpolate` contains branches for every rank and
    mode, which other runtimes cannot convert.
    """
    return torch._C._nn.upsample_bilinear2d(picture, size, False, None)


def normalise(unit: Tensor) -> Tensor:
    """Grey in [0, 1] to the network's input range: centred on 0 and `NORMALISED_SPAN` wide."""
    return (unit - 0.5) * 4.0
