"""What a user changed in a result, as a part of its report: the rejected lesions (pure).

The keys of this part are in a report only if a lesion was rejected, so that other reports stay as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from liverseg.analysis.amount import Amount

EDIT_DEFINITIONS = {
    "edited": "what the user changed: the numbers of the rejected lesions, their count and size. made_at is "
    "the tumour threshold, the lesion cut and the numbers with which they were rejected; lapsed counts "
    "lesions rejected there that are part of lesions that count here",
    "rejected": "the user rejected the lesion: it keeps its number, its label is liver, likely is false, and "
    "tumour, unsure and tumour_share_of_liver leave it out",
}
"""Definitions of the terms of an edited report; written into it."""

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
    """The lesions that the user rejected."""

    rejected: tuple[int, ...]  # their numbers in the report
    size: Amount  # of all of them
    made_at: RejectionSettings
    lapsed: int = 0  # lesions rejected at `made_at` that are part of lesions that count

    def to_dict(self) -> dict[str, Any]:
        """`{rejected, count, …, made_at, lapsed}`, with the size as in `Amount.to_dict`."""
        size = {"count": len(self.rejected), **self.size.to_dict()}
        return {"rejected": self.rejected, **size, "made_at": asdict(self.made_at), "lapsed": self.lapsed}
