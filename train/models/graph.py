"""The whole of contract 1 as one module: HU in, probabilities out, so any runtime gives one answer."""

from collections.abc import Sequence
from typing import List, Tuple  # noqa: UP035 (TorchScript knows no list[int])

import torch
from torch import Tensor, nn

from liverseg.core.window import Window


def working_shape(height: int, width: int, side: int) -> List[int]:  # noqa: UP006 (TorchScript)
    """The size that a picture is resized to: the longer side becomes `side`, the shape is kept to 32 px."""
    longer = (height + width + abs(height - width)) // 2
    rows = (2 * side * height + 32 * longer) // (64 * longer) * 32
    columns = (2 * side * width + 32 * longer) // (64 * longer) * 32
    # At least one multiple of 32, without a branch: runtimes convert arithmetic more surely than `max`.
    return [(rows + 32 + abs(rows - 32)) // 2, (columns + 32 + abs(columns - 32)) // 2]


NORMALISED_SPAN = 4.0
"""What `normalise` makes of the unit range; there the number itself, for TorchScript."""


def network_channels(windows: Sequence[Window], context_slices: int) -> int:
    """How many channels `to_channels` gives: windows times slices, one alone being repeated to three.

    >>> network_channels([Window(60, 200)], 1), network_channels([Window(60, 200)], 3)
    (3, 3)
    >>> network_channels([Window(60, 200), Window(40, 400)], 3)
    6
    """
    channels = len(windows) * context_slices
    return 3 if channels == 1 else channels


def window_tensors(windows: Sequence[Window]) -> Tuple[Tensor, Tensor]:  # noqa: UP006 (TorchScript)
    """Lower ends and widths in HU, (windows,) float32 each, as `windowed` and `to_channels` take them."""
    low = torch.tensor([window.low_hu for window in windows], dtype=torch.float32)
    return low, torch.tensor([float(window.width_hu) for window in windows], dtype=torch.float32)


def windowed(hu: Tensor, low_hu: Tensor, width_hu: Tensor) -> Tensor:
    """(N, C, H, W) HU to (N, windows, C, H, W) in [0, 1]; ends and widths are (windows,) or, to move
    each sample's own, (N, windows)."""
    low_hu = low_hu.reshape(-1, low_hu.shape[-1], 1, 1, 1)
    return ((hu[:, None] - low_hu) / width_hu.reshape(-1, width_hu.shape[-1], 1, 1, 1)).clamp(0.0, 1.0)


def to_channels(hu: Tensor, low_hu: Tensor, width_hu: Tensor) -> Tensor:
    """(N, C, H, W) HU to the network's channels in [0, 1], (N, `network_channels`, H, W).

    The slices of the first window from the lowest to the highest, then those of the second, and so
    on; one slice in one window is repeated three times. The graph and training both go through this.
    """
    unit = windowed(hu, low_hu, width_hu).flatten(1, 2)
    if unit.shape[1] == 1:
        unit = torch.cat([unit, unit, unit], dim=1)
    return unit


class HuToProbabilities(nn.Module):
    """Window, resize, network, resize back, softmax.

    `forward(hu: (N, C, H, W) float32 in HU) -> (N, K, H, W) float32`, the K classes summing to 1;
    C is `context_slices` (1, 3 or 5), the middle one is segmented. The network gets `to_channels` of
    it. Written so that it can be scripted around a traced network, which keeps batch, height and
    width free.
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
    """Window, network, softmax: the same for a volume that has the checkpoint's spacing already.

    `forward(hu: (N, 1, D, H, W) float32 in HU) -> (N, K, D, H, W) float32`; the network gets a channel
    for each window.
    """

    def __init__(self, network: nn.Module, windows: Sequence[Window]) -> None:
        super().__init__()
        self.network = network
        low, width = window_tensors(windows)
        self.register_buffer("low_hu", low, persistent=False)
        self.register_buffer("width_hu", width, persistent=False)

    def forward(self, hu: Tensor) -> Tensor:
        unit = windowed(hu[:, 0], self.low_hu, self.width_hu)  # the slices of a volume are its depth
        return self.network(normalise(unit)).float().softmax(dim=1)


MAX_LOGIT = 16.0
"""Of the tumour probability: beyond it float32 tells little, and calibration has nothing to move."""


def calibrated_tumour(found: Tensor, slope: float, shift: float) -> Tensor:
    """Probabilities (N, 3, ...) with that of tumour, p, as sigmoid(slope · logit(p) + shift), summing to 1.

    What tumour gains or loses is liver's; only where it outgrows liver and tumour together does background
    give way. So with 0 < slope the map is monotone: a threshold moved along with it draws the same tumour.
    """
    background, liver, tumour = found[:, 0:1], found[:, 1:2], found[:, 2:3]
    # The complement as a sum of classes: 1 - p would lose the digits of a p close to 1.
    logit = tumour.clamp(1e-7, 1.0).log() - (background + liver).clamp(1e-7, 1.0).log()
    calibrated = (logit * slope + shift).sigmoid()
    liver = (liver + tumour - calibrated).clamp(0.0, 1.0)
    background = (1.0 - liver - calibrated).clamp(0.0, 1.0)
    return torch.cat([background, liver, calibrated], dim=1)


class CalibratedTumour(nn.Module):
    """Any graph of contract 1 with its tumour probability calibrated (`calibrated_tumour`)."""

    def __init__(self, graph: nn.Module, slope: float, shift: float) -> None:
        super().__init__()
        self.graph = graph
        self.slope = slope
        self.shift = shift

    def forward(self, hu: Tensor) -> Tensor:
        return calibrated_tumour(self.graph(hu), self.slope, self.shift)


class CalibratedHuToProbabilities(nn.Module):
    """The same of `HuToProbabilities`, in one module: OpenVINO reads no numbers of a module within."""

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
        found = resize(logits, [hu.shape[2], hu.shape[3]]).softmax(dim=1)
        return calibrated_tumour(found, self.slope, self.shift)


def resize(picture: Tensor, size: List[int]) -> Tensor:  # noqa: UP006 (TorchScript)
    """Bilinear resize; the plain operator, because a scripted `F.interpolate` carries branches for
    every rank and mode, which other runtimes cannot convert."""
    return torch._C._nn.upsample_bilinear2d(picture, size, False, None)


def normalise(unit: Tensor) -> Tensor:
    """Grey in [0, 1] to the zero-centred range the network is trained on, `NORMALISED_SPAN` wide."""
    return (unit - 0.5) * 4.0
