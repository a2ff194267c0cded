"""Chooses the volume to read when an input holds several."""

from __future__ import annotations

from liverseg.errors import NotCT, SeriesChoice
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.volumes import Volume


def series_infos(candidates: list[Volume]) -> tuple[SeriesInfo, ...]:
    """The description of each volume, numbered from 1."""
    return tuple(volume.info(number) for number, volume in enumerate(candidates, start=1))


def choose_volume(candidates: list[Volume], number: int | None = None) -> tuple[Volume, tuple[str, ...]]:
    """The volume to read among one or more, and warnings about volumes or slices that were left out.

    `number` (from 1) names the volume. Without it, readable volumes of several slices are preferred to lone
    slices, and among them axial ones to reformats; there must be only one. If none is readable, the largest
    is chosen. Raises SeriesChoice if `number` does not exist, if several volumes qualify, or if an unreadable
    volume is large enough to be the intended one. Raises the refusal of the chosen volume if it has one.
    """
    if number is not None:
        if not 1 <= number <= len(candidates):
            count = f"there are {len(candidates)}" if len(candidates) > 1 else "there is one"
            raise SeriesChoice(
                f"There is no CT series {number} in the input: {count}.", series_infos(candidates)
            )
        return _readable(candidates[number - 1])
    if len(candidates) == 1:
        return _readable(candidates[0])
    usable = [volume for volume in candidates if volume.refusal is None]
    if not usable:
        return _readable(max(candidates, key=lambda v: (not v.is_at_one_place, len(v.slices))))
    for is_preferred in (lambda v: not v.is_lone, lambda v: v.is_axial):
        usable = [volume for volume in usable if is_preferred(volume)] or usable
    of_ct = [volume for volume in candidates if not isinstance(volume.refusal, NotCT)]
    if len(usable) > 1 or any(_may_be_intended(volume, usable[0]) for volume in of_ct):
        sizes = ", ".join(str(len(volume.slices)) for volume in candidates)
        raise SeriesChoice(
            f"There are {len(candidates)} CT series (of {sizes} slices); name one by its number.",
            series_infos(candidates),
        )
    chosen, warnings = _readable(usable[0])
    count = len(candidates) - 1
    others = "1 other CT series was" if count == 1 else f"{count} other CT series were"
    note = f"{others} left out (a lone slice, bolus tracking, a reformat or unreadable)."
    return chosen, (*warnings, note)


def _may_be_intended(volume: Volume, chosen: Volume) -> bool:
    """Whether an unreadable volume has at least half as many slices as the chosen one."""
    if volume.refusal is None or volume.is_at_one_place or volume.is_lone:
        return False
    return 2 * len(volume.slices) >= len(chosen.slices)


def _readable(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    """The volume and its warnings. Raises its refusal if it is unreadable."""
    if volume.refusal is not None:
        raise volume.refusal
    warnings = []
    if volume.copies:
        slices = "1 slice was" if volume.copies == 1 else f"{volume.copies} slices were"
        warnings.append(f"{slices} there more than once and counted once.")
    if len({one.series_uid for one in volume.slices}) > 1:
        warnings.append(
            "Each file has its own SeriesInstanceUID; the slices fit together and were read as one series."
        )
    return volume, tuple(warnings)
