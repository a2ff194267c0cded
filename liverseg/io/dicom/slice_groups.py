"""Groups the slices of one series by geometry, and removes copies."""

from __future__ import annotations

from collections.abc import Callable

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


def without_copies(slices: list[Slice]) -> list[Slice]:
    """The slices without copies of an object.

    One SOPInstanceUID at several positions is not a copy: some anonymizers use one UID for all files.
    """
    unique: dict[tuple, Slice] = {}
    for k, one in enumerate(slices):
        position = tuple(np.round(one.frame.position_mm or (), 2))
        unique.setdefault((one.sop_uid or k, one.number, position), one)
    return list(unique.values())


def without_equal_pixels(slices: list[Slice], same_pixels: SamePixels) -> list[Slice]:
    """The slices without those that share position and pixels with an earlier one. All need positions."""
    kept: dict[int, list[Slice]] = {}  # by the cell of their position
    for height, one in zip(heights_mm(slices), slices, strict=True):
        cells = position_cells(height)
        neighbours = [other for cell in cells for other in kept.get(cell, ())]
        if not any(same_pixels(one, other) for other in neighbours):
            kept.setdefault(cells[1], []).append(one)
    return [one for group in kept.values() for one in group]


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
