"""Positions of slices along their normal: even spacing, repeats, gaps and blocks (pure).

`heights_mm` is an ascending array (n,) of positions along the slice normal in mm.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from liverseg.errors import UnreadableInput

SAME_POSITION_MM = 0.05
"""Slices closer than this share one position: no CT reconstructs slices so densely."""

MAX_GRID_DEVIATION = 0.1
"""Largest distance of a slice from its position on an even grid, as a share of the spacing. It allows for
headers that round positions to 0.1 mm and is too small to hide a missing slice."""

_ROUNDING_MM = 0.01
_WHOLE_MM = 2e-3
_MIN_LONG_STEPS = 0.1  # share of the steps of 2 mm; fewer among steps of 1 mm are missing slices
_TRIED_SPACINGS = 401
_MANY_STEPS = 30  # in which rounding takes so many values that a gap shows
_STEP_TOLERANCE = 0.05  # relative difference between the steps of one block


def slice_normal(orientation: tuple[float, ...]) -> np.ndarray:
    """(3,) LPS unit normal of slices with this ImageOrientationPatient."""
    normal = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def is_even(heights_mm: np.ndarray) -> bool:
    """Whether the heights are evenly spaced; one or two are, unless two share a position.

    >>> is_even(np.array([0, 5, 10.001, 15])), is_even(np.array([0, 5, 15])), is_even(np.array([2, 2]))
    (True, False, False)
    """
    if has_repeats(heights_mm):
        return False
    if len(heights_mm) < 3:
        return True
    index = np.arange(len(heights_mm))
    spacing, start = np.polyfit(index, heights_mm, 1)
    deviation = np.abs(heights_mm - (start + spacing * index))
    if deviation.max() <= MAX_GRID_DEVIATION * spacing + _ROUNDING_MM:
        return True
    return rounded_spacing_mm(heights_mm) is not None


def rounded_spacing_mm(heights_mm: np.ndarray) -> tuple[float, float] | None:
    """The least and the largest spacing of an even grid that gives the heights by rounding to whole mm.

    None if there is no such grid, if the heights are even without rounding, or if a slice may be missing. A
    gap is as long as two steps. Among few slices, no step may therefore be as long as two others in
    succession, which excludes grids of less than about 1.5 mm; among many, a gap does not fit any even grid.

    >>> [round(mm, 1) for mm in rounded_spacing_mm(np.array([0.0, 2, 5, 8, 10, 12, 15, 18]))]
    [2.5, 2.5]
    >>> rounded_spacing_mm(np.array([0.0, 1, 2, 4, 5])) is None  # 1.25 mm, or 1 mm and a slice missing
    True
    """
    steps = np.diff(heights_mm)
    is_whole = np.abs(steps - steps.round()).max() <= _WHOLE_MM
    if len(steps) < 3 or not is_whole or not 0.5 < np.ptp(steps) < 1.5:
        return None
    if len(steps) < _MANY_STEPS and (steps[:-1] + steps[1:]).min() < steps.max() + 0.5:
        return None
    index, length = np.arange(len(heights_mm)), heights_mm[-1] - heights_mm[0]
    spacings = np.linspace(length - 1, length + 1, _TRIED_SPACINGS) / len(steps)
    spread = np.ptp(heights_mm - spacings[:, None] * index, axis=1)  # at most 1 mm where each is off by half
    possible = spacings[spread <= 1 + _ROUNDING_MM]
    return (float(possible[0]), float(possible[-1])) if possible.size else None


def unrounded(heights_mm: np.ndarray, declared_mm: Iterable[float | None]) -> tuple[float, float] | None:
    """The spacing of heights that are rounded to whole mm, and the shift of the first one; else None.

    The spacing is the first declared one that rounding explains, else the middle of what is possible.
    """
    possible = rounded_spacing_mm(heights_mm) if len(heights_mm) > 1 else None
    if possible is None:
        return None
    tolerance = _ROUNDING_MM / len(heights_mm)
    fitting = [mm for mm in declared_mm if mm and possible[0] - tolerance <= mm <= possible[1] + tolerance]
    spacing = fitting[0] if fitting else sum(possible) / 2
    residuals = heights_mm - heights_mm[0] - spacing * np.arange(len(heights_mm))
    return spacing, float(residuals.min() + residuals.max()) / 2


def has_repeats(heights_mm: np.ndarray) -> bool:
    """Whether two heights share a position."""
    return bool((np.diff(heights_mm) < SAME_POSITION_MM).any())


def max_slices_per_position(heights_mm: np.ndarray) -> int:
    """The largest number of heights that share a position.

    >>> max_slices_per_position(np.array([0.0, 0.0, 5.0])), max_slices_per_position(np.array([1.0, 2.0]))
    (2, 1)
    """
    starts = np.flatnonzero(np.diff(heights_mm, prepend=-np.inf) >= SAME_POSITION_MM)
    return int(np.diff(starts, append=len(heights_mm)).max())


def position_cells(height_mm: float) -> tuple[int, int, int]:
    """Index of the cell of width `SAME_POSITION_MM` that holds a height, between its two neighbours.

    Heights that share a position lie in the same or in neighbouring cells.
    """
    cell = int(np.floor(height_mm / SAME_POSITION_MM))
    return cell - 1, cell, cell + 1


def even_blocks(heights_mm: np.ndarray) -> list[range]:
    """Index ranges of consecutive evenly spaced blocks whose spacings differ.

    A single range if the heights do not consist of such blocks: a gap between slices of one spacing is a
    missing slice, not a border between blocks. The slice at which two blocks meet belongs to the lower one.

    >>> even_blocks(np.array([0, 5, 10, 15, 17, 19, 21]))
    [range(0, 4), range(4, 7)]
    >>> even_blocks(np.array([0, 5, 10, 20, 25, 30]))  # a slice is missing
    [range(0, 6)]
    """
    whole = [range(len(heights_mm))]
    steps = np.diff(heights_mm)
    runs: list[tuple[int, int]] = []  # of nearly equal steps: index of the first, and of the last plus one
    for k, step in enumerate(steps):
        if runs and abs(step - steps[runs[-1][0]]) <= _STEP_TOLERANCE * step + _ROUNDING_MM:
            runs[-1] = (runs[-1][0], k + 1)
        else:
            runs.append((k, k + 1))
    long_runs = [run for run in runs if run[1] - run[0] >= 2]
    single_steps = [run for run in runs if run[1] - run[0] < 2]
    if len(long_runs) < 2 or len(single_steps) >= len(long_runs):
        return whole
    blocks: list[range] = []
    for (first, last), (after, _) in zip(long_runs, [*long_runs[1:], (len(steps), 0)], strict=True):
        if after - last > 1:  # two odd steps in succession are not a change of spacing
            return whole
        start = first if not blocks or first > blocks[-1].stop - 1 else blocks[-1].stop
        blocks.append(range(start, last + 1))
    spacings = [float(np.median(steps[first:last])) for first, last in long_runs]
    if any(np.isclose(a, b, rtol=_STEP_TOLERANCE) for a, b in zip(spacings, spacings[1:], strict=False)):
        return whole
    return blocks if blocks[0].start == 0 and blocks[-1].stop == len(heights_mm) else whole


def check_even(heights_mm: np.ndarray) -> None:
    """Raise UnreadableInput, with the kind and place of the irregularity, unless the heights are even."""
    if is_even(heights_mm):
        return
    if has_repeats(heights_mm):
        raise UnreadableInput(
            "Two different DICOM images of the series lie at the same place, and nothing that liverseg reads "
            "in the files says which images belong together."
        )
    steps = np.diff(heights_mm)
    usual = float(np.median(steps))
    is_whole = np.abs(steps - steps.round()).max() <= _WHOLE_MM
    if is_whole and steps.max() < 2.5 and (steps > 1.5).mean() > _MIN_LONG_STEPS:
        raise UnreadableInput(
            "The positions of the DICOM slices are rounded to whole millimetres, too coarsely for such thin "
            "slices: whether one is missing cannot be told."
        )
    gaps = np.flatnonzero(steps > 1.5 * usual)
    if len(gaps):
        count = "" if len(gaps) == 1 else f", the first of {len(gaps)} gaps"
        raise UnreadableInput(
            f"Slices are missing from the DICOM series: the next one after slice {gaps[0] + 1} of "
            f"{len(heights_mm)} is {steps[gaps[0]]:.3g} mm away instead of {usual:.3g} mm{count}."
        )
    raise UnreadableInput(
        f"The DICOM slices are not evenly spaced: their distances run from {steps.min():.3g} to "
        f"{steps.max():.3g} mm."
    )
