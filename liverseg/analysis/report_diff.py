"""Whether a report comes out again: two reports compared number by number (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from liverseg.errors import InvalidSetting

NOT_RESULTS = ("timing_s", "software", "engine", "definitions", "created")
"""Parts of a report that may differ although the result is the same: times, programs, words."""

OF_ELSEWHERE = (("checkpoint", "registry"), ("checkpoint", "revision"))
"""Where the same weights were found."""

NEEDED = ("input", "checkpoint", "engine", "tumour_threshold", "liver", "tumour", "lesions")


def parse_report(text: str | bytes) -> dict[str, Any]:
    """A `report.json` as data. Raises `InvalidSetting` when it is none.

    >>> parse_report("[]")
    Traceback (most recent call last):
    liverseg.errors.InvalidSetting: The report is not a report.json of liverseg.
    """
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidSetting("The report is not JSON.") from None
    if not isinstance(report, dict) or any(key not in report for key in NEEDED):
        raise InvalidSetting("The report is not a report.json of liverseg.")
    checkpoint, given = report["checkpoint"], report["input"]
    if (
        not isinstance(checkpoint, dict)
        or not isinstance(given, dict)
        or not isinstance(report["engine"], str)
    ):
        raise InvalidSetting("The report is not a report.json of liverseg.")
    if not all(isinstance(checkpoint.get(key), str) for key in ("ref", "sha256")):
        raise InvalidSetting("The report does not name its checkpoint.")
    if not isinstance(report.get("settings"), dict):
        raise InvalidSetting(
            "The report does not say what it was made with (settings): it is of a liverseg before that was "
            "written down, and cannot be run again."
        )
    return report


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """A line for each value of the result that differs, `where: before, now after`; none where it is equal.

    >>> differences({"tumour": {"pixels": 3}, "timing_s": {"network": 1}}, {"tumour": {"pixels": 4}})
    ['tumour.pixels: 3, now 4']
    """
    return [line for line in _walk(before, after, ()) if line]


def notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The same for what is no result: the engine and the versions of programs."""
    parts = ("engine", "software")
    told = [{key: report.get(key) for key in parts} for report in (before, after)]
    return list(_walk(*told, (), everything=True))


def _walk(before: Any, after: Any, at: tuple[str, ...], everything: bool = False) -> Iterator[str]:
    if not everything and (at[:1] and at[0] in NOT_RESULTS or at in OF_ELSEWHERE):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _walk(before.get(key), after.get(key), (*at, str(key)), everything)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            yield from _walk(*pair, (*at, str(number)), everything)
    elif before != after:
        yield f"{'.'.join(at)}: {_told(before)}, now {_told(after)}"


def _told(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
