"""Groups the slices of one series by geometry, and removes copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from liverseg.core.geometry import directions_from_dicom, is_axial
from liverseg.io.dicom.positions import position_cells
from liverseg.io.dicom.slices import Slice, heights_mm

MIN_VOLUME_SLICES = 3
"""Fewer slices than this are not taken for a volume by themselves."""

_MAX_GEOMETRIES = 8  # within one series; more are a sign of damage

SamePixels = Callable[[Slice, Slice], bool]
"""Whether two slices store equal pixels."""


def group_by_geometry(series: list[Slice]) -> list[list[Slice]]:
    """The slices of a series in groups of one size, orientation and pixel spacing.

    A single group, which is refused later, if there are more than `_MAX_GEOMETRIES` geometries or if a few
    axial slices differ from the others: the volume would lack them.
    """
    groups: list[list[Slice]] = []
    for one in series:
        for group in groups:
            if _has_same_geometry(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
            if len(groups) > _MAX_GEOMETRIES:
                return [series]
    small = [group for group in groups if len(group) < MIN_VOLUME_SLICES]
    return [series] if len(groups) > 1 and any(_is_axial_slice(group[0]) for group in small) else groups


def without_copies(slices: list[Slice], same_pixels: SamePixels) -> list[Slice]:
    """The slices without copies of an object: equal SOPInstanceUID, position and pixels.

    One SOPInstanceUID at several positions or with other pixels is not a copy: some anonymizers use one UID
    for all files, and some programs keep the UID of an image that they change.
    """
    kept: dict[tuple, list[Slice]] = {}
    for k, one in enumerate(slices):
        position = tuple(np.round(one.frame.position_mm or (), 2))
        alike = kept.setdefault((one.sop_uid or k, one.number, position), [])
        if not any(same_pixels(one, other) for other in alike):
            alike.append(one)
    return [one for alike in kept.values() for one in alike]


def without_equal_pixels(slices: list[Slice], same_pixels: SamePixels) -> list[Slice]:
    """The slices without those that share position and pixels with an earlier one. All need positions."""
    kept: list[Slice] = []
    for one, neighbours in _with_neighbours(slices, kept):
        if not any(same_pixels(one, other) for other in neighbours):
            kept.append(one)
    return kept


def without_repeats(slices: list[Slice], same_pixels: SamePixels) -> list[Slice] | None:
    """One slice for each position; None as soon as two at one position differ. All need positions.

    Where two acquisitions of one scan meet, one position is there twice.
    """
    kept: list[Slice] = []
    for one, neighbours in _with_neighbours(slices, kept):
        if not neighbours:
            kept.append(one)
        elif not all(same_pixels(one, other) for other in neighbours):
            return None
    return kept


def _with_neighbours(slices: list[Slice], kept: list[Slice]) -> Iterator[tuple[Slice, list[Slice]]]:
    """Each slice with those of `kept` that share its position; `kept` may grow between two of them."""
    by_cell: dict[int, list[Slice]] = {}
    count = 0
    heights = dict(zip(map(id, slices), heights_mm(slices), strict=True))
    for one in slices:
        for new in kept[count:]:
            by_cell.setdefault(position_cells(heights[id(new)])[1], []).append(new)
        count = len(kept)
        yield one, [other for cell in position_cells(heights[id(one)]) for other in by_cell.get(cell, ())]


def _has_same_geometry(one: Slice, other: Slice) -> bool:
    a, b = one.frame, other.frame
    return (a.rows, a.columns) == (b.rows, b.columns) and all(
        (x is None) == (y is None) and (x is None or np.allclose(x, y, rtol=rtol, atol=atol))
        for x, y, rtol, atol in (
            (a.orientation, b.orientation, 0, 1e-3),
            (a.pixel_spacing_mm, b.pixel_spacing_mm, 1e-3, 0),
        )
    )


def _is_axial_slice(one: Slice) -> bool:
    orientation = one.frame.orientation
    return orientation is None or is_axial(directions_from_dicom(orientation), 0)
