"""Doubts about single lesions: seen in one slice only, or at the density of gas, fat or bone (pure).

Only likely lesions are checked, since unsure ones are not counted as tumour.
"""

from __future__ import annotations

from collections.abc import Sequence

from liverseg.analysis.lesions import Lesion
from liverseg.analysis.plausibility.messages import CHECK, Doubt, make_doubt
from liverseg.core.image import CTImage

GAS_BELOW_HU = -200.0
"""Mean HU of lung, bowel gas and air. Fat is denser than -150 HU; mixtures at an edge lie between."""

FAT_BELOW_HU = -30.0
"""Mean HU of fat, -120 to -60, and of lesions that are mostly fat. Water is 0 HU."""

BONE_ABOVE_HU = 250.0
"""Mean HU of bone and dense calcification. Enhanced liver and most enhanced vessels stay below."""

NAMED_LESIONS = 8
"""Largest number of lesions that a sentence names."""


def lesion_doubts(ct: CTImage, lesions: Sequence[Lesion]) -> list[Doubt]:
    """One doubt for each reason that applies to some likely lesion, with their numbers.

    A volume's lesion is doubted if it is in one slice only. A density below the lowest HU of the image cannot
    be seen, as in a picture made with a window: where that HU is above `GAS_BELOW_HU`, gas and fat are not
    told apart.
    """
    likely = [lesion for lesion in lesions if lesion.likely]
    in_one = [x for x in likely if ct.kind == "volume" and x.slice_range[0] == x.slice_range[1]]
    low = [lesion for lesion in likely if lesion.mean_hu < FAT_BELOW_HU]
    gas = [lesion for lesion in low if lesion.mean_hu < GAS_BELOW_HU]
    fat = [lesion for lesion in low if lesion.mean_hu >= GAS_BELOW_HU]
    fat_reason = "fat lesion"
    if fat and float(ct.hu.min()) > GAS_BELOW_HU:
        fat_reason = "fat or gas lesion"
    bone = [lesion for lesion in likely if lesion.mean_hu > BONE_ABOVE_HU]
    groups = (("one-slice lesion", in_one), ("gas lesion", gas), (fat_reason, fat), ("bone lesion", bone))
    return [make_doubt(CHECK, reason, **_names(group)) for reason, group in groups if group]


def _names(lesions: Sequence[Lesion]) -> dict[str, str]:
    """The values of a sentence's placeholders: the lesions by number, and the verb that follows.

    More than `NAMED_LESIONS` are named in part: "Lesions 1, 2, 3, 4, 5, 6, 7, 8 and 3 more".
    """
    numbers = [str(lesion.id) for lesion in lesions]
    if len(numbers) == 1:
        return {"lesions": f"Lesion {numbers[0]}", "are": "is", "have": "has"}
    if len(numbers) > NAMED_LESIONS:
        last = f"{len(numbers) - NAMED_LESIONS} more"
        numbers = [*numbers[:NAMED_LESIONS], last]
    return {"lesions": f"Lesions {', '.join(numbers[:-1])} and {numbers[-1]}", "are": "are", "have": "have"}
