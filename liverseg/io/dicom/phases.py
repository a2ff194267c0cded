"""Separates the phases, reconstructions and parts that one series may hold into volumes."""

from __future__ import annotations

import numpy as np

from liverseg.io.dicom.keywords import TIME_KEYWORDS, TRAIT_KEYWORDS, VARYING_KEYWORDS
from liverseg.io.dicom.positions import (
    SAME_POSITION_MM,
    even_blocks,
    has_repeats,
    is_even,
    max_slices_per_position,
    position_cells,
)
from liverseg.io.dicom.slice_groups import (
    MIN_VOLUME_SLICES,
    SamePixels,
    without_equal_pixels,
    without_repeats,
)
from liverseg.io.dicom.slices import Slice, heights_mm, sorted_heights_mm

_MAX_VOLUMES_WITHOUT_REPEATS = 4
_NOUNS = {  # of the groups that an element separates; others are phases
    **dict.fromkeys(("ConvolutionKernel", "ImageType", "FrameType", "KVP"), "reconstruction"),
    **dict.fromkeys(("FilterType", "ReconstructionDiameter", "DataCollectionDiameter"), "reconstruction"),
    "MonoenergeticEnergyEquivalent": "reconstruction",
    **dict.fromkeys(("ReconstructionAlgorithm", "ReconstructionTargetCenterPatient"), "reconstruction"),
    **dict.fromkeys(("SeriesNumber", "SeriesDescription", "ProtocolName", "InstanceNumber"), "volume"),
    **dict.fromkeys(("DerivationDescription", "ImageComments"), "volume"),
    "StudyInstanceUID": "study",
}
_SPACING_TOLERANCE = 0.05  # relative


def separate_volumes(slices: list[Slice], same_pixels: SamePixels) -> tuple[list[list[Slice]], str]:
    """Slices of one geometry as the groups that form volumes, and a noun for several groups.

    The noun is "phase", "reconstruction", "volume", "study", "part" or "". Irregular slices that nothing
    separates stay in one group. `same_pixels` is called only for slices at one position.
    """
    heights = sorted_heights_mm(slices)
    if len(slices) < 2 or heights is None or is_even(heights):
        return [slices], ""
    merged = without_repeats(slices, same_pixels) if has_repeats(heights) else None
    if merged is not None:
        slices, heights = merged, sorted_heights_mm(merged)
        if is_even(heights):
            return [slices], ""
    groups, noun = _separated(slices, heights)
    if not groups and has_repeats(heights):
        slices = without_equal_pixels(slices, same_pixels)
        heights = sorted_heights_mm(slices)
        groups, noun = _separated(slices, heights)
    if groups:
        return groups, noun
    order = np.argsort(heights_mm(slices), kind="stable")
    return [[slices[order[k]] for k in block] for block in even_blocks(heights)], "part"


def _separated(slices: list[Slice], heights: np.ndarray) -> tuple[list[list[Slice]], str]:
    """The volumes that the values of one element separate, and their noun; ([], "") if none does."""
    count = max_slices_per_position(heights)
    for group_by, keywords in ((_by_trait, TRAIT_KEYWORDS), (_by_time, TIME_KEYWORDS)):
        for keyword in keywords:
            groups = group_by(slices, keyword)
            if _are_volumes(groups, count):
                return groups, _NOUNS.get(keyword, "phase")
    for group_by, keywords in ((_by_trait, VARYING_KEYWORDS), (_by_rank, TIME_KEYWORDS)):
        for keyword in keywords:
            groups = group_by(slices, keyword)
            if len(groups) == count and _are_volumes(groups, count) and _fill_all_positions(groups):
                return groups, _NOUNS.get(keyword, "volume")
    return [], ""


def _fill_all_positions(groups: list[list[Slice]]) -> bool:
    """Whether every group has a slice at every position, and enough of them for a volume."""
    sizes = {len(group) for group in groups}
    return len(sizes) == 1 and min(sizes) >= MIN_VOLUME_SLICES


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
        groups.setdefault(_canonical(one.traits.get(keyword, "")), []).append(one)
    return [groups[value] for value in sorted(groups, key=_numeric_first)]


def _canonical(value: str) -> str:
    """A value in which equal numbers are equal texts.

    >>> _canonical("120.0") == _canonical("120"), _canonical("B30f")
    (True, 'B30f')
    """
    try:
        return f"{float(value):.10g}"
    except ValueError:
        return value


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


def _by_rank(slices: list[Slice], keyword: str) -> list[list[Slice]]:
    """The first slices of all positions in the order of a time, then the second ones, and so on.

    For scanners that take all phases of one position before they move on. Empty if a slice lacks the time, if
    two of one position share it, or if a position has more slices than another.
    """
    if any(keyword not in one.times_s for one in slices):
        return []
    positions: list[list[Slice]] = []
    last = -np.inf
    for height, k in sorted(zip(heights_mm(slices), range(len(slices)), strict=True)):
        if height - last >= SAME_POSITION_MM:
            positions.append([])
        last = height
        positions[-1].append(slices[k])
    count = len(positions[0])
    for at_position in positions:
        at_position.sort(key=lambda one: one.times_s[keyword])
        if len(at_position) != count or len({one.times_s[keyword] for one in at_position}) < count:
            return []
    return [[at_position[rank] for at_position in positions] for rank in range(count)]
