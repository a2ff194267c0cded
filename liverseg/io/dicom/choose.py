"""Which volume of an input is meant: the one that was named, the only sensible one, or a question."""

from __future__ import annotations

from liverseg.errors import SeriesChoice
from liverseg.io.dicom.series_info import SeriesInfo
from liverseg.io.dicom.volumes import Volume


def infos(found: list[Volume]) -> tuple[SeriesInfo, ...]:
    """What is told of each volume, numbered from 1."""
    return tuple(volume.info(number) for number, volume in enumerate(found, start=1))


def choose(found: list[Volume], number: int | None = None) -> tuple[Volume, tuple[str, ...]]:
    """The volume to read of one or more, and sentences on what was left aside.

    Without a number it is the only one, or the only axial one of three slices or more: pictures of bolus
    tracking, lone slices and reformats are left aside. Raises SeriesChoice where there are
    several of these, where one that cannot be read may be what is meant, or for a number that there is
    not; and the volume's own refusal where it cannot be read.
    """
    if number is not None:
        if not 1 <= number <= len(found):
            there = f"there are {len(found)}" if len(found) > 1 else "there is one"
            raise SeriesChoice(f"There is no CT series {number} in the input: {there}.", infos(found))
        return _readable(found[number - 1])
    if len(found) == 1:
        return _readable(found[0])
    usable = [volume for volume in found if volume.refusal is None]
    if not usable:
        return _readable(max(found, key=lambda v: (not v.is_at_one_place, len(v.slices))))
    for wanted in (lambda v: not v.is_lone, lambda v: v.is_axial):
        usable = [volume for volume in usable if wanted(volume)] or usable
    if len(usable) > 1 or any(_may_be_meant(volume, usable[0]) for volume in found):
        sizes = ", ".join(str(len(volume.slices)) for volume in found)
        raise SeriesChoice(
            f"There are {len(found)} CT series (of {sizes} slices); name one by its number.", infos(found)
        )
    chosen, warnings = _readable(usable[0])
    count = len(found) - 1
    others = "1 other CT series was" if count == 1 else f"{count} other CT series were"
    note = f"{others} left out (a lone slice, bolus tracking, a reformat or unreadable)."
    return chosen, (*warnings, note)


def _may_be_meant(volume: Volume, chosen: Volume) -> bool:
    """Whether a volume that cannot be read is large enough to be the one that is meant."""
    if volume.refusal is None or volume.is_at_one_place or volume.is_lone:
        return False
    return 2 * len(volume.slices) >= len(chosen.slices)


def _readable(volume: Volume) -> tuple[Volume, tuple[str, ...]]:
    if volume.refusal is not None:
        raise volume.refusal
    notes = []
    if volume.copies:
        twice = "1 slice was" if volume.copies == 1 else f"{volume.copies} slices were"
        notes.append(f"{twice} there more than once and counted once.")
    if len({one.series_uid for one in volume.slices}) > 1:
        notes.append("Each file names a series of its own; they were read as one, for they fit together.")
    return volume, tuple(notes)
