"""Candidate lesions of a cross-validation, each predicted by the run that did not train on its scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class CandidateTable:
    """The candidates of all scans, n in number, and the reference lesions that they touch."""

    features: dict[str, np.ndarray]  # (n,) float64 each, by the names of `lesion_model.FEATURES`
    real: np.ndarray  # (n,) bool: touches a reference lesion
    scan: np.ndarray  # (n,) the name of the scan
    references: tuple[tuple[str, tuple[int, ...]], ...]  # scan and candidates of each reference lesion
    groups: dict[str, str]  # scan -> group, for every scan, also those without candidates

    @property
    def scans(self) -> tuple[str, ...]:
        """All scans."""
        return tuple(self.groups)

    @property
    def tumour_free(self) -> tuple[str, ...]:
        """The scans without a reference lesion."""
        shown = {scan for scan, _ in self.references}
        return tuple(scan for scan in self.groups if scan not in shown)

    @property
    def group(self) -> np.ndarray:
        """(n,) the group of each candidate; groups are left out as a whole."""
        return np.array([self.groups[scan] for scan in self.scan], dtype=object)


@dataclass(frozen=True)
class Outcome:
    """What the candidates kept by a rule amount to."""

    recall: float | None  # share of the reference lesions that a kept candidate touches; None: no lesions
    precision: float | None  # share of the kept candidates that are real; None: nothing is kept
    false_per_scan: float
    found: int
    lesions: int
    kept: int
    true: int
    tumour_free_with_lesion: int  # scans without a reference lesion that keep a candidate


def outcome(table: CandidateTable, kept: np.ndarray) -> Outcome:
    """The outcome of keeping the candidates where `kept` (n,) bool is True."""
    found = sum(bool(kept[list(touching)].any()) for _, touching in table.references if touching)
    lesions, count, true = len(table.references), int(kept.sum()), int((kept & table.real).sum())
    with_lesion = {scan for scan in table.tumour_free if kept[table.scan == scan].any()}
    return Outcome(
        recall=found / lesions if lesions else None,
        precision=true / count if count else None,
        false_per_scan=(count - true) / len(table.groups),
        found=found,
        lesions=lesions,
        kept=count,
        true=true,
        tumour_free_with_lesion=len(with_lesion),
    )
