"""Whether the archive gives what the trained network gives: folded, rounded to float16, traced, reloaded.

Compared on phantoms, at sizes other than the one that was traced, the longest side first.
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

log = logging.getLogger("train.export.export")

SIZES = ((512, 512), (300, 411), (640, 288))
"""(height, width) of the pictures compared, pixels: LiTS's own, an odd one, an elongated one."""

LABELS_EQUAL = 0.9999
"""The share of pixels that must carry the same label at every size for a checkpoint to be published."""

LARGEST_ROUNDING = 0.02
"""Rounding the weights to float16 moves no probability by more."""


@dataclass(frozen=True)
class Parity:
    """How closely an archive repeats its network."""

    sizes: tuple[tuple[int, ...], ...]  # of the inputs, pixels
    labels_equal: float  # share of pixels, at the worst size
    largest_difference: float  # of any probability, at any size

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
    """Compare `trained`, (N, C, H, W) HU to probabilities, with the archive's module on phantoms.

    `trained` is contract 1's graph around the network as it was trained, in float32. Raises
    `TrainError` when a probability differs by more than rounding explains. Labels may still differ in
    more than 1 of 10,000 pixels where a network has hardly learnt anything and most pixels are near a tie.
    """
    reloaded = _reload(archive)
    shares, differences = [], []
    for number, size in enumerate(sizes):
        hu = torch.from_numpy(_phantom(number, size, context_slices))
        with torch.inference_mode():
            expected, found = trained(hu).numpy(), reloaded(hu).numpy()
        labels = [labels_from_probabilities(p[:, 1] + p[:, 2], p[:, 2], threshold) for p in (expected, found)]
        shares.append(float((labels[0] == labels[1]).mean()))
        differences.append(float(np.abs(expected - found).max()))
    parity = Parity(tuple(map(tuple, sizes)), min(shares), max(differences))
    if parity.largest_difference > LARGEST_ROUNDING:
        raise TrainError(
            f"The exported archive's probabilities differ from the trained network's by up to "
            f"{parity.largest_difference:.3g}, which rounding does not explain; it was not written."
        )
    if not parity.holds:
        log.warning(
            "The archive labels %.3f %% of the pixels as the network does: it is undecided on many; such a "
            "checkpoint is not published.",
            100 * parity.labels_equal,
        )
    return parity


def _reload(archive: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(archive), map_location="cpu")


def _phantom(seed: int, size: tuple[int, int], slices: int) -> np.ndarray:
    """(2, slices, H, W) float32 HU: two phantoms, resized; neighbours are shifted by a pixel each."""
    made = [cv2.resize(phantom.make(kind="slice", seed=200 + 2 * seed + i).hu[0], size[::-1]) for i in (0, 1)]
    stacks = [[np.roll(hu, offset, axis=1) for offset in range(slices)] for hu in made]
    return np.array(stacks, np.float32)
