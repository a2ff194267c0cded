"""Which slice a training sample is cut from.

Scans count evenly, not slices: a scan of 125 liver slices would otherwise drown one of 20. Scans
with tumour are drawn more often, and in them the slices that show it; healthy livers and slices
without liver keep a fixed share, because a network that never sees them invents tumours there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.dataset import SlicesInMemory


@dataclass(frozen=True)
class SamplingShares:
    """Shares of the draws, each in [0, 1]."""

    tumour_slices: float = 0.45  # draws of a slice that shows tumour
    organ_slices: float = 0.8  # of the other draws, slices that show liver


class SliceSampler:
    """Draws positions of `SlicesInMemory`; deterministic given the generator."""

    def __init__(self, slices: SlicesInMemory, shares: SamplingShares = SamplingShares()) -> None:
        self.shares = shares
        scans = list(slices.by_scan.values())
        self._scans = scans
        self._tumour = [p[slices.shows_tumour[p]] for p in scans if slices.shows_tumour[p].any()]
        self._organ = [p[slices.shows_organ[p]] for p in scans if slices.shows_organ[p].any()]

    def draw(self, rng: np.random.Generator) -> int:
        """One position."""
        pools = self._scans
        if self._tumour and rng.random() < self.shares.tumour_slices:
            pools = self._tumour
        elif self._organ and rng.random() < self.shares.organ_slices:
            pools = self._organ
        return int(rng.choice(pools[rng.integers(len(pools))]))
