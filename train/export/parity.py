"""The parity check: an exported archive must repeat the output of the trained network.

Export folds batch norms, rounds weights to float16, and traces and saves the network. The check reloads the
archive and compares both on phantoms, at other sizes than the one that was traced.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from liverseg import phantom
from liverseg.core.segmentation import labels_from_probabilities
from train.errors import TrainError

_log = logging.getLogger(__name__)

SIZES = ((512, 512), (300, 411), (640, 288))
"""(height, width) of the compared slices, pixels: that of LiTS, an odd size and an elongated one."""

LABELS_EQUAL = 0.9999
"""To be published, a checkpoint must give at least this share of pixels the same label at every size."""

LARGEST_ROUNDING = 0.02
"""The largest change of a probability that rounding the weights to float16 can explain."""


@dataclass(frozen=True)
class Parity:
    """The agreement between an archive and its network."""

    sizes: tuple[tuple[int, ...], ...]  # (height, width) of the inputs, pixels
    labels_equal: float  # smallest share of pixels with equal labels, over the sizes
    largest_difference: float  # of any probability at any size

    @property
    def holds(self) -> bool:
        """Whether the labels agree on enough pixels."""
        return self.labels_equal >= LABELS_EQUAL

    def entry(self) -> dict:
        """The manifest's `parity`."""
        return {
            "sizes": [list(size) for size in self.sizes],
            "labels_equal": round(self.labels_equal, 6),
            "largest_difference": round(self.largest_difference, 6),
        }


def check_parity(
    trained: nn.Module,
    archive: bytes,
    context_slices: int,
    threshold: float,
    sizes: Sequence[tuple[int, int]] = SIZES,
) -> Parity:
    """Compare the trained network with the archive on phantoms.

    `trained` is the checkpoint graph around the network as it was trained, in float32. Raises `TrainError`
    when a probability differs by more than rounding explains. Labels may still differ in more than 1 of
    10,000 pixels for a barely trained network, whose probabilities are close to a tie in most pixels.
    """
    reloaded = _reload(archive)
    shares, differences = [], []
    for number, size in enumerate(sizes):
        hu = torch.from_numpy(_phantom(number, size, context_slices))
        with torch.inference_mode():
            expected, actual = trained(hu).numpy(), reloaded(hu).numpy()
        labels = [
            labels_from_probabilities(p[:, 1] + p[:, 2], p[:, 2], threshold) for p in (expected, actual)
        ]
        shares.append(float((labels[0] == labels[1]).mean()))
        differences.append(float(np.abs(expected - actual).max()))
    parity = Parity(tuple(map(tuple, sizes)), min(shares), max(differences))
    if parity.largest_difference > LARGEST_ROUNDING:
        raise TrainError(
            f"The exported archive's probabilities differ from the trained network's by up to "
            f"{parity.largest_difference:.3g}, which rounding does not explain; it was not written."
        )
    if not parity.holds:
        _log.warning(
            "The archive gives only %.3f %% of the pixels the same label as the trained network, because "
            "many of its probabilities are close to a tie. Such a checkpoint cannot be published.",
            100 * parity.labels_equal,
        )
    return parity


def _reload(archive: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(archive), map_location="cpu")


def _phantom(seed: int, size: tuple[int, int], slices: int) -> np.ndarray:
    """Two resized phantoms, (2, slices, H, W) float32 HU; each further slice is shifted by one pixel."""
    phantoms = [
        cv2.resize(phantom.make(kind="slice", seed=200 + 2 * seed + i).hu[0], size[::-1]) for i in (0, 1)
    ]
    stacks = [[np.roll(hu, offset, axis=1) for offset in range(slices)] for hu in phantoms]
    return np.array(stacks, np.float32)
