"""Groups the slices of many files into volumes, without reading the files.

A volume has one SeriesInstanceUID, one size, pixel spacing and orientation, and one slice at each of several
evenly spaced positions. A series with more slices than that is resolved in this order:

1. Copies of an object (equal SOPInstanceUID and position) are dropped (`slice_groups`).
2. Phases or reconstructions become separate volumes (`phases`): by the first of `dataset.TRAIT_KEYWORDS`
   whose values separate the slices into volumes, else by the order of their `dataset.TIME_KEYWORDS`.
3. Slices at one position with equal pixels are dropped except for one.
4. Consecutive blocks of different spacing become separate volumes.
5. Slices that remain irregular are refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from liverseg.core.geometry import directions_from_dicom, nearest_axes
from liverseg.core.limits import check_shape
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.dicom.phases import separate_volumes
from liverseg.io.dicom.positions import is_even, max_slices_per_position
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.slice_groups import MIN_VOLUME_SLICES, SamePixels, group_by_geometry, without_copies
from liverseg.io.dicom.slices import Slice, sorted_heights_mm
from liverseg.io.dicom.stack import SliceStack, plane_name, stack_frames


@dataclass(frozen=True)
class Volume:
    """Slices that belong together, with their arrangement or the reason why they cannot be read."""

    slices: tuple[Slice, ...]
    part: str  # "phase 1 of 2"; "" if the series is one volume
    stack: SliceStack | None  # None if `refusal` is set
    refusal: LiversegError | None
    copies: int = 0  # slices that were dropped as copies

    @property
    def is_at_one_place(self) -> bool:
        """Whether it holds several images of one position, as bolus tracking does."""
        return _are_at_one_position(self.slices)

    @property
    def is_lone(self) -> bool:
        """Whether it is a single slice."""
        return len(self.slices) == 1

    @property
    def is_axial(self) -> bool:
        """Whether its slices are axial; also if their orientation is unknown."""
        orientation = self.slices[0].frame.orientation
        return orientation is None or _plane_of(orientation) == "axial"

    def info(self, number: int) -> SeriesInfo:
        """Its description for a user who chooses among series, as series `number`."""
        first = self.slices[0]
        frame = first.frame
        spacing = None
        if frame.pixel_spacing_mm is not None:
            between = None
            if self.stack is not None and self.stack.spacing_mm is not None and len(self.slices) > 1:
                between = self.stack.spacing_mm[self.stack.native.axes.index(0)]
            spacing = (between, *frame.pixel_spacing_mm)
        return SeriesInfo(
            number=number,
            series_number=first.series_number,
            part=self.part,
            shape=(len(self.slices), frame.rows, frame.columns),
            spacing_mm=spacing,
            thickness_mm=frame.thickness_mm,
            plane="unknown" if frame.orientation is None else _plane_of(frame.orientation),
            kernel=first.kernel,
            contrast=first.has_contrast,
            refusal=None if self.refusal is None else str(self.refusal),
        )


def group_into_volumes(slices: Iterable[Slice], same_pixels: SamePixels) -> list[Volume]:
    """All volumes among the slices, by series number, then in the order of phases and parts.

    `same_pixels` says whether two slices store equal pixels; it is called only for slices at one position.
    """
    by_series: dict[str, list[Slice]] = {}
    for one in slices:
        by_series.setdefault(one.series_uid, []).append(one)
    grouped = [volume for series in _joined_series(by_series) for volume in _in_series(series, same_pixels)]
    return sorted(grouped, key=lambda v: (v.slices[0].series_number is None, v.slices[0].series_number or 0))


def _joined_series(by_series: dict[str, list[Slice]]) -> list[list[Slice]]:
    """The series in a fixed order; joined to one if each is a single slice and together they are a volume.

    Some anonymizers give each file its own SeriesInstanceUID.
    """
    series = [by_series[uid] for uid in sorted(by_series)]
    if len(series) < MIN_VOLUME_SLICES or any(len(slices) > 1 for slices in series):
        return series
    every = [slices[0] for slices in series]
    if len(group_by_geometry(every)) > 1 or len({one.series_number for one in every}) > 1:
        return series
    heights = sorted_heights_mm(every)
    return [every] if heights is not None and is_even(heights) else series


def _in_series(series: list[Slice], same_pixels: SamePixels) -> list[Volume]:
    """The volumes within one series."""
    result: list[Volume] = []
    for slices in group_by_geometry(series):
        groups, name = separate_volumes(without_copies(slices), same_pixels)
        copies = len(slices) - sum(map(len, groups))
        for k, group in enumerate(groups):
            part = f"{name} {k + 1} of {len(groups)}" if len(groups) > 1 else ""
            result.append(_arranged(group, part, copies if len(groups) == 1 else 0))
    return result


def _arranged(group: list[Slice], part: str, copies: int) -> Volume:
    """The volume of a group of slices, with a stack or a refusal."""
    frames = [one.frame for one in group]
    try:
        check_shape(len(frames), frames[0].rows, frames[0].columns)
        if _are_at_one_position(group):
            raise UnreadableInput(
                "All slices of the series lie at one place, as in bolus tracking: they do not form a volume."
            )
        return Volume(tuple(group), part, stack_frames(frames), None, copies)
    except LiversegError as error:
        return Volume(tuple(group), part, None, error, copies)


def _are_at_one_position(slices: Iterable[Slice]) -> bool:
    """Whether there are several slices and all share one position."""
    heights = sorted_heights_mm(slices)
    return heights is not None and len(heights) > 1 and max_slices_per_position(heights) == len(heights)


def _plane_of(orientation: tuple[float, ...]) -> str:
    """The anatomical plane of slices with this ImageOrientationPatient."""
    axes, _ = nearest_axes(directions_from_dicom(orientation))
    return plane_name(axes)
