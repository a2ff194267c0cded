"""What a user changed in a result, as a part of its report: rejected lesions, labels changed by hand (pure).

The keys of this part are in a report only if something was edited, so that other reports stay as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from liverseg.analysis.amount import Amount
from liverseg.core.labels_file import HandEdits

EDIT_DEFINITIONS = {
    "edited": "what the user changed: the numbers of the rejected lesions, their count and size. made_at is "
    "the tumour threshold, the lesion cut and the numbers with which they were rejected; lapsed counts "
    "lesions rejected there that are part of lesions that count here",
    "rejected": "the user rejected the lesion: it keeps its number, its label is liver, likely is false, and "
    "tumour, unsure and tumour_share_of_liver leave it out",
}
"""Definitions of the terms of an edited report; written into it."""

HAND_EDIT_DEFINITIONS = {
    "by_hand": "how the labels differ from those of the result that was corrected, in pixels or voxels: "
    "changed in all, and those that liver (label 1) and tumour (label 2) gained and lost",
}
"""Definition of the term that a result corrected by hand adds."""

EDIT_COLUMNS = ("rejected",)
"""Columns of the CSV table of an edited report, after those of every table."""


@dataclass(frozen=True)
class RejectionSettings:
    """The settings at which lesions were rejected, and their numbers there."""

    threshold: float  # tumour probability from which a pixel is labelled tumour
    lesion_cut: float | None  # lesion probability from which a lesion is likely; None: no model
    rejected: tuple[int, ...]


@dataclass(frozen=True)
class UserEdits:
    """The lesions that the user rejected, and the labels changed by hand."""

    rejected: tuple[int, ...]  # their numbers in the report
    size: Amount  # of all of them
    made_at: RejectionSettings | None  # None: no lesion was rejected
    lapsed: int = 0  # lesions rejected at `made_at` that are part of lesions that count
    by_hand: HandEdits | None = None  # None: no label was changed, or the labels before are not known

    def to_dict(self) -> dict[str, Any]:
        """`{rejected, count, …, made_at, lapsed}`, with the size as in `Amount.to_dict`; then `by_hand`."""
        size = {"count": len(self.rejected), **self.size.to_dict()}
        made = self.made_at and asdict(self.made_at)
        by_hand = {} if self.by_hand is None else {"by_hand": _hand_dict(self.by_hand)}
        return {"rejected": self.rejected, **size, "made_at": made, "lapsed": self.lapsed, **by_hand}

    @property
    def definitions(self) -> dict[str, str]:
        """Definitions of the terms of these edits, for the report."""
        return EDIT_DEFINITIONS | ({} if self.by_hand is None else HAND_EDIT_DEFINITIONS)


def _hand_dict(edits: HandEdits) -> dict[str, Any]:
    return {
        "changed": edits.changed,
        "liver": {"added": edits.liver_added, "removed": edits.liver_removed},
        "tumour": {"added": edits.tumour_added, "removed": edits.tumour_removed},
    }
