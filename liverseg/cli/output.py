"""Texts that the commands print: the summary of a report, sizes, refusals."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.errors import LiversegError, SeriesChoice

if TYPE_CHECKING:
    from liverseg.analysis.report import Amount, Report

_NUMBER = re.compile(r"_\d{4}(?=\.dcm$)")


def report_summary(report: Report) -> str:
    """The report in a few lines: checkpoint or labels file, sizes, share, lesions, notes."""
    from liverseg.analysis.report_text import labels_file_rows

    lines = [f"checkpoint  {report.checkpoint.ref}, {report.engine}"]
    if report.labels_file is not None:
        lines = [f"labels      {labels_file_rows(report.labels_file)[0][1]}"]
    for name, amount in (("liver", report.liver), ("tumour", report.tumour)):
        lines.append(f"{name:<10}  {size_and_count(amount)}")
    share = report.tumour_share_of_liver
    lines.append(
        "share       " + ("no liver found" if share is None else f"{share:.1%} of the liver is tumour")
    )
    lines += _lesion_headline(report)
    for lesion in report.lesions:
        diameters = (
            f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
            if lesion.longest_diameter_mm is not None
            else f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} px"
        )
        name = "rejected" if lesion.rejected else "lesion" if lesion.likely else "unsure"
        own = lesion.lesion_probability
        real = "" if own is None else f", lesion probability {own:.2f}"
        peak = lesion.peak_probability
        lines.append(
            f"{name} {lesion.id:<3}  {diameters}"
            + ("" if peak is None else f", peak probability {peak:.2f}")
            + real
        )
    lines += [f"note        {warning}" for warning in report.warnings]
    return "\n".join(lines) + "\n"


def _lesion_headline(report: Report) -> list[str]:
    """The headline of the lesions, and what the lesion cut gave in cross-validation.

    No line without a lesion model, and no headline if then no lesion is rejected: every lesion is likely.
    """
    from liverseg.analysis.report_text import lesion_headline, operating_point_sentence

    decision, headline = report.decision, f"lesions     {lesion_headline(report)}"
    if decision is None or decision.cut is None:
        return [] if report.edited is None else [headline]
    return [
        headline,
        f"cut         {decision.cut:g}. {operating_point_sentence(decision.point)}",
    ]


def size(amount: Amount, signed: bool = False) -> str:
    """A size in mL or mm², or in voxels or pixels if the spacing is unknown; `signed` adds a plus sign."""
    from liverseg.analysis.report_text import size_and_unit

    text, unit = size_and_unit(amount)
    if amount.volume_ml is None and amount.area_mm2 is None:
        text = str(amount.count)
    return f"+{text} {unit}" if signed and amount.count >= 0 else f"{text} {unit}"


def size_and_count(amount: Amount) -> str:
    """A size with its unit, and the number of pixels or voxels behind it."""
    if amount.volume_ml is None and amount.area_mm2 is None:
        return size(amount)
    return f"{size(amount)} ({amount.count} {'voxels' if amount.kind == 'volume' else 'pixels'})"


def print_refusal(refusal: LiversegError, prefix: str = "") -> None:
    """Print a refusal on standard error: its sentence, then one line for each series to choose from."""
    print(f"{prefix}{refusal}", file=sys.stderr, flush=True)
    for info in refusal.series if isinstance(refusal, SeriesChoice) else ():
        print(f"  --series {info.line()}", file=sys.stderr, flush=True)


def written_lines(paths: Sequence[Path]) -> list[str]:
    """One line for each file that was written; the numbered files of a series share one.

    >>> written_lines([Path("a/r.csv"), *(Path(f"a/s_000{k}.dcm") for k in (3, 4))])
    ['wrote a/r.csv', 'wrote a/s_0003.dcm to s_0004.dcm']
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_NUMBER.sub("", str(path)), []).append(path)
    return [
        f"wrote {group[0]}" + (f" to {group[-1].name}" if len(group) > 1 else "") for group in groups.values()
    ]


def print_left_out(sentences: tuple[str, ...], prefix: str = "") -> None:
    """Print on standard error why formats were left out, one sentence a line."""
    for sentence in sentences:
        print(f"{prefix}{sentence}", file=sys.stderr, flush=True)
