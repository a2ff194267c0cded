"""Separates the phases, reconstructions and parts that one series may hold into volumes."""

from __future__ import annotations

import numpy as np

from liverseg.io.dicom.dataset import TIME_KEYWORDS, TRAIT_KEYWORDS
from liverseg.io.dicom.positions import (
    even_blocks,
    has_repeats,
    is_even,
    max_slices_per_position,
    position_cells,
)
from liverseg.io.dicom.slice_groups import MIN_VOLUME_SLICES, SamePixels, without_equal_pixels
from liverseg.io.dicom.slices import Slice, heights_mm, sorted_heights_mm

_MAX_VOLUMES_WITHOUT_REPEATS = 4
_RECONSTRUCTION_KEYWORDS = ("ConvolutionKernel", "ImageType", "FrameType", "KVP")
_SPACING_TOLERANCE = 0.05  # relative


def separate_volumes(slices: list[Slice], same_pixels: SamePixels) -> tuple[list[list[Slice]], str]:
    """Slices of one geometry as the groups that form volumes, and a noun for several groups.

    The noun is "phase", "reconstruction", "part" or "". Irregular slices that nothing separates stay in one
    group. `same_pixels` is called only for slices at one position.
    """
    heights = sorted_heights_mm(slices)
    if len(slices) < 2 or heights is None or is_even(heights):
        return [slices], ""
    for keyword in (*TRAIT_KEYWORDS, *TIME_KEYWORDS):
        groups = _by_trait(slices, keyword) if keyword in TRAIT_KEYWORDS else _by_time(slices, keyword)
        if _are_volumes(groups, max_slices_per_position(heights)):
            return groups, "reconstruction" if keyword in _RECONSTRUCTION_KEYWORDS else "phase"
    if has_repeats(heights):
        slices = without_equal_pixels(slices, same_pixels)
        heights = sorted_heights_mm(slices)
    order = np.argsort(heights_mm(slices), kind="stable")
    return [[slices[order[k]] for k in block] for block in even_blocks(heights)], "part"


def _are_volumes(groups: list[list[Slice]], slices_per_position: int) -> bool:
    """Whether no group has a repeated position and at least one group is a regular volume.

    Groups that do not overlap along the body are not phases. They are volumes only if their spacings differ:
    otherwise a gap between them is a missing slice.
    """
    if not 2 <= len(groups) <= max(2 * slices_per_position, _MAX_VOLUMES_WITHOUT_REPEATS):
        return False
    heights = sorted((sorted_heights_mm(group) for group in groups), key=lambda h: h[0])
    if any(has_repeats(h) for h in heights):
        return False
    even = [h for h in heights if is_even(h) and len(h) > 1]
    if len(even) < len(heights) and not any(len(h) >= MIN_VOLUME_SLICES for h in even):
        return False
    are_apart = [low[-1] < high[0] for low, high in zip(heights, heights[1:], strict=False)]
    spacings = [float(np.median(np.diff(h))) if len(h) > 1 else 0.0 for h in heights]
    spacings_differ = not np.allclose(spacings, spacings[0], rtol=_SPACING_TOLERANCE)
    return spacings_differ or not all(are_apart)


def _by_trait(slices: list[Slice], keyword: str) -> list[list[Slice]]:
    """Slices grouped by the value of an element, in ascending order of the value."""
    groups: dict[str, list[Slice]] = {}
    for one in slices:
        groups.setdefault(one.traits.get(keyword, ""), []).append(one)
    return [groups[value] for value in sorted(groups, key=_numeric_first)]


def _numeric_first(value: str) -> tuple[float, str]:
    """A sort key that orders numbers by value and puts other texts after them."""
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value


def _by_time(slices: list[Slice], keyword: str) -> list[list[Slice]]:
    """Slices in the order of a time; a new group starts whenever a position occurs again.

    Empty if a slice lacks the time.
    """
    if any(keyword not in one.times_s for one in slices):
        return []
    times = [one.times_s[keyword] for one in slices]
    in_time = sorted(zip(times, heights_mm(slices), range(len(slices)), strict=True))
    groups: list[list[Slice]] = []
    occupied: set[int] = set()
    for _, height, k in in_time:
        cells = position_cells(height)
        if not groups or occupied.intersection(cells):
            groups.append([])
            occupied = set()
        groups[-1].append(slices[k])
        occupied.add(cells[1])
    return groups
