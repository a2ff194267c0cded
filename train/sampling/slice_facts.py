"""What the drawing of a sample needs to know of a slice without its pixels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from liverseg.core.cpu import usable_processors
from train.data.dataset import BACKGROUND_BIT, SlicesInMemory
from train.sampling.augment import OrganPixels
from train.sampling.synthetic_lesions import healthy_liver

POINTS = 512
"""At most so many pixels of each kind are kept of a slice, a random part of them."""


@dataclass(frozen=True)
class SliceFacts:
    """One slice: pixels that a view may be centred on, and those that a painted lesion may start at."""

    organ: OrganPixels  # certainly liver or tumour
    liver_hu: float  # median of the liver without tumours; 0 where it is too small for a lesion
    centres: np.ndarray  # flat positions inside the liver; empty where it is too small for a lesion
    edge_centres: np.ndarray  # flat positions near the edge of the liver

    @property
    def shows_organ(self) -> bool:
        """Whether some pixel is certainly liver or tumour."""
        return self.organ.pixels().size > 0


@dataclass(frozen=True)
class _Points:
    """A function without arguments that returns `positions`, which loader processes can receive."""

    positions: np.ndarray

    def __call__(self) -> np.ndarray:
        return self.positions


def facts_of(slices: SlicesInMemory) -> list[SliceFacts]:
    """The facts of every slice, computed once by as many threads as there are processors."""
    with ThreadPoolExecutor(usable_processors()) as pool:
        return list(pool.map(lambda position: _facts(slices, position), range(len(slices.rows))))


def _facts(slices: SlicesInMemory, position: int) -> SliceFacts:
    bits = slices.labels[position]
    rng = np.random.default_rng(position)
    none = np.zeros(0, np.int32)
    organ = _some(np.flatnonzero((bits & BACKGROUND_BIT) == 0), rng)
    pixels = OrganPixels(bits.shape, _Points(organ))
    liver = healthy_liver(slices.intensity.to_hu(slices.greys[position])[..., None], bits)
    if liver is None:
        return SliceFacts(pixels, 0.0, none, none)
    return SliceFacts(pixels, liver.hu, _some(liver.centres, rng), _some(liver.near_edge, rng))


def _some(positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most `POINTS` of the positions, drawn without repetition, as int32."""
    if positions.size > POINTS:
        positions = rng.choice(positions, POINTS, replace=False)
    return positions.astype(np.int32)
