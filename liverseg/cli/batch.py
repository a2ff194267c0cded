"""`segment` on several inputs: a folder of results each, on past a bad one, and a summary at the end."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.cli.output import tell_refusal
from liverseg.errors import LiversegError, SeriesChoice

if TYPE_CHECKING:
    from liverseg.analysis.report import Report

SegmentOne = Callable[[str, Path | None], "tuple[Report, list[Path]]"]
"""Segments one input and writes it to a folder, where one is given."""

_ENDINGS = re.compile(r"\.(nii\.gz|nii|dcm|zip|png|jpe?g)$", re.IGNORECASE)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows
_LONGEST = 80
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    source: str  # as given
    name: str  # of its folder
    folder: Path | None
    report: Report | None  # None: refused
    refusal: str = ""
    series: tuple = ()  # those to choose from, where that is why

    def to_dict(self) -> dict[str, Any]:
        """`{input, folder, report}`, or `{input, error}` with the series to choose from, if that is why."""
        if self.report is None:
            choices = {"series": [asdict(info) for info in self.series]} if self.series else {}
            return {"input": self.source, "error": self.refusal, **choices}
        folder = None if self.folder is None else str(self.folder)
        return {"input": self.source, "folder": folder, "report": self.report.to_dict()}


def folder_names(sources: Sequence[str]) -> list[str]:
    """A folder name for each input: its own name made safe, numbered where two would be the same.

    >>> folder_names(["a/ct.nii.gz", "b/ct.dcm", "CT", "x y/../", "nul.png"])
    ['ct', 'ct-2', 'CT-3', 'input', 'nul_']
    """
    names: list[str] = []
    taken: set[str] = set()
    for source in sources:
        name = re.sub(r"[^\w.+-]+", "_", _ENDINGS.sub("", Path(source).name))[:_LONGEST].strip(". ")
        name = name or "input"
        if _RESERVED.fullmatch(name):
            name += "_"
        unique, count = name, 1
        while unique.lower() in taken:  # file systems may not tell upper from lower case
            count += 1
            unique = f"{name}-{count}"
        taken.add(unique.lower())
        names.append(unique)
    return names


def run_all(sources: Sequence[str], out: Path | None, as_json: bool, segment_one: SegmentOne) -> int:
    """Segment every input, print what came of it, and return the exit status: 1 where one was refused."""
    from liverseg.cli.output import summary

    outcomes = []
    for name, source in zip(folder_names(sources), sources, strict=True):
        outcome = _outcome(source, name, None if out is None else out / name, segment_one)
        outcomes.append(outcome)
        if outcome.report is None:
            tell_refusal(outcome.refusal, outcome.series, f"{name}: ")
        elif not as_json:
            print(f"{name}\n{summary(outcome.report)}", flush=True)
    if as_json:
        print(json.dumps([outcome.to_dict() for outcome in outcomes], indent=2, ensure_ascii=False))
    else:
        print(_table(outcomes))
    return int(any(outcome.report is None for outcome in outcomes))


def _outcome(source: str, name: str, folder: Path | None, segment_one: SegmentOne) -> Outcome:
    try:
        report, _ = segment_one(source, folder)
    except SeriesChoice as choice:
        return Outcome(source, name, folder, None, str(choice), choice.series)
    except LiversegError as refusal:
        return Outcome(source, name, folder, None, str(refusal))
    except Exception as error:  # a fault of ours must not cost the other inputs: told, and exit 1
        places = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
        _log.error("unexpected %s at %s", type(error).__name__, " > ".join(places))
        return Outcome(source, name, folder, None, f"Something went wrong ({type(error).__name__}).")
    return Outcome(source, name, folder, report)


def _table(outcomes: Sequence[Outcome]) -> str:
    done = sum(outcome.report is not None for outcome in outcomes)
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [f"{done} of {len(outcomes)} inputs segmented"]
    lines += [f"  {outcome.name:<{width}}  {_result(outcome)}" for outcome in outcomes]
    return "\n".join(lines)


def _result(outcome: Outcome) -> str:
    from liverseg.cli.output import amount_text

    report = outcome.report
    if report is None:
        return f"refused: {outcome.refusal}"
    count = len(report.lesions)
    lesions = f"{count} lesion{'' if count == 1 else 's'}"
    where = "" if outcome.folder is None else f", in {outcome.folder}"
    return f"liver {amount_text(report.liver)}, tumour {amount_text(report.tumour)}, {lesions}{where}"
