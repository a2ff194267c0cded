"""Groups the slices of many files into volumes, without reading the files.

A volume has one SeriesInstanceUID, one size, pixel spacing and orientation, and one slice at each of several
evenly spaced positions. A series with more slices than that is resolved in this order:

1. Studies that share a SeriesInstanceUID are separated.
2. Copies of an object (equal SOPInstanceUID, position and pixels) are dropped (`slice_groups`).
3. If all slices at one position have equal pixels, wherever one position is there several times, one of them
   is kept: two acquisitions may share the slice at which they meet.
4. Phases or reconstructions become separate volumes (`phases`): by the first of `keywords.TRAIT_KEYWORDS`
   whose values separate the slices into volumes, else by the order of their `keywords.TIME_KEYWORDS`.
5. Slices at one position with equal pixels are dropped except for one, and step 4 is tried again.
6. Consecutive blocks of different spacing become separate volumes.
7. Slices that remain irregular are refused with the reason.

A volume with a file that cannot be read is refused with the reason of that file. A file whose header does not
say what it holds is a doubt about the volumes of its series: one of them may lack it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from liverseg.core.geometry import directions_from_dicom, nearest_axes
from liverseg.core.limits import check_shape
from liverseg.errors import LiversegError, UnreadableInput
from liverseg.io.dicom.keywords import FREE_TEXT_KEYWORDS
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
    doubt: UnreadableInput | None = None  # files that may belong to it cannot be read
    dropped: tuple[Slice, ...] = ()  # the copies of its slices, and the files of the doubt

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
            doubt=None if self.doubt is None else str(self.doubt),
        )


def group_into_volumes(slices: Iterable[Slice], same_pixels: SamePixels) -> list[Volume]:
    """All volumes among the slices, by series number, then in the order of studies, phases and parts.

    `same_pixels` says whether two slices store equal pixels; it is called only for slices at one position.
    """
    by_series: dict[str, list[Slice]] = {}
    for one in slices:
        by_series.setdefault(one.series_uid, []).append(one)
    grouped: list[Volume] = []
    for series in _joined_series(by_series):
        studies = _by_study(series)
        for k, study in enumerate(studies):
            name = f"study {k + 1} of {len(studies)}" if len(studies) > 1 else ""
            grouped += [_with_prefix(volume, name) for volume in _in_series(study, same_pixels)]
    return sorted(grouped, key=lambda v: (v.slices[0].series_number is None, v.slices[0].series_number or 0))


def unread_files(slices: Iterable[Slice]) -> UnreadableInput | None:
    """The refusal that says how many of the files of slices cannot be read, and why the first one cannot."""
    refusals = {one.file: one.refusal for one in slices if one.refusal is not None}
    if not refusals:
        return None
    reason = str(next(iter(refusals.values())))
    which = "One file of the series cannot be read"
    if len(refusals) > 1:
        which = f"{len(refusals)} files of the series cannot be read, the first for this reason"
    return UnreadableInput(f"{which}: {reason[0].lower()}{reason[1:]}")


def with_doubt(volume: Volume, unread: list[Slice]) -> Volume:
    """The volume with the doubt that files which cannot be read may belong to it."""
    if not unread:
        return volume
    return replace(volume, doubt=unread_files(unread), dropped=(*volume.dropped, *unread))


def _with_prefix(volume: Volume, name: str) -> Volume:
    return replace(volume, part=", ".join(filter(None, (name, volume.part))))


def _by_study(series: list[Slice]) -> list[list[Slice]]:
    """The slices of a series in groups of one study; one group if a study has too few for a volume.

    Some anonymizers give every series one SeriesInstanceUID, and others each file its own StudyInstanceUID.
    """
    studies: dict[str, list[Slice]] = {}
    for one in series:
        studies.setdefault(one.traits.get("StudyInstanceUID", ""), []).append(one)
    if any(len(slices) < MIN_VOLUME_SLICES for slices in studies.values()):
        return [series]
    return [studies[uid] for uid in sorted(studies)]


def _joined_series(by_series: dict[str, list[Slice]]) -> list[list[Slice]]:
    """The series in a fixed order; joined to one if each is a single slice and together they are a volume.

    Some anonymizers give each file its own SeriesInstanceUID.
    """
    series = [by_series[uid] for uid in sorted(by_series)]
    if any(len(slices) > 1 for slices in series):
        return series
    every = [slices[0] for slices in series]
    described = [one for one in every if one.is_described]
    if len(described) < MIN_VOLUME_SLICES or len(group_by_geometry(described)) > 1:
        return series
    heights = sorted_heights_mm(described)
    one_number = len({one.series_number for one in described}) == 1
    return [every] if one_number and heights is not None and is_even(heights) else series


def _in_series(series: list[Slice], same_pixels: SamePixels) -> list[Volume]:
    """The volumes within one series."""
    described = [one for one in series if one.is_described]
    unread = [one for one in series if not one.is_described]
    if not described:
        return [Volume(tuple(unread), "", None, _refusal_of(unread))]
    result: list[Volume] = []
    if all(one.frames == 1 for one in described):  # a file of several frames is not one of its slices
        multiframe = [one for one in unread if one.frames > 1]
        unread = [one for one in unread if one.frames == 1]
        if multiframe:
            result.append(Volume(tuple(multiframe), "", None, _refusal_of(multiframe)))
    for slices in group_by_geometry(described):
        groups, name = separate_volumes(without_copies(slices, same_pixels), same_pixels)
        kept = {id(one) for group in groups for one in group}
        dropped = [one for one in slices if id(one) not in kept]
        parts = _part_names(groups, name)
        for k, group in enumerate(groups):
            volume = _arranged(group, parts[k], len(dropped) if len(groups) == 1 else 0)
            volume = replace(volume, dropped=tuple(dropped) if k == 0 else ())  # named once
            result.append(with_doubt(volume, unread))
    return result


def _part_names(groups: list[list[Slice]], noun: str) -> list[str]:
    """The name of each group, with a measure such as an energy if that differs; "" for a single group."""
    if len(groups) == 1:
        return [""]
    names = [f"{noun} {k + 1} of {len(groups)}" for k in range(len(groups))]
    for keyword in FREE_TEXT_KEYWORDS:
        measures = [group[0].traits.get(keyword, "").partition("#")[0].strip() for group in groups]
        if len(set(measures)) == len(groups) and all(measures):
            return [f"{name}, {measure}" for name, measure in zip(names, measures, strict=True)]
    return names


def _refusal_of(slices: list[Slice]) -> LiversegError | None:
    """Why slices cannot be read because of their files: the reason itself if all files share it."""
    reasons = {str(one.refusal) for one in slices}
    if len(reasons) == 1 and slices[0].refusal is not None and len({one.file for one in slices}) > 1:
        return slices[0].refusal
    return unread_files(slices)


def _arranged(group: list[Slice], part: str, copies: int) -> Volume:
    """The volume of a group of slices, with a stack or a refusal."""
    frames = [one.frame for one in group]
    try:
        unread = _refusal_of(group)
        if unread is not None:
            raise unread
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
