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
    is chosen. Raises SeriesChoice if `number` does not exist, if several volumes qualify, if an unreadable
    volume is large enough to be the intended one, or if a file that may belong to the volume cannot be read,
    unless `number` names that volume. Raises the refusal of the chosen volume if it has one.
    """
    if number is not None:
        if not 1 <= number <= len(candidates):
            count = f"there are {len(candidates)}" if len(candidates) > 1 else "there is one"
            raise SeriesChoice(
                f"There is no CT series {number} in the input: {count}.", series_infos(candidates)
            )
        return _readable(candidates[number - 1])
    if len(candidates) == 1:
        return _undoubted(candidates[0], candidates)
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
    chosen, warnings = _undoubted(usable[0], candidates)
    count = len(candidates) - 1
    others = "1 other CT series was" if count == 1 else f"{count} other CT series were"
    note = f"{others} left out (a lone slice, bolus tracking, a reformat or unreadable)."
    unreadable = [f"Another CT series cannot be read: {_reason(v)}" for v in candidates if _is_unreadable(v)]
    return chosen, (*warnings, note, *dict.fromkeys(unreadable))


def _is_unreadable(volume: Volume) -> bool:
    """Whether a volume is unreadable for another reason than that it is no volume."""
    return volume.refusal is not None and not volume.is_at_one_place


def _reason(volume: Volume) -> str:
    reason = str(volume.refusal)
    return reason[0].lower() + reason[1:]


def _may_be_intended(volume: Volume, chosen: Volume) -> bool:
    """Whether an unreadable volume has at least half as many slices as the chosen one."""
    if not _is_unreadable(volume) or volume.is_lone:
        return False
    return 2 * len(volume.slices) >= len(chosen.slices)


def _undoubted(volume: Volume, candidates: list[Volume]) -> tuple[Volume, tuple[str, ...]]:
    """As `_readable`. Raises SeriesChoice if the volume may lack a file that cannot be read."""
    if volume.refusal is None and volume.doubt is not None:
        raise SeriesChoice(str(volume.doubt), series_infos(candidates))
    return _readable(volume)


def _readable(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    """The volume and its warnings. Raises its refusal if it is unreadable."""
    if volume.refusal is not None:
        raise volume.doubt or volume.refusal  # a slice may be missing because its file cannot be read
    warnings = []
    if volume.copies:
        slices = "1 slice was" if volume.copies == 1 else f"{volume.copies} slices were"
        warnings.append(f"{slices} there more than once and counted once.")
    if len({one.series_uid for one in volume.slices}) > 1:
        warnings.append(
            "Each file has its own SeriesInstanceUID; the slices fit together and were read as one series."
        )
    if volume.doubt is not None:
        warnings.append(f"{str(volume.doubt).rstrip('.')}; the slices of this volume may be incomplete.")
    return volume, tuple(warnings)
