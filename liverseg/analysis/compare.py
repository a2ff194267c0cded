"""Two segmentations of one CT image side by side: how much they share, and where they differ (pure).

Neither is a reference, so nothing here is right or wrong: A and B, what both found, and what only one
of them did. Per slice the pairs of labels are counted once, and every number is a function of the counts.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from liverseg.analysis.lesion_matching import LesionMatch, match_lesions
from liverseg.analysis.measure import amount, share_of_liver
from liverseg.analysis.metrics.overlap import Counts, dice
from liverseg.analysis.report import Amount, Report, plain
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CLASSES, LIVER, TUMOUR, CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting

DEFINITIONS = {
    "liver": "label 1: liver without its tumours, as in the reports",
    "tumour": "label 2",
    "organ": "labels 1 and 2: the liver with its tumours, which is what the liver Dice of LiTS is taken of",
    "difference": "B - A; relative_difference is (B - A) / A, null where A has none",
    "dice": "2 both / (A + B), symmetric; null where neither has any",
    "lesions": "lesions of A and of B that share a pixel or are linked by one that does; numbers as in the "
    "reports, from 1, the largest first; an empty list: only the other has it",
    "most_different_slice": "the slice, from 0, with most pixels that only one calls so; null where none is",
}
"""What the words of `Agreement.to_dict` mean; written into it."""


@dataclass(frozen=True)
class Overlap:
    """One structure in A and in B."""

    a: Amount
    b: Amount
    both: Amount
    only_a: Amount
    only_b: Amount
    most_different_slice: int | None  # from 0; None: the same in every slice

    @property
    def dice(self) -> float | None:
        """2 both / (A + B); None where neither has any."""
        value = dice(Counts(self.both.count, self.only_b.count, self.only_a.count))
        return None if math.isnan(value) else value

    @property
    def difference(self) -> Amount:
        """B - A, negative where B has less."""
        return Amount(
            self.a.kind,
            self.b.count - self.a.count,
            _minus(self.b.area_mm2, self.a.area_mm2),
            _minus(self.b.volume_ml, self.a.volume_ml),
        )

    @property
    def relative_difference(self) -> float | None:
        """(B - A) / A; None where A has none."""
        return self.difference.count / self.a.count if self.a.count else None

    def to_dict(self) -> dict[str, Any]:
        """Amounts as in the report, each under its name, with Dice and both differences."""
        names = ("a", "b", "difference", "both", "only_a", "only_b")
        return {
            **{name: getattr(self, name).to_dict() for name in names},
            "relative_difference": self.relative_difference,
            "dice": self.dice,
            "most_different_slice": self.most_different_slice,
        }


@dataclass(frozen=True)
class Agreement:
    """How two segmentations, A and B, of one CT image on one grid agree."""

    checkpoint_a: CheckpointIdentity
    checkpoint_b: CheckpointIdentity
    tumour_threshold_a: float
    tumour_threshold_b: float
    liver: Overlap  # label 1
    tumour: Overlap  # label 2
    organ: Overlap  # labels 1 and 2
    differing: Amount  # where the labels differ, whichever they are
    most_different_slice: int | None  # with most differing pixels, from 0; None: the labels are the same
    tumour_share_of_liver_a: float | None
    tumour_share_of_liver_b: float | None
    lesions: tuple[LesionMatch, ...]  # in both, then only in A, then only in B, each the largest first

    @property
    def share_difference(self) -> float | None:
        """Tumour share of the liver of B minus that of A; None where either found no liver."""
        return _minus(self.tumour_share_of_liver_b, self.tumour_share_of_liver_a)

    def lesions_found_in(self, which: str) -> tuple[LesionMatch, ...]:
        """The matches of "both", "a" or "b"."""
        return tuple(match for match in self.lesions if match.found_in == which)

    def to_dict(self) -> dict[str, Any]:
        """The agreement as plain dicts, lists, strings and finite numbers."""
        told: dict[str, Any] = plain(
            {
                "checkpoint_a": asdict(self.checkpoint_a),
                "checkpoint_b": asdict(self.checkpoint_b),
                "tumour_threshold_a": self.tumour_threshold_a,
                "tumour_threshold_b": self.tumour_threshold_b,
                "liver": self.liver.to_dict(),
                "tumour": self.tumour.to_dict(),
                "organ": self.organ.to_dict(),
                "tumour_share_of_liver": {
                    "a": self.tumour_share_of_liver_a,
                    "b": self.tumour_share_of_liver_b,
                    "difference": self.share_difference,
                },
                "differing": self.differing.to_dict(),
                "most_different_slice": self.most_different_slice,
                "lesions": [match.to_dict() for match in self.lesions],
                "definitions": DEFINITIONS,
            }
        )
        return told


def compare(ct: CTImage, a: Segmentation, b: Segmentation) -> Agreement:
    """Compare two segmentations of `ct`, labels (S, H, W) on its grid.

    Sizes are in mm² or mL where the spacing is known. Raises `InvalidSetting` when a segmentation is
    not on the grid of `ct`.
    """
    if not ct.shape == a.labels.shape == b.labels.shape:
        raise InvalidSetting("Two segmentations are compared on the grid of one CT image, and these are not.")
    pairs = label_pairs(a.labels, b.labels)
    liver, tumour = _membership(LIVER), _membership(TUMOUR)
    differing = (pairs * ~np.eye(len(CLASSES), dtype=bool)).sum(axis=(1, 2))
    overlaps = {"liver": liver, "tumour": tumour, "organ": liver | tumour}
    found = {name: _overlap(ct, pairs, inside) for name, inside in overlaps.items()}
    return Agreement(
        checkpoint_a=a.checkpoint,
        checkpoint_b=b.checkpoint,
        tumour_threshold_a=a.threshold,
        tumour_threshold_b=b.threshold,
        **found,
        differing=amount(ct, int(differing.sum())),
        most_different_slice=_most(differing),
        tumour_share_of_liver_a=share_of_liver(found["liver"].a.count, found["tumour"].a.count),
        tumour_share_of_liver_b=share_of_liver(found["liver"].b.count, found["tumour"].b.count),
        lesions=match_lesions(ct, a.labels == TUMOUR, b.labels == TUMOUR),
    )


def comparison_dict(agreement: Agreement, report_a: Report, report_b: Report) -> dict[str, Any]:
    """The agreement and what it is of: `{agreement, report_a, report_b}`."""
    return {
        "agreement": agreement.to_dict(),
        "report_a": report_a.to_dict(),
        "report_b": report_b.to_dict(),
    }


def comparison_json(agreement: Agreement, report_a: Report, report_b: Report) -> str:
    """The same as strict JSON (no NaN), indented, UTF-8 characters as they are."""
    told = comparison_dict(agreement, report_a, report_b)
    return json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def label_pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How often each pair of labels (0, 1, 2) meets: (S, H, W) twice -> (S, 3, 3), A down, B across.

    >>> label_pairs(np.array([[[0, 1, 2, 2]]]), np.array([[[0, 1, 1, 2]]]))[0].tolist()
    [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    """
    kinds = len(CLASSES)
    counted = [  # slice by slice, so that a volume needs no copy of itself
        np.bincount((kinds * one_a + one_b).ravel(), minlength=kinds**2)
        for one_a, one_b in zip(a, b, strict=True)
    ]
    return np.array(counted, np.int64).reshape(-1, kinds, kinds)


def _membership(label: int) -> np.ndarray:
    """(3,) which labels are meant."""
    return np.array([k == label for k in range(len(CLASSES))])


def _overlap(ct: CTImage, pairs: np.ndarray, inside: np.ndarray) -> Overlap:
    """The structure of the labels `inside` (3,), from the pairs (S, 3, 3) of every slice."""
    both = pairs[:, inside][:, :, inside].sum(axis=(1, 2))
    only_a = pairs[:, inside][:, :, ~inside].sum(axis=(1, 2))
    only_b = pairs[:, ~inside][:, :, inside].sum(axis=(1, 2))
    shared, first, second = (int(counts.sum()) for counts in (both, only_a, only_b))
    in_a, in_b, in_both, in_first, in_second = (
        amount(ct, count) for count in (shared + first, shared + second, shared, first, second)
    )
    return Overlap(in_a, in_b, in_both, in_first, in_second, _most(only_a + only_b))


def _most(differing: np.ndarray) -> int | None:
    """The first slice with most differing pixels; None where there are none."""
    return int(differing.argmax()) if differing.any() else None


def _minus(b: float | None, a: float | None) -> float | None:
    return None if a is None or b is None else b - a
