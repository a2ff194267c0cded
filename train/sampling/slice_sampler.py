"""Selection of the slice that a training sample is cut from.

Scans, not slices, have equal probability: otherwise a scan with 125 liver slices would dominate one with
20. A fixed share of the draws shows no liver, because a network that never sees such slices finds livers
and tumours in them. Of the other draws a fixed share shows tumour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.data.dataset import SlicesInMemory


@dataclass(frozen=True)
class SamplingShares:
    """Shares of the draws that show certain slices, each in [0, 1]."""

    liver_free: float = 0.2  # share of all draws that show no liver
    tumour: float = 0.45  # share of the draws with liver that show tumour


DEFAULT_SHARES = SamplingShares()


class SliceSampler:
    """Draws positions of `SlicesInMemory`, determined by the random generator.

    A share applies only if there are such slices: without liver-free slices every draw shows liver.
    """

    def __init__(self, slices: SlicesInMemory, shares: SamplingShares = DEFAULT_SHARES) -> None:
        self.shares = shares
        scans = list(slices.by_scan.values())
        organ, tumour = slices.shows_organ, slices.shows_tumour
        self._liver_free = [p[~organ[p]] for p in scans if not organ[p].all()]
        self._organ = [p[organ[p]] for p in scans if organ[p].any()]
        self._tumour = [p[tumour[p]] for p in scans if tumour[p].any()]

    def draw(self, rng: np.random.Generator) -> int:
        """Draw one position."""
        pools = self._organ or self._liver_free
        if self._liver_free and rng.random() < self.shares.liver_free:
            pools = self._liver_free
        elif self._tumour and rng.random() < self.shares.tumour:
            pools = self._tumour
        return int(rng.choice(pools[rng.integers(len(pools))]))


def has_liver_free(slices: SlicesInMemory) -> bool:
    """Whether some slice shows neither liver nor tumour (no pixel is certainly one of them)."""
    return not slices.shows_organ.all()
