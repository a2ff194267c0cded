"""Selection of the slice that a training sample is cut from.

Scans, not slices, are drawn first: otherwise a scan with 125 liver slices would dominate one with 20. A
fixed share of the draws shows no liver, because a network that never sees such slices finds livers and
tumours in them. Of the other draws a fixed share shows tumour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from train.data.dataset import SlicesInMemory

MOST_LIVER_FREE = 0.5
"""Largest share of one dataset's draws without liver, however few datasets have such slices."""

ScanWeights = Callable[[np.ndarray], np.ndarray]
"""Function from the number of slices with tumour of each scan, (n,), to the weights of the scans, (n,)."""


def even_weights(tumour_slices: np.ndarray) -> np.ndarray:
    """The same weight for every scan.

    >>> even_weights(np.array([16, 4, 0])).tolist()
    [1.0, 1.0, 1.0]
    """
    return np.ones(len(tumour_slices))


def root_weights(tumour_slices: np.ndarray) -> np.ndarray:
    """The square root of each scan's number of slices with tumour.

    Scans without tumour have the mean weight of those with tumour, so together they are drawn as often as
    with even weights. Without any tumour all weights are 1.

    >>> root_weights(np.array([16, 4, 0])).tolist()
    [4.0, 2.0, 3.0]
    """
    roots = np.sqrt(np.asarray(tumour_slices, float))
    with_tumour = roots[roots > 0]
    return np.where(roots > 0, roots, with_tumour.mean() if with_tumour.size else 1.0)


SCAN_WEIGHTS: dict[str, ScanWeights] = {"even": even_weights, "root": root_weights}
"""The weights of the scans in draws with liver, by name. Draws without liver weigh all scans evenly."""


@dataclass(frozen=True)
class SamplingShares:
    """Shares of the draws that show certain slices, each in [0, 1], and the weights of the scans."""

    liver_free: float = 0.2  # share of all draws that show no liver
    tumour: float = 0.45  # share of the draws with liver that show tumour
    scan_weights: str = "even"  # a key of `SCAN_WEIGHTS`


DEFAULT_SHARES = SamplingShares()


class _Pool:
    """Some slices of every scan; draws a scan by its weight, then one of its slices evenly."""

    def __init__(self, scans: list[np.ndarray], weights: np.ndarray | None = None) -> None:
        """`scans` holds each scan's positions, which may be none; without `weights` all weigh the same."""
        self._scans = [positions for positions in scans if positions.size]
        self._cumulative: np.ndarray | None = None
        if weights is not None and self._scans:
            kept = np.array([w for w, positions in zip(weights, scans, strict=True) if positions.size])
            self._cumulative = np.cumsum(kept / kept.sum())

    def __bool__(self) -> bool:
        return bool(self._scans)

    def draw(self, rng: np.random.Generator) -> int:
        if self._cumulative is None:
            scan = int(rng.integers(len(self._scans)))
        else:
            scan = min(int(np.searchsorted(self._cumulative, rng.random())), len(self._scans) - 1)
        return int(rng.choice(self._scans[scan]))


class SliceSampler:
    """Draws positions of `SlicesInMemory`, determined by the random generator.

    A share applies only if there are such slices: without liver-free slices every draw shows liver.
    """

    def __init__(self, slices: SlicesInMemory, shares: SamplingShares = DEFAULT_SHARES) -> None:
        self.shares = shares
        scans = list(slices.by_scan.values())
        organ, tumour = slices.shows_organ, slices.shows_tumour
        weights = None
        if shares.scan_weights != "even":
            counts = np.array([int(tumour[positions].sum()) for positions in scans])
            weights = SCAN_WEIGHTS[shares.scan_weights](counts)
        self._liver_free = _Pool([positions[~organ[positions]] for positions in scans])
        self._organ = _Pool([positions[organ[positions]] for positions in scans], weights)
        self._tumour = _Pool([positions[tumour[positions]] for positions in scans], weights)

    def draw(self, rng: np.random.Generator) -> int:
        """Draw one position."""
        pool = self._organ or self._liver_free
        if self._liver_free and rng.random() < self.shares.liver_free:
            pool = self._liver_free
        elif self._tumour and rng.random() < self.shares.tumour:
            pool = self._tumour
        return pool.draw(rng)


def has_liver_free(slices: SlicesInMemory) -> bool:
    """Whether some slice shows neither liver nor tumour (no pixel is certainly one of them)."""
    return not slices.shows_organ.all()
