"""`segment` on several inputs: one result folder for each, then a summary. Refused inputs do not stop it."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.cli.output import print_left_out, print_refusal, report_summary, size_and_count
from liverseg.errors import LiversegError, SeriesChoice

if TYPE_CHECKING:
    from liverseg.analysis.report import Report


@dataclass(frozen=True)
class SegmentedInput:
    """The report of one input, the files written, and why formats that were asked for were left out."""

    report: Report
    written: tuple[Path, ...] = ()
    left_out: tuple[str, ...] = ()  # one sentence for each reason


SegmentOne = Callable[[str, Path | None], SegmentedInput]
"""Segments one input and, if a folder is given, writes the results there."""

_EXTENSIONS = re.compile(
    r"\.(nii\.gz|nii|seg\.nrrd|nrrd|nhdr|mha|mhd|dcm|zip|png|jpe?g|tiff?|webp)$", re.IGNORECASE
)
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_NAME_LENGTH = 80
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchResult:
    """The report of one input, or its refusal."""

    source: str  # as given on the command line
    name: str  # of the result folder
    folder: Path | None  # None: nothing is written
    report: Report | None = None
    refusal: LiversegError | None = None
    left_out: tuple[str, ...] = ()  # as in `SegmentedInput`

    def to_dict(self) -> dict[str, Any]:
        """`{input, folder, report}`, or `{input, error}`, with `series` if one must be chosen.

        `left_out` has the reasons against formats that were asked for and not written, if there are any.
        """
        if self.report is None:
            series = self.refusal.series if isinstance(self.refusal, SeriesChoice) else ()
            choices = {"series": [asdict(info) for info in series]} if series else {}
            return {"input": self.source, "error": str(self.refusal), **choices}
        folder = None if self.folder is None else str(self.folder)
        missing = {"left_out": list(self.left_out)} if self.left_out else {}
        return {"input": self.source, "folder": folder, "report": self.report.to_dict(), **missing}


def stem_of(name: str) -> str:
    """The name of a file without the extension of a format.

    >>> stem_of("ct.nii.gz"), stem_of("a.b.seg.nrrd"), stem_of("series")
    ('ct', 'a.b', 'series')
    """
    return _EXTENSIONS.sub("", name)


def folder_names(sources: Sequence[str]) -> list[str]:
    """A safe folder name for each input, taken from its own name; equal names are numbered.

    >>> folder_names(["a/ct.nii.gz", "b/ct.dcm", "CT", "x y/../", "nul.png"])
    ['ct', 'ct-2', 'CT-3', 'input', 'nul_']
    """
    names: list[str] = []
    taken: set[str] = set()
    for source in sources:
        name = re.sub(r"[^\w.+-]+", "_", stem_of(Path(source).name))
        name = name[:_MAX_NAME_LENGTH].strip(". ") or "input"
        if _RESERVED_ON_WINDOWS.fullmatch(name):
            name += "_"
        unique, count = name, 1
        while unique.lower() in taken:  # some file systems ignore case
            count += 1
            unique = f"{name}-{count}"
        taken.add(unique.lower())
        names.append(unique)
    return names


def segment_all(sources: Sequence[str], out: Path | None, as_json: bool, segment_one: SegmentOne) -> int:
    """Segment every input; print reports and refusals. Returns the exit status.

    It is 1 if an input was refused, or a format of one was left out.
    """
    results = []
    for name, source in zip(folder_names(sources), sources, strict=True):
        result = _segment_input(source, name, None if out is None else out / name, segment_one)
        results.append(result)
        if result.refusal is not None:
            print_refusal(result.refusal, f"{name}: ")
        elif not as_json and result.report is not None:
            print(f"{name}\n{report_summary(result.report)}", flush=True)
        print_left_out(result.left_out, f"{name}: ")
    if as_json:
        print(json.dumps([result.to_dict() for result in results], indent=2, ensure_ascii=False))
    else:
        print(_summary_table(results))
    return int(any(result.report is None or result.left_out for result in results))


def _segment_input(source: str, name: str, folder: Path | None, segment_one: SegmentOne) -> BatchResult:
    try:
        done = segment_one(source, folder)
    except LiversegError as refusal:
        return BatchResult(source, name, folder, refusal=refusal)
    except Exception as error:  # an unexpected error must not stop the other inputs
        frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
        _log.error("unexpected %s at %s", type(error).__name__, " > ".join(frames))
        refusal = LiversegError(f"Something went wrong ({type(error).__name__}).")
        return BatchResult(source, name, folder, refusal=refusal)
    return BatchResult(source, name, folder, done.report, left_out=done.left_out)


def _summary_table(results: Sequence[BatchResult]) -> str:
    done = sum(result.report is not None for result in results)
    width = max(len(result.name) for result in results)
    lines = [f"{done} of {len(results)} inputs segmented"]
    lines += [f"  {result.name:<{width}}  {_summary_line(result)}" for result in results]
    return "\n".join(lines)


def _summary_line(result: BatchResult) -> str:
    report = result.report
    if report is None:
        return f"refused: {result.refusal}"
    from liverseg.analysis.report_text import unsure_text

    count, unsure = len(report.likely_lesions), unsure_text(report)
    lesions = f"{count} lesion{'' if count == 1 else 's'}" + (f"; {unsure}" if unsure else "")
    where = "" if result.folder is None else f", in {result.folder}"
    return f"liver {size_and_count(report.liver)}, tumour {size_and_count(report.tumour)}, {lesions}{where}"
