"""`python -m liverseg compare`: two checkpoints on one input, and where they differ."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from liverseg.cli.options import add_reading_options
from liverseg.cli.output import tell_refusal
from liverseg.errors import LiversegError, SeriesChoice

if TYPE_CHECKING:
    from liverseg.analysis.compare import Agreement, Overlap
    from liverseg.analysis.lesion_matching import LesionMatch
    from liverseg.analysis.report import Amount, Report

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
    from liverseg.analysis.compare import compare, comparison_json
    from liverseg.analysis.measure import measure
    from liverseg.core.slicing import check_slice, single_slice, single_slice_of
    from liverseg.core.window import DEFAULT_WINDOW, Window
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.read import read
    from liverseg.io.write import make_folder, write_comparison
    from liverseg.rendering.comparison import comparison_overview
    from liverseg.rendering.slice_view import telling_slice

    try:
        window = Window(*args.window) if args.window else None
        if args.out:
            make_folder(args.out)  # before minutes of work, not after
        ct = read(args.input, window=window, series=args.series)
        if args.slice is not None:
            check_slice(ct, args.slice)
        refs = (args.checkpoint_a, args.checkpoint_b)
        segmenters = [Segmenter.load(ref, engine=args.engine) for ref in refs]  # a bad one is told at once
        settings = {"threshold": args.threshold, "only_slice": args.slice, "keep_all": args.keep_all}
        a, b = (segmenter.segment(ct, **settings) for segmenter in segmenters)
        if args.slice is not None:
            a, b = (single_slice_of(seg, args.slice) for seg in (a, b))
            ct = single_slice(ct, args.slice)
        report_a, report_b = measure(ct, a), measure(ct, b)
        agreement = compare(ct, a, b)
        written = []
        if args.out:
            shown = agreement.most_different_slice
            index = telling_slice(a) if shown is None else shown
            drawn_in = window or ct.assumed_window or DEFAULT_WINDOW
            picture = comparison_overview(ct, a, b, index, drawn_in)
            written = write_comparison(args.out, agreement, report_a, report_b, picture)
    except LiversegError as refusal:
        tell_refusal(str(refusal), refusal.series if isinstance(refusal, SeriesChoice) else ())
        return 1
    if args.json:
        print(comparison_json(agreement, report_a, report_b), end="")
    else:
        print(table(agreement, report_a, report_b), end="")
        for path in written:
            print(f"wrote {path}")
    return 0


def table(agreement: Agreement, report_a: Report, report_b: Report) -> str:
    """Both reports beside each other, then what they share and where they differ."""
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


def _sizes(overlap: Overlap) -> tuple[str, str, str]:
    relative = overlap.relative_difference
    share = "" if relative is None else f" ({relative:+.1%})"
    return _size(overlap.a), _size(overlap.b), _size(overlap.difference, "+") + share


def _shares(agreement: Agreement) -> tuple[str, str, str]:
    shares = (agreement.tumour_share_of_liver_a, agreement.tumour_share_of_liver_b)
    told = ["no liver found" if share is None else f"{share:.1%}" for share in shares]
    between = agreement.share_difference
    return *told, "" if between is None else f"{100 * between:+.1f} points"  # type: ignore[return-value]


def _counts(a: int, b: int) -> tuple[str, str, str]:
    return str(a), str(b), f"{b - a:+d}"


def _apart(overlap: Overlap) -> tuple[str, str, str]:
    value = overlap.dice
    return (
        _size(overlap.only_a),
        _size(overlap.only_b),
        "neither found any" if value is None else f"{value:.3f}",
    )


def _lesion(match: LesionMatch) -> str:
    a, b = (" + ".join(map(str, numbers)) for numbers in (match.a, match.b))
    if match.found_in == "both":
        sizes = f"{_size(match.amount_a)}, {_size(match.amount_b)}"
        return f"lesion A {a} is B {b}: {sizes}, Dice {match.dice:.3f}"
    which, number, size = ("A", a, match.amount_a) if match.found_in == "a" else ("B", b, match.amount_b)
    return f"lesion {which} {number} is only in {which}: {_size(size)}"


def _size(amount: Amount, sign: str = "") -> str:
    if amount.volume_ml is not None:
        return f"{amount.volume_ml:{sign}.1f} mL"
    if amount.area_mm2 is not None:
        return f"{amount.area_mm2:{sign}.0f} mm²"
    return f"{amount.count:{sign}d} {'voxels' if amount.kind == 'volume' else 'pixels'}"
