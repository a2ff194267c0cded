"""Comparison of two reports, value by value: is the result reproduced? (pure)"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from liverseg.errors import InvalidSetting

IGNORED_KEYS = ("timing_s", "software", "engine", "definitions", "created")
"""Top-level keys of a report that are not part of the result."""

IGNORED_PATHS = (("checkpoint", "registry"), ("checkpoint", "revision"))
"""Where the weights were found, which does not change them."""

SENTENCE_KEYS = ("warnings", "doubts")
"""Keys with sentences, whose wording may change between versions: only their number, and other values beside
them, belong to the result."""

ADDED_KEYS = ("unsure", "faint", "lesion_cut", "operating_point", "likely", "lesion_probability")
"""Keys that reports of older versions lack. There they are not part of the result."""

ABSENT_VALUES = {"rejected": False}
"""Values of keys that only the reports of edited results have."""

REQUIRED_KEYS = ("input", "checkpoint", "engine", "tumour_threshold", "liver", "tumour", "lesions")


def parse_report(text: str | bytes) -> dict[str, Any]:
    """Parse a `report.json`. Raises `InvalidSetting` for anything else.

    >>> parse_report("[]")
    Traceback (most recent call last):
    liverseg.errors.InvalidSetting: The report is not a report.json of liverseg.
    """
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidSetting("The report is not JSON.") from None
    if not isinstance(report, dict) or any(key not in report for key in REQUIRED_KEYS):
        raise InvalidSetting("The report is not a report.json of liverseg.")
    if report.get("labels_file") is not None:
        raise InvalidSetting(
            "The report is about labels from a file, which no checkpoint made; measure that file again."
        )
    checkpoint, measured = report["checkpoint"], report["input"]
    if (
        not isinstance(checkpoint, dict)
        or not isinstance(measured, dict)
        or not isinstance(report["engine"], str)
    ):
        raise InvalidSetting("The report is not a report.json of liverseg.")
    if not all(isinstance(checkpoint.get(key), str) for key in ("ref", "sha256")):
        raise InvalidSetting("The report does not name its checkpoint.")
    if not isinstance(report.get("settings"), dict):
        raise InvalidSetting(
            "The report has no settings: it was written by an older version of liverseg and cannot be "
            "reproduced."
        )
    return report


def result_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each value of the result that differs: `key: before, now after`.

    >>> result_differences({"tumour": {"pixels": 3}, "timing_s": {"network": 1}}, {"tumour": {"pixels": 4}})
    ['tumour.pixels: 3, now 4']
    """
    return [line for line in _walk(before, after, ()) if line]


def software_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One line for each difference in the engine and in the versions of software."""
    keys = ("engine", "software")
    old, new = ({key: report.get(key) for key in keys} for report in (before, after))
    return list(_walk(old, new, (), everything=True))


def _walk(before: Any, after: Any, path: tuple[str, ...], everything: bool = False) -> Iterator[str]:
    if not everything and (path[:1] and path[0] in IGNORED_KEYS or path in IGNORED_PATHS):
        return
    if (
        path[:1]
        and path[0] in SENTENCE_KEYS
        and isinstance(before, str)
        and (path[0] == "warnings" or path[-1] == "sentence")
    ):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            if key in ADDED_KEYS and key not in before:
                continue
            old, new = (report.get(key, ABSENT_VALUES.get(key)) for report in (before, after))
            yield from _walk(old, new, (*path, str(key)), everything)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk(old, new, (*path, str(index)), everything)
    elif before != after:
        yield f"{'.'.join(path)}: {_value_text(before)}, now {_value_text(after)}"


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} items"
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
