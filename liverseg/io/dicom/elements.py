"""Reads the values of DICOM elements in the spellings of many writers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pydicom


def as_list(value: object) -> list:
    """The values of an element as a list: empty for a missing value, of length 1 for a single one."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def float_values(dataset: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The `count` values of an element; None if it has another number of values or one that is not finite.

    Accepts decimal commas and commas as separators, which some writers use against the standard.
    """
    try:
        stored = as_list(dataset.get(keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    try:
        values = tuple(float(value) for value in stored)
    except (TypeError, ValueError, OverflowError):
        values = _parse_commas([str(value) for value in stored], count)
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def _parse_commas(parts: list[str], count: int) -> tuple[float, ...]:
    """Numbers with decimal commas or separated by commas; () if the texts are not such numbers.

    >>> _parse_commas(["0,8", "0,7"], 2), _parse_commas(["0.8,0.7"], 2), _parse_commas(["0.8 mm"], 1)
    ((0.8, 0.7), (0.8, 0.7), ())
    """
    if len(parts) == 1 and count > 1 and parts[0].count(",") == count - 1:
        parts = parts[0].split(",")
    try:
        return tuple(float(part.replace(",", ".")) for part in parts)
    except ValueError:
        return ()


def text_of(datasets: Iterable[pydicom.Dataset], keyword: str) -> str:
    """An element as text, from the first dataset that has it; "" if it is absent or damaged everywhere."""
    for dataset in datasets:
        try:
            values = as_list(dataset.get(keyword))
        except (TypeError, ValueError, OverflowError):  # raised by pydicom for text that is not a number
            continue
        if values:
            return "\\".join(str(value).strip() for value in values)
    return ""
