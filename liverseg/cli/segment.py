"""`python -m liverseg segment`: from a file to a report, labels, probabilities and a picture."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.cli.batch import run_all
from liverseg.cli.options import _formats, add_reading_options
from liverseg.cli.output import summary, tell_refusal
from liverseg.errors import LiversegError, SeriesChoice
from liverseg.io import FORMATS

if TYPE_CHECKING:
    from liverseg.analysis.report import Report
    from liverseg.core.window import Window
    from liverseg.inference.segmenter import Segmenter

_EXAMPLE = """examples:
  python -m liverseg segment scan.nii.gz --out result
  python -m liverseg segment slice.png --window 60 200 --json
  python -m liverseg segment scan.nii.gz --out result --formats nifti,pdf,glb
  python -m liverseg segment study.zip --series 2 --out result
  python -m liverseg segment series/ --out result --formats seg,rtstruct
  python -m liverseg segment scans/*.nii.gz series/ --out results      (a folder each)
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
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="+",
        help="a file, or a folder or zip of DICOM; several get a folder each",
    )
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: segformer-b0")
    add_reading_options(parser)
    parser.add_argument("--out", metavar="DIR", help="write report, labels, probability and overview there")
    parser.add_argument(
        "--formats", type=_formats, metavar="LIST", help=f"comma-separated, of {','.join(FORMATS)}"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment one input, or several; prints the report or its summary. Returns the exit status."""
    # Imported late: `--help` and wrong usage need none of it.
    from liverseg.core.window import Window
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import make_folder

    try:
        window = Window(*args.window) if args.window else None
        out = make_folder(args.out) if args.out else None  # before minutes of work, not after
        if len(args.input) > 1:
            loaded = Segmenter.load(args.checkpoint, engine=args.engine)
            one = partial(_segment_one, args, window, lambda: loaded)
            return run_all(args.input, out, args.json, one)
        load = partial(Segmenter.load, args.checkpoint, engine=args.engine)
        report, written = _segment_one(args, window, load, args.input[0], out)
    except LiversegError as refusal:
        tell_refusal(str(refusal), refusal.series if isinstance(refusal, SeriesChoice) else ())
        return 1
    print(report.to_json() if args.json else summary(report), end="")
    if not args.json:
        for path in written:
            print(f"wrote {path}")
    return 0


def _segment_one(
    args: argparse.Namespace,
    window: Window | None,
    load: Callable[[], Segmenter],
    source: str,
    out: Path | None,
) -> tuple[Report, list[Path]]:
    """The report of one input, and the files written to `out`, which is made if needed."""
    from liverseg.analysis.measure import measure
    from liverseg.core.slicing import single_slice, single_slice_of
    from liverseg.io.files import staged
    from liverseg.io.read import read
    from liverseg.io.write import check_formats, make_folder, write_results

    started = time.perf_counter()
    ct = read(source, window=window, series=args.series)
    reading_s = time.perf_counter() - started
    check_formats(ct, args.formats, args.slice)
    seg = load().segment(ct, threshold=args.threshold, only_slice=args.slice, keep_all=args.keep_all)
    seg.timing_s["reading"] = reading_s
    if args.slice is None:
        report = measure(ct, seg)
    else:
        report = measure(single_slice(ct, args.slice), single_slice_of(seg, args.slice))
    if out is None:
        return report, []
    with staged(make_folder(out)) as stage:
        written = write_results(stage, ct, seg, report, args.formats, window, args.slice)
    return report, [out / path.name for path in written]
