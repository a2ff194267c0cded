"""`python -m liverseg compare`: segment one input with two checkpoints and show where the results differ."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.cli.options import add_reading_options, settings_of
from liverseg.cli.output import size

if TYPE_CHECKING:
    from liverseg.analysis.compare import Agreement, StructureAgreement
    from liverseg.analysis.lesion_matching import LesionMatch
    from liverseg.analysis.report import Report
    from liverseg.core.window import Window
    from liverseg.pipeline import Comparison

_EXAMPLE = """examples:
  python -m liverseg compare slice.png segformer-b0 segformer-b0-fast --window 60 200
  python -m liverseg compare scan.nii.gz segformer-b0@1.0.0 segformer-b0@1.0.1 --out result --json
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `compare INPUT CHECKPOINT_A CHECKPOINT_B` and its options to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two checkpoints on one CT slice or volume",
        description="Segment one input with two checkpoints, and report and show where the results differ.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="INPUT", help="a file, or a folder or zip of DICOM")
    parser.add_argument("checkpoint_a", metavar="CHECKPOINT_A", help="name or name@version")
    parser.add_argument(
        "checkpoint_b", metavar="CHECKPOINT_B", help="the checkpoint that it is compared with"
    )
    add_reading_options(parser)
    parser.add_argument(
        "--out", metavar="DIR", help="folder for the comparison, its picture and both reports"
    )
    parser.add_argument("--json", action="store_true", help="print the agreement and both reports as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare two checkpoints on one input; print a table or JSON. Returns the exit status."""
    # Imported late, so that `--help` and wrong usage stay quick.
    from liverseg.analysis.compare import comparison_json
    from liverseg.core.slicing import check_slice
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import make_folder
    from liverseg.pipeline import compare_image, read_timed

    settings = settings_of(args)
    if args.out:
        make_folder(args.out)  # refuses an unusable folder before the network runs
    ct, _ = read_timed(args.input, settings)
    if args.slice is not None:
        check_slice(ct, args.slice)
    a, b = (Segmenter.load(ref, engine=args.engine) for ref in (args.checkpoint_a, args.checkpoint_b))
    comparison = compare_image(ct, (a, b), settings)
    written = _write(args.out, comparison, settings.window) if args.out else []
    if args.json:
        print(comparison_json(*_reports(comparison)), end="")
    else:
        print(comparison_table(*_reports(comparison)), end="")
        for path in written:
            print(f"wrote {path}")
    return 0


def _reports(comparison: Comparison) -> tuple[Agreement, Report, Report]:
    return comparison.agreement, comparison.a.report, comparison.b.report


def _write(folder: str, comparison: Comparison, window: Window | None) -> list[Path]:
    """Write the comparison, both reports and a picture of the slice with the most differences."""
    from liverseg.core.window import DEFAULT_WINDOW
    from liverseg.io.write import write_comparison
    from liverseg.rendering.comparison import comparison_overview
    from liverseg.rendering.slice_view import default_slice

    (ct, a), (_, b) = comparison.a.measured, comparison.b.measured
    index = comparison.agreement.most_different_slice
    index = default_slice(a) if index is None else index
    picture = comparison_overview(ct, a, b, index, window or ct.assumed_window or DEFAULT_WINDOW)
    return write_comparison(folder, *_reports(comparison), picture)


def comparison_table(agreement: Agreement, report_a: Report, report_b: Report) -> str:
    """The text of a comparison: both reports side by side, then where the labels agree and differ."""
    rows = [
        ("", "A", "B", "B - A"),
        ("checkpoint", report_a.checkpoint.ref, report_b.checkpoint.ref, ""),
        ("threshold", f"{report_a.tumour_threshold:g}", f"{report_b.tumour_threshold:g}", ""),
        ("liver", *_sizes(agreement.liver)),
        ("tumour", *_sizes(agreement.tumour)),
        ("share", *_shares(agreement)),
        ("lesions", *_counts(len(report_a.likely_lesions), len(report_b.likely_lesions))),
        *_unsure_rows(report_a, report_b),
        ("",) * 4,
        ("", "only A", "only B", "Dice"),
        ("liver+tumour", *_differences(agreement.organ)),
        ("tumour", *_differences(agreement.tumour)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *(_lesion_line(match) for match in agreement.lesions)]
    if agreement.most_different_slice is None:
        lines.append("The labels are the same everywhere.")
    elif report_a.input.shape[0] > 1:
        lines.append(f"The labels differ most in slice {agreement.most_different_slice}.")
    sides = dict.fromkeys(report_a.warnings, "A")
    for warning in report_b.warnings:
        sides[warning] = "both" if warning in sides else "B"
    for warning, side in sides.items():
        lines.append(f"note  {warning}" if side == "both" else f"note on {side}  {warning}")
    return "\n".join(lines) + "\n"


def _unsure_rows(report_a: Report, report_b: Report) -> list[tuple[str, str, str, str]]:
    """The row of unsure lesions; no row if neither checkpoint has a lesion model."""
    decided = [report.decision for report in (report_a, report_b)]
    if all(decision is None or decision.cut is None for decision in decided):
        return []
    a, b = (0 if decision is None else decision.unsure for decision in decided)
    return [("unsure lesions", *_counts(a, b))]


def _sizes(overlap: StructureAgreement) -> tuple[str, str, str]:
    relative = overlap.relative_difference
    share = "" if relative is None else f" ({relative:+.1%})"
    return size(overlap.a), size(overlap.b), size(overlap.difference, signed=True) + share


def _shares(agreement: Agreement) -> tuple[str, str, str]:
    shares = (agreement.tumour_share_of_liver_a, agreement.tumour_share_of_liver_b)
    a, b = ("no liver found" if share is None else f"{share:.1%}" for share in shares)
    difference = agreement.share_difference
    return a, b, "" if difference is None else f"{100 * difference:+.1f} points"


def _counts(a: int, b: int) -> tuple[str, str, str]:
    return str(a), str(b), f"{b - a:+d}"


def _differences(overlap: StructureAgreement) -> tuple[str, str, str]:
    from liverseg.analysis.report_text import dice_text

    dice = "neither found any" if overlap.dice is None else dice_text(overlap.dice)
    return size(overlap.only_a), size(overlap.only_b), dice


def _lesion_line(match: LesionMatch) -> str:
    a, b = (" + ".join(map(str, numbers)) for numbers in (match.a, match.b))
    if match.found_in == "both":
        from liverseg.analysis.report_text import dice_text

        sizes = f"{size(match.amount_a)}, {size(match.amount_b)}"
        return f"lesion A {a} matches B {b}: {sizes}, Dice {dice_text(match.dice)}"
    side, numbers, amount = ("A", a, match.amount_a) if match.found_in == "a" else ("B", b, match.amount_b)
    return f"lesion {side} {numbers} is only in {side}: {size(amount)}"
