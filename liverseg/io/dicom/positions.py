"""Heights of slices along their normal: evenly spaced, twice at a place, with a gap, or in blocks (pure)."""

from __future__ import annotations

import numpy as np

from liverseg.errors import UnreadableInput

SAME_PLACE_MM = 0.05
"""Slices nearer to each other than this lie at one place: no CT reconstructs them so densely."""

OFF_THE_GRID = 0.1
"""Largest distance of a slice from where an even spacing would have it, as a share of that spacing:
room for headers that round positions to 0.1 mm, too little for a slice that is missing."""

_ROUNDING_MM = 0.01
_STEP_TOLERANCE = 0.05  # between steps of one block, as a share of the step


def is_even(heights_mm: np.ndarray) -> bool:
    """Whether rising heights (n,) are evenly spaced; one or two always are, unless at one place.

    >>> is_even(np.array([0, 5, 10.001, 15])), is_even(np.array([0, 5, 15])), is_even(np.array([2, 2]))
    (True, False, False)
    """
    if has_repeats(heights_mm):
        return False
    if len(heights_mm) < 3:
        return True
    count = np.arange(len(heights_mm))
    distance, start = np.polyfit(count, heights_mm, 1)
    off = np.abs(heights_mm - (start + distance * count))
    return bool(off.max() <= OFF_THE_GRID * distance + _ROUNDING_MM)


def has_repeats(heights_mm: np.ndarray) -> bool:
    """Whether two of rising heights (n,) are one place."""
    return bool((np.diff(heights_mm) < SAME_PLACE_MM).any())


def copies_at_a_place(heights_mm: np.ndarray) -> int:
    """The largest number of rising heights (n,) at one place.

    >>> copies_at_a_place(np.array([0.0, 0.0, 5.0])), copies_at_a_place(np.array([1.0, 2.0]))
    (2, 1)
    """
    starts = np.flatnonzero(np.diff(heights_mm, prepend=-np.inf) >= SAME_PLACE_MM)
    return int(np.diff(starts, append=len(heights_mm)).max())


def blocks(heights_mm: np.ndarray) -> list[range]:
    """Rising heights (n,) as evenly spaced blocks of neighbouring slices that differ in their spacing.

    One block where they are not made of such: a gap between slices of one spacing is a missing slice.
    The slice where two blocks meet belongs to the lower one.

    >>> blocks(np.array([0, 5, 10, 15, 17, 19, 21]))
    [range(0, 4), range(4, 7)]
    >>> blocks(np.array([0, 5, 10, 20, 25, 30]))  # a slice is missing
    [range(0, 6)]
    """
    whole = [range(len(heights_mm))]
    steps = np.diff(heights_mm)
    runs: list[tuple[int, int]] = []  # of nearly equal steps: first and one past the last
    for k, step in enumerate(steps):
        if runs and abs(step - steps[runs[-1][0]]) <= _STEP_TOLERANCE * step + _ROUNDING_MM:
            runs[-1] = (runs[-1][0], k + 1)
        else:
            runs.append((k, k + 1))
    long = [run for run in runs if run[1] - run[0] >= 2]
    lone = [run for run in runs if run[1] - run[0] < 2]
    if len(long) < 2 or len(lone) >= len(long):
        return whole
    found = []
    for (first, last), (after, _) in zip(long, [*long[1:], (len(steps), 0)], strict=True):
        if after - last > 1:  # two odd steps in a row are no change of spacing
            return whole
        start = first if not found or first > found[-1].stop - 1 else found[-1].stop
        found.append(range(start, last + 1))
    spacings = [float(np.median(steps[first:last])) for first, last in long]
    if any(np.isclose(a, b, rtol=_STEP_TOLERANCE) for a, b in zip(spacings, spacings[1:], strict=False)):
        return whole
    return found if found[0].start == 0 and found[-1].stop == len(heights_mm) else whole


def refuse_uneven(heights_mm: np.ndarray) -> None:
    """Raise UnreadableInput, saying where and how, unless rising heights (n,) are evenly spaced."""
    if is_even(heights_mm):
        return
    if has_repeats(heights_mm):
        raise UnreadableInput(
            "Two DICOM slices of the series lie at the same place, and nothing in them tells which belong "
            "together."
        )
    steps = np.diff(heights_mm)
    usual = float(np.median(steps))
    wide = np.flatnonzero(steps > 1.5 * usual)
    if len(wide):
        places = "" if len(wide) == 1 else f", the first of {len(wide)} gaps"
        raise UnreadableInput(
            f"Slices are missing from the DICOM series: the next one after slice {wide[0] + 1} of "
            f"{len(heights_mm)} is {steps[wide[0]]:.3g} mm away instead of {usual:.3g} mm{places}."
        )
    raise UnreadableInput(
        f"The DICOM slices are not evenly spaced: their distances run from {steps.min():.3g} to "
        f"{steps.max():.3g} mm."
    )
