"""Concatenations: one multi-frame image that a scanner stored as several files (PS3.3 C.7.6.16.2.2.4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pydicom

from liverseg.io.dicom.elements import float_values, text_of


@dataclass(frozen=True)
class ConcatenationPart:
    """The place of one file in a concatenation."""

    uid: str
    number: int  # from 1
    total: int | None  # None: the file does not say


def concatenation_part_of(dataset: pydicom.Dataset) -> ConcatenationPart | None:
    """Which part of a concatenation a file is; None if it is none."""
    uid = text_of([dataset], "ConcatenationUID")
    number, total = (
        float_values(dataset, keyword, 1)
        for keyword in ("InConcatenationNumber", "InConcatenationTotalNumber")
    )
    if not uid or number is None:
        return None
    return ConcatenationPart(uid, int(number[0]), None if total is None else int(total[0]))


def concatenation_warnings(parts: Iterable[ConcatenationPart | None]) -> tuple[str, ...]:
    """A warning about the parts that are missing among those of one volume.

    >>> concatenation_warnings([ConcatenationPart("1.2", 1, 2), ConcatenationPart("1.2", 2, 2), None])
    ()
    """
    by_uid: dict[str, set[ConcatenationPart]] = {}
    for part in parts:
        if part is not None:
            by_uid.setdefault(part.uid, set()).add(part)
    for present in by_uid.values():
        numbers = {part.number for part in present}
        totals = [part.total for part in present if part.total is not None]
        if not totals:
            return (
                "The image was stored in several files (a concatenation) that do not say how many they are: "
                "check that all of them are here, or a part of the body is missing.",
            )
        missing = len(set(range(1, max(totals) + 1)) - numbers)
        if missing:
            return (
                f"The image was stored in {max(totals)} files (a concatenation), and {missing} of them "
                f"{'is' if missing == 1 else 'are'} not here: a part of the body is missing, and volumes are "
                "those of the rest.",
            )
    return ()
