"""From the slices of many files to the volumes among them (no files here).

A volume is what has one SeriesInstanceUID, one size, pixel spacing and orientation, and one slice at
each of evenly spaced places. Where a series has more, in this order:

1. The same object twice (equal SOPInstanceUID and place) counts once.
2. Several phases or reconstructions, told apart by the first element of `dicom_dataset.NAMES` whose
   values make volumes of them, or by the order of their times, are volumes of their own.
3. Slices at one place with the same pixels count once.
4. Neighbouring blocks of different spacing are volumes of their own.
5. What is left is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from liverseg.core.geometry import directions_from_dicom, is_axial, nearest_axes
from liverseg.core.limits import check_shape
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.dicom.dataset import NAMES, TIMES
from liverseg.io.dicom.positions import SAME_PLACE_MM, blocks, copies_at_a_place, has_repeats, is_even
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slices import Slice
from liverseg.io.dicom.stack import Stack, plane_of, slice_normal, stack

_MAX_GEOMETRIES = 8  # in one series; more are damage, not a choice
_FEW_PARTS = 4
_OF_RECONSTRUCTIONS = ("ConvolutionKernel", "ImageType", "FrameType", "KVP")
_MIN_VOLUME_SLICES = 3

Slices = list[Slice]
SamePixels = Callable[[Slice, Slice], bool]


@dataclass(frozen=True)
class Volume:
    """Slices that belong together: a volume or a lone slice, or why they are none."""

    slices: tuple[Slice, ...]
    part: str  # "phase 1 of 2"; "" where the series is one volume
    arranged: Stack | None
    refusal: LiversegError | None
    copies: int = 0  # slices that were there more than once

    @property
    def is_at_one_place(self) -> bool:
        """Whether it is several pictures of one place, as bolus tracking makes them."""
        heights = heights_mm(self.slices)
        return len(self.slices) > 1 and heights is not None and copies_at_a_place(heights) == len(heights)

    @property
    def is_lone(self) -> bool:
        return len(self.slices) == 1

    @property
    def is_axial(self) -> bool:
        orientation = self.slices[0].frame.orientation
        return orientation is None or plane_of(_slice_axes(orientation)) == "axial"

    def info(self, number: int) -> SeriesInfo:
        """What is told of it."""
        first, stacked = self.slices[0], self.arranged
        frame = first.frame
        spacing = None
        if frame.pixel_spacing_mm is not None:
            between = None
            if stacked is not None and stacked.spacing_mm is not None and len(self.slices) > 1:
                between = stacked.spacing_mm[stacked.native.axes.index(0)]
            spacing = (between, *frame.pixel_spacing_mm)
        return SeriesInfo(
            number,
            first.series_number,
            self.part,
            (len(self.slices), frame.rows, frame.columns),
            spacing,
            frame.thickness_mm,
            "unknown" if frame.orientation is None else plane_of(_slice_axes(frame.orientation)),
            first.kernel,
            first.has_contrast,
            None if self.refusal is None else str(self.refusal),
        )


def _slice_axes(orientation: tuple[float, ...]) -> tuple[int, int, int]:
    """`NativeGrid.axes` of slices (slice, row, column) that lie in this ImageOrientationPatient."""
    return nearest_axes(directions_from_dicom(orientation))[0]


def volumes(slices: Iterable[Slice], same_pixels: SamePixels) -> list[Volume]:
    """Every volume among the slices, by series number, then in the order of phases and parts.

    `same_pixels` tells whether two slices store the same pixels; it is asked only for slices at one place.
    """
    series: dict[str, Slices] = {}
    for one in slices:
        series.setdefault(one.series_uid, []).append(one)
    found = [volume for part in _rejoined(series) for volume in _volumes_of(part, same_pixels)]
    return sorted(found, key=lambda v: (v.slices[0].series_number is None, v.slices[0].series_number or 0))


def heights_mm(slices: Iterable[Slice]) -> np.ndarray | None:
    """Rising heights of parallel slices along their normal; None where one does not say where it lies."""
    frames = [one.frame for one in slices]
    if any(frame.position_mm is None or frame.orientation is None for frame in frames):
        return None
    return np.sort(np.array([frame.position_mm for frame in frames]) @ slice_normal(frames[0].orientation))


def _rejoined(series: dict[str, Slices]) -> list[Slices]:
    """The series in a fixed order; as one where each is a lone slice and together they are a volume.

    Some anonymizers give each file a SeriesInstanceUID of its own.
    """
    parts = [series[uid] for uid in sorted(series)]
    if len(parts) < _MIN_VOLUME_SLICES or any(len(part) > 1 for part in parts):
        return parts
    whole = [one for part in parts for one in part]
    alike = len(_by_geometry(whole)) == 1 and len({one.series_number for one in whole}) == 1
    return [whole] if alike and _is_volume(whole) else parts


def _volumes_of(series: Slices, same_pixels: SamePixels) -> list[Volume]:
    found: list[Volume] = []
    for part in _by_geometry(series):
        own = _without_same_objects(part)
        groups, name = _separated(own, same_pixels)
        copies = len(part) - sum(map(len, groups))
        for k, group in enumerate(groups):
            label = f"{name} {k + 1} of {len(groups)}" if len(groups) > 1 else ""
            found.append(_volume(group, label, copies if len(groups) == 1 else 0))
    return found


def _volume(group: Slices, part: str, copies: int) -> Volume:
    frames = [one.frame for one in group]
    try:
        check_shape(len(frames), frames[0].rows, frames[0].columns)
        heights = heights_mm(group)
        if len(group) > 1 and heights is not None and copies_at_a_place(heights) == len(group):
            raise UnreadableInput(
                "All slices of the series lie at one place, as in bolus tracking: they make no volume."
            )
        return Volume(tuple(group), part, stack(frames), None, copies)
    except LiversegError as error:
        return Volume(tuple(group), part, None, error, copies)


def _by_geometry(series: Slices) -> list[Slices]:
    """Slices of one size, orientation and pixel spacing.

    All of them together, to be refused for it, where these are too many, or where a few axial slices
    differ from the others: left aside, they would be missing.
    """
    groups: list[Slices] = []
    for one in series:
        for group in groups:
            if _is_alike(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
            if len(groups) > _MAX_GEOMETRIES:
                return [series]
    few = [group for group in groups if len(group) < _MIN_VOLUME_SLICES]
    return [series] if len(groups) > 1 and any(_is_axial_slice(group[0]) for group in few) else groups


def _is_axial_slice(one: Slice) -> bool:
    orientation = one.frame.orientation
    return orientation is None or is_axial(directions_from_dicom(orientation), 0)


def _is_alike(one: Slice, other: Slice) -> bool:
    a, b = one.frame, other.frame
    return (a.rows, a.columns) == (b.rows, b.columns) and all(
        (x is None) == (y is None) and (x is None or np.allclose(x, y, rtol=rtol, atol=atol))
        for x, y, rtol, atol in (
            (a.orientation, b.orientation, 0, 1e-3),
            (a.pixel_spacing_mm, b.pixel_spacing_mm, 1e-3, 0),
        )
    )


def _without_same_objects(part: Slices) -> Slices:
    """Without copies of an object. One UID at several places is no copy: some anonymizers use one for all."""
    seen: dict[tuple, Slice] = {}
    for k, one in enumerate(part):
        place = tuple(np.round(one.frame.position_mm or (), 2))
        seen.setdefault((one.sop_uid or k, one.number, place), one)
    return list(seen.values())


def _is_volume(part: Slices) -> bool:
    heights = heights_mm(part)
    return heights is not None and is_even(heights)


def _separated(part: Slices, same_pixels: SamePixels) -> tuple[list[Slices], str]:
    """The volumes that slices of one geometry make, and what they are called if they are several."""
    heights = heights_mm(part)
    if len(part) < 2 or heights is None or is_even(heights):
        return [part], ""
    for name in (*NAMES, *TIMES):
        groups = _by_name(part, name) if name in NAMES else _by_time(part, name)
        if _tells_apart(groups, copies_at_a_place(heights)):
            return groups, "reconstruction" if name in _OF_RECONSTRUCTIONS else "phase"
    if has_repeats(heights):
        part = _without_same_pixels(part, same_pixels)
        heights = heights_mm(part)
    order = np.argsort(_own_heights(part), kind="stable")
    return [[part[order[k]] for k in block] for block in blocks(heights)], "part"


def _tells_apart(groups: list[Slices], copies: int) -> bool:
    """Whether groups are volumes: no place twice in any, and one that is whole.

    Groups beside each other are no phases; they are volumes where their spacings differ, for without
    that a gap between them is a missing slice.
    """
    if not 2 <= len(groups) <= max(2 * copies, _FEW_PARTS):
        return False
    heights = sorted((heights_mm(group) for group in groups), key=lambda h: h[0])
    if any(has_repeats(h) for h in heights):
        return False
    even = [h for h in heights if is_even(h) and len(h) > 1]
    if len(even) < len(heights) and not any(len(h) >= _MIN_VOLUME_SLICES for h in even):
        return False
    beside = [low[-1] < high[0] for low, high in zip(heights, heights[1:], strict=False)]
    spacings = [float(np.median(np.diff(h))) if len(h) > 1 else 0.0 for h in heights]
    differ = not np.allclose(spacings, spacings[0], rtol=0.05)
    return differ or not all(beside)


def _by_name(part: Slices, name: str) -> list[Slices]:
    """Slices by the value of an element, in the order of these values."""
    groups: dict[str, Slices] = {}
    for one in part:
        groups.setdefault(one.traits.get(name, ""), []).append(one)
    return [groups[value] for value in sorted(groups, key=_natural)]


def _natural(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return float("inf"), value


def _by_time(part: Slices, name: str) -> list[Slices]:
    """Slices in the order of a time; each time one comes to a place that was seen, a new phase begins."""
    if any(name not in one.times_s for one in part):
        return []
    times = [one.times_s[name] for one in part]
    timed = sorted(zip(times, _own_heights(part), range(len(part)), strict=True))
    groups: list[Slices] = []
    seen: set[int] = set()
    for _, height, k in timed:
        if not groups or seen.intersection(_around(height)):
            groups.append([])
            seen = set()
        groups[-1].append(part[k])
        seen.add(_around(height)[1])
    return groups


def _around(height: float) -> tuple[int, int, int]:
    """The cell of a height, of the size of one place, between its neighbours."""
    cell = int(np.floor(height / SAME_PLACE_MM))
    return cell - 1, cell, cell + 1


def _own_heights(part: Slices) -> list[float]:
    normal = slice_normal(part[0].frame.orientation)
    return [float(np.dot(one.frame.position_mm, normal)) for one in part]


def _without_same_pixels(part: Slices, same_pixels: SamePixels) -> Slices:
    kept: dict[int, Slices] = {}
    for height, one in zip(_own_heights(part), part, strict=True):
        twins = [twin for cell in _around(height) for twin in kept.get(cell, ())]
        if not any(same_pixels(one, twin) for twin in twins):
            kept.setdefault(_around(height)[1], []).append(one)
    return [one for ones in kept.values() for one in ones]
