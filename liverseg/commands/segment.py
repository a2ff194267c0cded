"""`python -m liverseg segment`: from a file to a report, labels, probabilities and a picture."""

from __future__ import annotations

import argparse
import sys
import time

from liverseg.errors import LiversegError
from liverseg.formats import FORMATS

_EXAMPLE = """examples:
  python -m liverseg segment scan.nii.gz --out result
  python -m liverseg segment slice.png --window 60 200 --json
  python -m liverseg segment series/ --out result --formats seg,rtstruct
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `segment INPUT` and its options to the command line."""
    parser = subparsers.add_parser(
        "segment",
        help="segment liver and tumour in a CT slice or volume",
        description="Segment liver and tumour in a PNG, JPEG, NIfTI or DICOM file, or a DICOM series.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="INPUT", help="a file, or a folder or zip of one DICOM series")
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: segformer-b0")
    parser.add_argument("--slice", type=int, metavar="N", help="segment this slice only, 0 being the lowest")
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("CENTER", "WIDTH"),
        help="in HU: the window a picture was made with (default 40 400); else the one pictures are drawn in",
    )
    parser.add_argument("--threshold", type=float, metavar="P", help="tumour from this probability on")
    parser.add_argument("--out", metavar="DIR", help="write report, labels, probability and overview there")
    parser.add_argument(
        "--formats", type=_formats, metavar="LIST", help=f"comma-separated, of {','.join(FORMATS)}"
    )
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def _formats(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in chosen:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"unknown format {name!r}, choose among {', '.join(FORMATS)}")
    return chosen


def run(args: argparse.Namespace) -> int:
    """Segment one input; prints the report or its summary. Returns the exit status."""
    # Imported late: `--help` and wrong usage need none of it.
    from liverseg.measuring import measure
    from liverseg.reading import read
    from liverseg.segmenter import Segmenter
    from liverseg.selection import single_slice, single_slice_of
    from liverseg.windowing import Window
    from liverseg.writing import check_formats, make_folder, write_results

    try:
        window = Window(*args.window) if args.window else None
        if args.out:
            make_folder(args.out)  # before minutes of work, not after
        started = time.perf_counter()
        ct = read(args.input, window=window)
        reading_s = time.perf_counter() - started
        check_formats(ct, args.formats, args.slice)
        seg = Segmenter.load(args.checkpoint, engine=args.engine).segment(
            ct, threshold=args.threshold, only_slice=args.slice
        )
        seg.timing_s["reading"] = reading_s
        if args.slice is None:
            report = measure(ct, seg)
        else:
            report = measure(single_slice(ct, args.slice), single_slice_of(seg, args.slice))
        written = []
        if args.out:
            written = write_results(args.out, ct, seg, report, args.formats, window, args.slice)
    except LiversegError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(report.to_json() if args.json else summary(report), end="")
    if not args.json:
        for path in written:
            print(f"wrote {path}")
    return 0


def summary(report) -> str:  # noqa: ANN001 (liverseg.report is imported late)
    """The report in a few lines."""
    lines = [f"checkpoint  {report.checkpoint.ref}, {report.engine}"]
    for name, amount in (("liver", report.liver), ("tumour", report.tumour)):
        lines.append(f"{name:<10}  {_amount(amount)}")
    share = report.tumour_share_of_liver
    lines.append(
        "share       " + ("no liver found" if share is None else f"{share:.1%} of the liver is tumour")
    )
    for lesion in report.lesions:
        size = (
            f"{lesion.longest_diameter_mm:.1f} × {lesion.perpendicular_diameter_mm:.1f} mm"
            if lesion.longest_diameter_mm is not None
            else f"{lesion.longest_diameter_px:.1f} × {lesion.perpendicular_diameter_px:.1f} px"
        )
        lines.append(f"lesion {lesion.id:<3}  {size}, peak probability {lesion.peak_probability:.2f}")
    lines += [f"note        {warning}" for warning in report.warnings]
    return "\n".join(lines) + "\n"


def _amount(amount) -> str:  # noqa: ANN001
    unit = "voxels" if amount.kind == "volume" else "pixels"
    if amount.volume_ml is not None:
        return f"{amount.volume_ml:.1f} mL ({amount.count} {unit})"
    if amount.area_mm2 is not None:
        return f"{amount.area_mm2:.0f} mm² ({amount.count} {unit})"
    return f"{amount.count} {unit}"
