"""`python -m liverseg compare`: two checkpoints on one input, and where they differ."""

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
        description="Segment one input with two checkpoints, and say and show where they differ.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="INPUT", help="a file, or a folder or zip of DICOM")
    parser.add_argument("checkpoint_a", metavar="CHECKPOINT_A", help="name or name@version")
    parser.add_argument("checkpoint_b", metavar="CHECKPOINT_B", help="the one it is compared with")
    add_reading_options(parser)
    parser.add_argument(
        "--out", metavar="DIR", help="write the comparison, its picture and both reports there"
    )
    parser.add_argument("--json", action="store_true", help="print the agreement and both reports as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare two checkpoints on one input; prints a table or JSON. Returns the exit status."""
    # Imported late: `--help` and wrong usage need none of it.
    from liverseg.analysis.compare import comparison_json
    from liverseg.core.slicing import check_slice
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import make_folder
    from liverseg.pipeline import compare_image, read_timed

    settings = settings_of(args)
    if args.out:
        make_folder(args.out)  # refused before minutes of work, not after
    ct, _ = read_timed(args.input, settings)
    if args.slice is not None:
        check_slice(ct, args.slice)
    a, b = (Segmenter.load(ref, engine=args.engine) for ref in (args.checkpoint_a, args.checkpoint_b))
    found = compare_image(ct, (a, b), settings)
    written = _write(args.out, found, settings.window) if args.out else []
    if args.json:
        print(comparison_json(found.agreement, found.a.report, found.b.report), end="")
    else:
        print(comparison_table(found.agreement, found.a.report, found.b.report), end="")
        for path in written:
            print(f"wrote {path}")
    return 0


def _write(folder: str, found: Comparison, window: Window | None) -> list[Path]:
    """Write the comparison, both reports and a picture of the slice with the most differences."""
    from liverseg.core.window import DEFAULT_WINDOW
    from liverseg.io.write import write_comparison
    from liverseg.rendering.comparison import comparison_overview
    from liverseg.rendering.slice_view import default_slice

    (ct, a), (_, b) = found.a.measured, found.b.measured
    index = found.agreement.most_different_slice
    index = default_slice(a) if index is None else index
    picture = comparison_overview(ct, a, b, index, window or ct.assumed_window or DEFAULT_WINDOW)
    return write_comparison(folder, found.agreement, found.a.report, found.b.report, picture)


def comparison_table(agreement: Agreement, report_a: Report, report_b: Report) -> str:
    """Both reports side by side, then how they agree and where they differ."""
    rows = [
        ("", "A", "B", "B - A"),
        ("checkpoint", report_a.checkpoint.ref, report_b.checkpoint.ref, ""),
        ("threshold", f"{report_a.tumour_threshold:g}", f"{report_b.tumour_threshold:g}", ""),
        ("liver", *_sizes(agreement.liver)),
        ("tumour", *_sizes(agreement.tumour)),
        ("share", *_shares(agreement)),
        ("lesions", *_counts(len(report_a.lesions), len(report_b.lesions))),
        ("",) * 4,
        ("", "only A", "only B", "Dice"),
        ("liver+tumour", *_apart(agreement.organ)),
        ("tumour", *_apart(agreement.tumour)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *(_lesion(match) for match in agreement.lesions)]
    if agreement.most_different_slice is None:
        lines.append("The labels are the same everywhere.")
    elif report_a.input.shape[0] > 1:
        lines.append(f"They differ most in slice {agreement.most_different_slice}.")
    notes = dict.fromkeys(report_a.warnings, "A")
    for note in report_b.warnings:
        notes[note] = "A, B" if note in notes else "B"
    lines += [f"note  {note}" if who == "A, B" else f"note on {who}  {note}" for note, who in notes.items()]
    return "\n".join(lines) + "\n"


def _sizes(overlap: StructureAgreement) -> tuple[str, str, str]:
    relative = overlap.relative_difference
    share = "" if relative is None else f" ({relative:+.1%})"
    return size(overlap.a), size(overlap.b), size(overlap.difference, signed=True) + share


def _shares(agreement: Agreement) -> tuple[str, str, str]:
    shares = (agreement.tumour_share_of_liver_a, agreement.tumour_share_of_liver_b)
    told = ["no liver found" if share is None else f"{share:.1%}" for share in shares]
    between = agreement.share_difference
    return *told, "" if between is None else f"{100 * between:+.1f} points"  # type: ignore[return-value]


def _counts(a: int, b: int) -> tuple[str, str, str]:
    return str(a), str(b), f"{b - a:+d}"


def _apart(overlap: StructureAgreement) -> tuple[str, str, str]:
    value = overlap.dice
    return (
        size(overlap.only_a),
        size(overlap.only_b),
        "neither found any" if value is None else f"{value:.3f}",
    )


def _lesion(match: LesionMatch) -> str:
    a, b = (" + ".join(map(str, numbers)) for numbers in (match.a, match.b))
    if match.found_in == "both":
        sizes = f"{size(match.amount_a)}, {size(match.amount_b)}"
        return f"lesion A {a} is B {b}: {sizes}, Dice {match.dice:.3f}"
    which, number, amount = ("A", a, match.amount_a) if match.found_in == "a" else ("B", b, match.amount_b)
    return f"lesion {which} {number} is only in {which}: {size(amount)}"
