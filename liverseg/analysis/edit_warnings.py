"""The edits of a segmentation for its report, and the sentences about them (pure)."""

from __future__ import annotations

import numpy as np

from liverseg.analysis.amount import Amount
from liverseg.analysis.edits import RejectionSettings, UserEdits
from liverseg.analysis.report_text import count_text, number_list, size_text, threshold_text
from liverseg.core.segmentation import Segmentation

NAMED_LESIONS = 12
"""Largest number of rejected lesions that a sentence names."""


def rejected_count(seg: Segmentation) -> int:
    """The number of pixels or voxels of the rejected lesions."""
    candidates = seg.candidates
    return 0 if candidates is None else int(np.sum(candidates.components.sizes[candidates.is_rejected]))


def find_edits(seg: Segmentation, size: Amount) -> UserEdits | None:
    """The edits of a segmentation; None where no lesion is rejected, no rejection has lapsed and no label
    was changed by hand.

    `size` is that of `rejected_count`.
    """
    made, rejected = seg.rejections, seg.rejected
    if made is None or not (rejected or made.lapsed):
        by_hand = seg.hand_edits
        return None if by_hand is None else UserEdits((), size, None, by_hand=by_hand)
    settings = RejectionSettings(float(made.threshold), made.cut, made.numbers)
    return UserEdits(rejected, size, settings, made.lapsed, seg.hand_edits)


def edit_warnings(edits: UserEdits | None) -> list[str]:
    """One sentence about the rejected lesions and one about lapsed rejections, where there are any."""
    if edits is None:
        return []
    warnings = []
    count = len(edits.rejected)
    if count:
        named, size = number_list(edits.rejected, NAMED_LESIONS), size_text(edits.size)
        warnings.append(
            f"Edited by the user: lesion {named} was rejected, {size}. It is labelled liver and not counted "
            "as tumour."
            if count == 1
            else f"Edited by the user: lesions {named} were rejected, {size} together. They are labelled "
            "liver and not counted as tumour."
        )
    if edits.by_hand is not None:
        unit = "voxel" if edits.size.kind == "volume" else "pixel"
        changed = count_text(edits.by_hand.changed, unit)
        warnings.append(f"Edited by hand: the labels differ in {changed} from the original.")
    if edits.lapsed and edits.made_at is not None:
        at = f"at the tumour threshold {threshold_text(edits.made_at.threshold)}"
        warnings.append(
            f"1 lesion that was rejected {at} is part of a lesion that counts here: check that lesion."
            if edits.lapsed == 1
            else f"{edits.lapsed} lesions that were rejected {at} are part of lesions that count here: check "
            "these lesions."
        )
    return warnings
