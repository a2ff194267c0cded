"""Coarse to fine in volumes: locate the liver at low resolution, then segment it within its box (pure).

A sample of the slices is run at a low resolution. The largest connected body of the sample gives the slices
and the square box that hold the liver. Inside the box the network runs at its full resolution on fewer
pixels. If the liver found there reaches the border of the box or the end of the slices, the box or the range
grows and the run continues, until it does not or nothing is left to add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from liverseg.core.components import find_components
from liverseg.core.labels import BACKGROUND
from liverseg.core.largest_component import find_bodies
from liverseg.core.slice_skipping import sample_step
from liverseg.inference.rules import SearchRule

SIDE_STEP_PX = 64
"""Sides of boxes are multiples of this, so that few shapes of the network are compiled."""

SMALLEST_SIDE_PX = 192

CoarseRun = Callable[[Sequence[int]], Iterable[np.ndarray]]
"""Slice indices to their organ probabilities (H, W), by a run at low resolution."""

FineRun = Callable[[Sequence[int], "LiverBox"], None]
"""Runs slices within a box and stores their labels and probabilities."""


@dataclass(frozen=True)
class LiverBox:
    """A square box of a slice, or the whole slice where the liver is too large for a square one."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def touched(self, mask: np.ndarray) -> bool:
        """Whether a mask (H, W) reaches a border of the box that is not a border of the slice."""
        height, width = mask.shape
        r, c = self.rows, self.columns
        return bool(
            (r.start > 0 and mask[r.start].any())
            or (r.stop < height and mask[r.stop - 1].any())
            or (c.start > 0 and mask[:, c.start].any())
            or (c.stop < width and mask[:, c.stop - 1].any())
        )


@dataclass(frozen=True)
class Location:
    """Where the search found the liver."""

    first: int  # slice
    last: int  # slice, included
    box: LiverBox
    step: int  # slices between the samples


def square_box(mask_box: tuple[slice, slice], margin_px: int, shape: tuple[int, int]) -> LiverBox:
    """The square box around rows and columns with a margin, within a slice of the given shape.

    Its side is a multiple of `SIDE_STEP_PX`; where that exceeds the shorter side of the slice, the box is the
    whole slice.

    >>> box = square_box((slice(100, 300), slice(40, 260)), 20, (512, 512))
    >>> box.rows, box.columns
    (slice(40, 360, None), slice(0, 320, None))
    """
    rows, columns = mask_box
    needed = max(rows.stop - rows.start, columns.stop - columns.start) + 2 * margin_px
    side = max(SMALLEST_SIDE_PX, -(-needed // SIDE_STEP_PX) * SIDE_STEP_PX)
    if side >= min(shape):
        return LiverBox(slice(0, shape[0]), slice(0, shape[1]))
    starts = []
    for extent, length in zip((rows, columns), shape, strict=True):
        start = (extent.start + extent.stop - side) // 2
        starts.append(min(max(start, 0), length - side))
    return LiverBox(*(slice(start, start + side) for start in starts))


def locate_liver(
    run: CoarseRun,
    rule: SearchRule,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float] | None,
) -> Location | None:
    """Locate the liver in a volume of the given shape; None if no sample shows any.

    Where the first sample of slices shows no liver, all slices are searched.
    """
    slices = shape[0]
    step = sample_step(slices, spacing_mm)
    steps = [step, 1] if step > 1 else [1]
    for stride in steps:
        indices = list(range(stride // 2, slices, stride))
        masks = [organ >= 0.5 for organ in run(indices)]
        bodies = find_components(masks.__getitem__, len(masks))
        if not len(bodies):
            continue
        box = bodies.boxes()[int(bodies.sizes.argmax())]
        first = max(indices[box[0].start] - stride, 0)
        last = min(indices[box[0].stop - 1] + stride, slices - 1)
        margin_px = round(rule.margin * max(shape[1:]))
        return Location(first, last, square_box(box[1:], margin_px, shape[1:]), stride)
    return None


def run_in_box(labels: np.ndarray, todo: np.ndarray, location: Location, run: FineRun) -> LiverBox:
    """Run the located slices in their box, and more while the liver goes on; returns the last box.

    After it, the largest body neither reaches an inner border of the box nor ends beside a slice that was not
    run. If the first run shows no body, nothing more is run.

    `run` writes the given slices of `labels` (S, H, W), which are background before. `todo` (S,) is True for
    slices that were not run; it is updated in place.
    """
    box = location.box
    wanted = list(range(location.first, location.last + 1))
    shape = labels.shape[1:]
    while True:
        run(wanted, box)
        todo[wanted] = False
        bodies = find_bodies(labels)
        if not len(bodies):
            return box  # the caller decides what follows
        largest = int(bodies.sizes.argmax())
        others = np.arange(len(bodies)) == largest
        extent = bodies.boxes()[largest]
        if any(box.touched(bodies.plane(z, others)) for z in range(extent[0].start, extent[0].stop)):
            side = max(box.shape) + SIDE_STEP_PX
            box = square_box((_grown(box.rows, side), _grown(box.columns, side)), 0, shape)
            wanted = np.flatnonzero(~todo).tolist()
            labels[wanted] = BACKGROUND
            continue
        first, stop = extent[0].start, extent[0].stop
        below = range(first - location.step, first) if _is_todo(todo, first - 1) else ()
        above = range(stop, stop + location.step) if _is_todo(todo, stop) else ()
        wanted = [z for z in (*below, *above) if _is_todo(todo, z)]
        if not wanted:
            return box


def _grown(extent: slice, side: int) -> slice:
    centre = (extent.start + extent.stop) // 2
    return slice(centre - side // 2, centre - side // 2 + side)


def _is_todo(todo: np.ndarray, z: int) -> bool:
    return 0 <= z < len(todo) and bool(todo[z])
