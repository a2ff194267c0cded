"""Selection of the slices of a volume that need the network, without changing the labels.

The liver fills only part of most scans, and bodies not connected with it are removed
(`core.largest_component`). So a sample of the slices is run first, then the slices around the largest body,
until the labels are certain to equal those from running all slices:

- the largest body ends in slices that were run, so it is complete, and
- no other body can be as large. A body occupies every slice from its lowest to its highest, so it lies within
  one range of consecutive slices that each show something beside the largest body or were not run. Its size
  is at most the number of those voxels plus all pixels of the slices not run.

While either condition fails, more slices are run; without any liver this can mean all slices. The method
requires a network that sees a slice and its neighbours, not the whole volume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from liverseg.core.components import Components
from liverseg.core.largest_component import find_bodies

GAP_MM = 6.5
"""Largest gap between two slices of the first sample.

A liver of 1.2 L has as many voxels as 7.5 mm of a scan that is 40 cm wide. So it is certain to be the largest
body if no gap is wider and nothing else was found.
"""

_DEFAULT_STEP, _LARGEST_STEP = 4, 12  # slices; the default is for unknown spacing


def sample_step(slices: int, spacing_mm: tuple[float, float, float] | None) -> int:
    """Step between the slices that are run first; 1 if the volume has too few slices to save any.

    >>> sample_step(500, (1.0, 0.7, 0.7)), sample_step(40, (5.0, 0.7, 0.7)), sample_step(6, None)
    (7, 2, 1)
    """
    step = _DEFAULT_STEP if spacing_mm is None else 1 + int(GAP_MM / spacing_mm[0])
    step = min(step, _LARGEST_STEP)
    return step if step > 1 and slices >= 4 * step else 1


def run_needed_slices(
    labels: np.ndarray, todo: np.ndarray, step: int, run: Callable[[list[int]], None]
) -> Components:
    """Call `run` with the indices of the slices that are needed, each once; returns the bodies of the labels.

    `run` writes the given slices of `labels` (S, H, W), which are background before. `todo` (S,) is True
    for slices that were not run; it is updated in place.
    """

    def run_remaining(indices: Iterable[int]) -> None:
        remaining = [z for z in indices if todo[z]]
        if remaining:
            run(remaining)
            todo[remaining] = False

    run_remaining(range(step // 2, len(labels), step))
    run_remaining(_range_of_largest(labels, todo))
    while True:
        bodies = find_bodies(labels)
        undecided = undecided_slices(bodies, todo, labels[0].size)
        if not undecided:
            return bodies
        run_remaining(undecided)


def _range_of_largest(labels: np.ndarray, todo: np.ndarray) -> list[int]:
    """Estimated slices of the largest body, from the samples alone.

    Starts at the sample with the largest area and follows overlapping regions from sample to sample. The
    estimate saves several searches for bodies.
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
    """All rows times all columns that a region (H, W) reaches, to allow for shifts between samples."""
    rows, columns = np.asarray(region.any(axis=1)), np.asarray(region.any(axis=0))
    return rows[:, None] & columns


def true_ranges(todo: np.ndarray) -> list[range]:
    """The ranges of consecutive True elements of `todo` (S,).

    >>> true_ranges(np.array([True, False, True, True]))
    [range(0, 1), range(2, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], todo.astype(np.int8), [0]])))
    return [range(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def undecided_slices(bodies: Components, todo: np.ndarray, pixels: int) -> list[int]:
    """Slices to run next; empty if the largest body is certain.

    `bodies` are those of the slices that were run, `todo` (S,) is True for slices that were not run, and
    `pixels` is the number of pixels of a slice.
    """
    skipped = true_ranges(todo)
    if not skipped:
        return []
    largest = int(bodies.sizes.argmax()) if len(bodies) else -1
    size = int(bodies.sizes[largest]) if len(bodies) else 0
    counts = [bodies.voxels(z, largest) for z in range(len(todo))]

    def has_largest(z: int) -> bool:
        return 0 <= z < len(counts) and counts[z][0] > 0

    adjacent = [gap for gap in skipped if has_largest(gap.start - 1) or has_largest(gap.stop)]
    if adjacent:
        return [z for gap in adjacent for z in gap]
    undecided: list[int] = []
    for candidate in true_ranges(np.array([todo[z] or counts[z][1] > 0 for z in range(len(todo))])):
        inside = [gap for gap in skipped if gap.start in candidate]
        largest_possible = sum(pixels if todo[z] else counts[z][1] for z in candidate)
        if inside and largest_possible >= size:
            undecided += [gap[len(gap) // 2] for gap in inside]
    return undecided
