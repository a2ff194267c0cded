"""Which slices of a volume need the network at all, without a change to the labels (pure).

The liver fills a fraction of most scans, and what is not connected with it is removed
(`core.largest_component`). So a sample of the slices is run first, then those around the largest body, until
the labels are certain to be the ones that all slices would give:

- the largest body ends in slices that were run, so it is whole, and
- no other body can be as large. A body needs every slice between its lowest and its highest, so it
  lies within one stretch of slices that all show something beside the largest body, or were not run.
  Its voxels are at most those that the stretch shows and all pixels of the slices not run.

While either is not so, more slices are run; in the end that may be all of them, as where there is no
liver. This needs a network that sees a slice and its neighbours, not the volume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from liverseg.core.components import Components
from liverseg.core.largest_component import bodies_of

GAP_MM = 6.5
"""The most that is left out between two slices that are run first.

A liver of 1.2 L has as many voxels as 7.5 mm of a scan that is 40 cm wide, so that it is certain to be the
largest body as soon as no gap is wider and nothing is seen beside it.
"""

_USUAL_STEP, _LARGEST_STEP = 4, 12  # slices: where the spacing is unknown, and at most


def sample_step(slices: int, spacing_mm: tuple[float, float, float] | None) -> int:
    """Every how many slices to run one first; 1 where the volume is too low for that to save anything.

    >>> sample_step(500, (1.0, 0.7, 0.7)), sample_step(40, (5.0, 0.7, 0.7)), sample_step(6, None)
    (7, 2, 1)
    """
    step = _USUAL_STEP if spacing_mm is None else 1 + int(GAP_MM / spacing_mm[0])
    step = min(step, _LARGEST_STEP)
    return step if step > 1 and slices >= 4 * step else 1


def run_what_is_needed(
    labels: np.ndarray, todo: np.ndarray, step: int, run: Callable[[list[int]], None]
) -> Components:
    """Call `run` for the slices that are needed, each once; returns the bodies of the labels.

    `run` writes some slices of `labels` (S, H, W), which are background before. `todo` (S,) is True where
    a slice was not run; it is kept up to date in place.
    """

    def run_all(wanted: Iterable[int]) -> None:
        some = [z for z in wanted if todo[z]]
        if some:
            run(some)
            todo[some] = False

    run_all(range(step // 2, len(labels), step))
    run_all(_around_the_largest(labels, todo))
    while True:
        bodies = bodies_of(labels)
        wanted = unsettled(bodies, todo, labels[0].size)
        if not wanted:
            return bodies
        run_all(wanted)


def _around_the_largest(labels: np.ndarray, todo: np.ndarray) -> list[int]:
    """Slices near the sample that shows most, as far as samples show what overlaps it from one to the next.

    A first guess that saves looking for bodies again and again.
    """
    samples = np.flatnonzero(~todo)
    areas = [int(np.count_nonzero(labels[z])) for z in samples]
    peak = int(np.argmax(areas))
    ends = []
    for direction in (-1, 1):
        k, region = peak, labels[samples[peak]] > 0
        while region.any() and 0 <= k + direction < len(samples):
            k += direction
            region = (labels[samples[k]] > 0) & _spread(region)
        ends.append(k)
    low, high = (int(samples[k]) for k in ends)
    return list(range(low, high + 1)) if areas[peak] else []


def _spread(region: np.ndarray) -> np.ndarray:
    """The rows and columns that a region (H, W) reaches: the next sample lies millimetres away."""
    rows, columns = np.asarray(region.any(axis=1)), np.asarray(region.any(axis=0))
    return rows[:, None] & columns


def gaps(todo: np.ndarray) -> list[range]:
    """The runs of slices that were not run.

    >>> gaps(np.array([True, False, True, True]))
    [range(0, 1), range(2, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], todo.astype(np.int8), [0]])))
    return [range(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def unsettled(bodies: Components, todo: np.ndarray, pixels: int) -> list[int]:
    """Slices to run next for the largest body to be certain; none when it is.

    `bodies` are those of the slices that were run, `todo` (S,) tells which were not, `pixels` is the
    size of a slice.
    """
    empty = gaps(todo)
    if not empty:
        return []
    largest = int(bodies.sizes.argmax()) if len(bodies) else -1
    size = int(bodies.sizes[largest]) if len(bodies) else 0
    counts = [bodies.voxels(z, largest) for z in range(len(todo))]

    def shows(z: int) -> bool:
        return 0 <= z < len(counts) and counts[z][0] > 0

    touched = [gap for gap in empty if shows(gap.start - 1) or shows(gap.stop)]
    if touched:
        return [z for gap in touched for z in gap]
    wanted: list[int] = []
    for stretch in gaps(np.array([todo[z] or counts[z][1] > 0 for z in range(len(todo))])):
        inside = [gap for gap in empty if gap.start in stretch]
        most = sum(pixels if todo[z] else counts[z][1] for z in stretch)
        if inside and most >= size:
            wanted += [gap[len(gap) // 2] for gap in inside]
    return wanted
