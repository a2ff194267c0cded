"""Comparison of two segmentations, A and B, of one CT image: what they share and where they differ (pure).

Neither segmentation is a reference. The pairs of labels are counted once per slice, and every number follows
from these counts.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from liverseg.analysis.lesion_matching import LesionMatch, match_lesions
from liverseg.analysis.measure import amount_from_count, share_of_liver
from liverseg.analysis.metrics.overlap import Counts, dice
from liverseg.analysis.report import Amount, Report, json_value
from liverseg.core.image import CTImage
from liverseg.core.segmentation import CLASSES, LIVER, TUMOUR, CheckpointIdentity, Segmentation
from liverseg.errors import InvalidSetting

COMPARISON_DEFINITIONS = {
    "liver": "label 1: liver without its tumours, as in the reports",
    "tumour": "label 2",
    "organ": "labels 1 and 2: the liver with its tumours, the structure of the liver Dice in LiTS",
    "difference": "B - A; relative_difference is (B - A) / A, null where A is empty",
    "dice": "2 both / (A + B), symmetric; null where both are empty",
    "lesions": "groups of lesions of A and B that share pixels, directly or through another lesion; numbers "
    "as in the reports, from 1, the largest first; an empty list: found only in the other",
    "most_different_slice": "the slice, from 0, with the most pixels found in only one of them; null: none",
}
"""Definitions of the terms of `Agreement.to_dict`; written into it."""


@dataclass(frozen=True)
class StructureAgreement:
    """One structure in A and in B."""

    a: Amount
    b: Amount
    both: Amount
    only_a: Amount
    only_b: Amount
    most_different_slice: int | None  # from 0; None: equal in every slice

    @property
    def dice(self) -> float | None:
        """2 both / (A + B); None where both are empty."""
        value = dice(Counts(self.both.count, self.only_b.count, self.only_a.count))
        return None if math.isnan(value) else value

    @property
    def difference(self) -> Amount:
        """B - A; negative where B is smaller."""
        return Amount(
            self.a.kind,
            self.b.count - self.a.count,
            _difference(self.b.area_mm2, self.a.area_mm2),
            _difference(self.b.volume_ml, self.a.volume_ml),
        )

    @property
    def relative_difference(self) -> float | None:
        """(B - A) / A; None where A is empty."""
        return self.difference.count / self.a.count if self.a.count else None

    def to_dict(self) -> dict[str, Any]:
        """The amounts by name as in the report, the Dice and both differences."""
        names = ("a", "b", "difference", "both", "only_a", "only_b")
        return {
            **{name: getattr(self, name).to_dict() for name in names},
            "relative_difference": self.relative_difference,
            "dice": self.dice,
            "most_different_slice": self.most_different_slice,
        }


@dataclass(frozen=True)
class Agreement:
    """The agreement of two segmentations, A and B, of one CT image on one grid."""

    checkpoint_a: CheckpointIdentity
    checkpoint_b: CheckpointIdentity
    tumour_threshold_a: float
    tumour_threshold_b: float
    liver: StructureAgreement  # label 1
    tumour: StructureAgreement  # label 2
    organ: StructureAgreement  # labels 1 and 2
    differing: Amount  # pixels with different labels
    most_different_slice: int | None  # slice with the most differing pixels, from 0; None: equal labels
    tumour_share_of_liver_a: float | None
    tumour_share_of_liver_b: float | None
    lesions: tuple[LesionMatch, ...]  # in both, only in A, only in B; each largest first

    @property
    def share_difference(self) -> float | None:
        """Tumour share of the liver of B minus that of A; None where either found no liver."""
        return _difference(self.tumour_share_of_liver_b, self.tumour_share_of_liver_a)

    def lesions_found_in(self, which: str) -> tuple[LesionMatch, ...]:
        """The matches found in `which`: "both", "a" (only A) or "b" (only B)."""
        return tuple(match for match in self.lesions if match.found_in == which)

    def to_dict(self) -> dict[str, Any]:
        """The agreement as plain dicts, lists, strings and finite numbers."""
        result: dict[str, Any] = json_value(
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
                "definitions": COMPARISON_DEFINITIONS,
            }
        )
        return result


def compare(ct: CTImage, a: Segmentation, b: Segmentation) -> Agreement:
    """Compare two segmentations of `ct`, whose labels (S, H, W) lie on the grid of `ct`.

    Sizes are in mm² or mL where the spacing is known. Raises `InvalidSetting` when a segmentation has
    another shape than `ct`.
    """
    if not ct.shape == a.labels.shape == b.labels.shape:
        raise InvalidSetting(
            "The two segmentations do not have the grid of the CT image, so they cannot be compared."
        )
    pairs = label_pairs(a.labels, b.labels)
    liver, tumour = _membership(LIVER), _membership(TUMOUR)
    differing = (pairs * ~np.eye(len(CLASSES), dtype=bool)).sum(axis=(1, 2))
    structures = {"liver": liver, "tumour": tumour, "organ": liver | tumour}
    agreements = {name: _structure_agreement(ct, pairs, inside) for name, inside in structures.items()}
    return Agreement(
        checkpoint_a=a.checkpoint,
        checkpoint_b=b.checkpoint,
        tumour_threshold_a=a.threshold,
        tumour_threshold_b=b.threshold,
        **agreements,
        differing=amount_from_count(ct, int(differing.sum())),
        most_different_slice=_most_different_slice(differing),
        tumour_share_of_liver_a=share_of_liver(agreements["liver"].a.count, agreements["tumour"].a.count),
        tumour_share_of_liver_b=share_of_liver(agreements["liver"].b.count, agreements["tumour"].b.count),
        lesions=tuple(
            replace(match, a=_report_numbers(a, match.a), b=_report_numbers(b, match.b))
            for match in match_lesions(ct, a.labels == TUMOUR, b.labels == TUMOUR)
        ),
    )


def _report_numbers(seg: Segmentation, ranks: tuple[int, ...]) -> tuple[int, ...]:
    """The numbers in the report of the lesions that count, given their ranks by size among these, from 1."""
    if not seg.rejected:
        return ranks
    numbers = [k for k in range(1, max(ranks, default=0) + len(seg.rejected) + 1) if k not in seg.rejected]
    return tuple(numbers[rank - 1] for rank in ranks)


def comparison_dict(agreement: Agreement, report_a: Report, report_b: Report) -> dict[str, Any]:
    """The agreement with both reports: `{agreement, report_a, report_b}`."""
    return {
        "agreement": agreement.to_dict(),
        "report_a": report_a.to_dict(),
        "report_b": report_b.to_dict(),
    }


def comparison_json(agreement: Agreement, report_a: Report, report_b: Report) -> str:
    """`comparison_dict` as indented JSON without NaN; characters outside ASCII are not escaped."""
    content = comparison_dict(agreement, report_a, report_b)
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def label_pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Count each pair of labels per slice: two (S, H, W) arrays to (S, 3, 3), labels of A by labels of B.

    >>> label_pairs(np.array([[[0, 1, 2, 2]]]), np.array([[[0, 1, 1, 2]]]))[0].tolist()
    [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    """
    classes = len(CLASSES)
    counts = [  # slice by slice, to avoid copies of the volume
        np.bincount((classes * slice_a + slice_b).ravel(), minlength=classes**2)
        for slice_a, slice_b in zip(a, b, strict=True)
    ]
    return np.array(counts, np.int64).reshape(-1, classes, classes)


