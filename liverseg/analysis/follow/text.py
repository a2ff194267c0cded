"""A follow-up in words: one line for each lesion, the response and the registration (pure)."""

from __future__ import annotations

from liverseg.analysis.follow.change import FollowedLesion, Side
from liverseg.analysis.follow.follow_up import FollowUp
from liverseg.analysis.follow.response import CATEGORIES, Response
from liverseg.analysis.report_text import NOT_MEASURED, number_text


def change_text(share: float | None) -> str:
    """A relative change in per cent with its sign.

    >>> change_text(0.25), change_text(-0.001), change_text(None)
    ('+25 %', '+0 %', '–')
    """
    return NOT_MEASURED if share is None else f"{round(100 * share):+d} %"


def numbers_text(side: Side) -> str:
    """The numbers of a lesion's parts in the report of a scan, as "2" or "2 + 5"; a dash for none."""
    return " + ".join(map(str, side.numbers)) or NOT_MEASURED


def certainty_text(lesion: FollowedLesion) -> str:
    """Which scans call the lesion unsure; empty where it is likely wherever it is found."""
    unsure = [
        name
        for name, side in (("baseline", lesion.baseline), ("follow-up", lesion.follow_up))
        if side.likely is False
    ]
    return f"unsure in {' and '.join(unsure)}" if unsure else ""


def state_text(lesion: FollowedLesion) -> str:
    """The state and, if it is not single, the pattern, as "shrunk, split"."""
    return lesion.state if lesion.pattern == "single" else f"{lesion.state}, {lesion.pattern}"


def lesion_title(lesion: FollowedLesion) -> str:
    """A lesion with its numbers and sizes, as a title of pictures.

    "Lesion 2 (baseline 1, follow-up 3): grown, 20.1 to 30.2 mm, volume +240 %"
    """
    before, after = lesion.baseline, lesion.follow_up
    sides = (("baseline", before), ("follow-up", after))
    where = ", ".join(f"{name} {numbers_text(side)}" for name, side in sides if side.lesions)
    if before.lesions and after.lesions:
        lengths = f"{number_text(before.diameter_mm)} to {number_text(after.diameter_mm)} mm"
        size = f"{lengths}, volume {change_text(lesion.volume_change)}"
    else:
        size = f"{number_text((before if before.lesions else after).diameter_mm)} mm"
    words = (state_text(lesion), size, certainty_text(lesion))
    return f"Lesion {lesion.id} ({where}): {', '.join(word for word in words if word)}"


def sums_text(response: Response) -> str:
    """The sums of longest diameters with their change; says so where there is no target lesion."""
    if not response.targets:
        return "no target lesion"
    before, after = number_text(response.baseline_mm), number_text(response.follow_up_mm)
    return f"{before} to {after} mm ({change_text(response.change)})"


def response_text(response: Response) -> str:
    """The suggested category with its reason, and always that it is not verified.

    "PR, partial response (the sum fell by 35%): suggested, unverified"
    """
    if response.category is None:
        return f"none suggested: {response.reason}"
    return f"{response.category}, {CATEGORIES[response.category]} ({response.reason}): suggested, unverified"


def registration_text(found: FollowUp) -> str:
    """The quality of the registration: Dice of the livers, distance of their surfaces, turn and shift."""
    fit = found.registration
    return (
        f"Dice of the livers {fit.dice:.2f}, surfaces {number_text(fit.surface_mm)} mm apart (median), "
        f"turned by {fit.rotation_deg:.0f}°, shifted by {fit.shift_mm:.0f} mm"
    )