def _membership(label: int) -> np.ndarray:
    """(3,) bool: True at `label`."""
    return np.array([k == label for k in range(len(CLASSES))])


def _structure_agreement(ct: CTImage, pairs: np.ndarray, inside: np.ndarray) -> StructureAgreement:
    """The agreement on the structure made of the labels `inside` (3,), from the label pairs (S, 3, 3)."""
    both = pairs[:, inside][:, :, inside].sum(axis=(1, 2))
    only_a = pairs[:, inside][:, :, ~inside].sum(axis=(1, 2))
    only_b = pairs[:, ~inside][:, :, inside].sum(axis=(1, 2))
    total_both, total_only_a, total_only_b = (int(counts.sum()) for counts in (both, only_a, only_b))
    return StructureAgreement(
        a=amount_from_count(ct, total_both + total_only_a),
        b=amount_from_count(ct, total_both + total_only_b),
        both=amount_from_count(ct, total_both),
        only_a=amount_from_count(ct, total_only_a),
        only_b=amount_from_count(ct, total_only_b),
        most_different_slice=_most_different_slice(only_a + only_b),
    )


def _most_different_slice(differing: np.ndarray) -> int | None:
    """The first slice with the largest of the counts (S,) of differing pixels; None where all are 0."""
    return int(differing.argmax()) if differing.any() else None


def _difference(b: float | None, a: float | None) -> float | None:
    return None if a is None or b is None else b - a
