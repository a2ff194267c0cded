"""`python -m liverseg segment`: segment inputs and write reports, labels, probabilities and pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.cli.batch import SegmentedInput, segment_all
from liverseg.cli.options import add_reading_options, formats, settings_of
from liverseg.cli.output import print_left_out, report_summary, written_lines
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS
from liverseg.io.sniff import FORMAT_LIST

if TYPE_CHECKING:
    from liverseg.inference.segmenter import Segmenter
    from liverseg.pipeline import AnalysisSettings

_EXAMPLE = """examples:
  python -m liverseg segment scan.nii.gz --out result
  python -m liverseg segment slice.png --window 60 200 --json
  python -m liverseg segment scan.nii.gz --out result --formats nifti,pdf,glb
  python -m liverseg segment study.zip --series 2 --out result
  python -m liverseg segment series/ --out result --formats seg,rtstruct,sr,sc
  python -m liverseg segment scan.nii.gz --reject 3 7 --out edited
  python -m liverseg segment scans/*.nii.gz series/ --out results      (one folder for each)
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `segment INPUT` and its options to the command line."""
    parser = subparsers.add_parser(
        "segment",
        help="segment liver and tumour in a CT slice or volume",
        description=f"Segment liver and tumour in a file ({FORMAT_LIST}, DICOM) or a DICOM series.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="+",
        help="a file, or a folder or zip of DICOM or of one volume; several inputs get a result folder each",
    )
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: segformer-b0")
    add_reading_options(parser)
    parser.add_argument(
        "--reject",
        type=int,
        nargs="+",
        default=(),
        metavar="N",
        help="numbers, from the report without this option, of lesions that are none: they are labelled "
        "liver, do not count, and stay in the report as rejected; for one input only",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder for the report, labels, probabilities and overview"
    )
    parser.add_argument(
        "--formats",
        type=formats,
        metavar="LIST",
        help=f"results to write: comma-separated, of {','.join(FORMATS)}",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment one or several inputs; print reports or their summaries. Returns the exit status."""
    # Imported late, so that `--help` and wrong usage stay quick.
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import make_folder

    settings = replace(settings_of(args), rejected=tuple(args.reject))
    if settings.rejected and len(args.input) > 1:
        raise InvalidSetting("The numbers after --reject are lesions of one input: give one input.")
    out = make_folder(args.out) if args.out else None  # refuses an unusable folder before the network runs
    load = partial(Segmenter.load, args.checkpoint, engine=args.engine)
    if len(args.input) > 1:
        segmenter = load()
        one = partial(_segment_one, settings, args.formats, lambda: segmenter)
        return segment_all(args.input, out, args.json, one)
    done = _segment_one(settings, args.formats, load, args.input[0], out)
    print(done.report.to_json() if args.json else report_summary(done.report), end="")
    if not args.json:
        for line in written_lines(done.written):
            print(line)
    print_left_out(done.left_out)
    return int(bool(done.left_out))


def _segment_one(
    settings: AnalysisSettings,
    formats: Sequence[str] | None,
    load: Callable[[], Segmenter],
    source: str,
    out: Path | None,
) -> SegmentedInput:
    """Segment one input and write the results to `out`, which is created if needed."""
    from liverseg.io.files import staging_folder
    from liverseg.io.formats import check_formats, left_out_sentences
    from liverseg.io.write import ResultView, make_folder, write_results
    from liverseg.pipeline import analyse

    index = settings.slice_index
    analysis = analyse(source, load, settings, check=lambda ct: check_formats(ct, formats, index))
    missing = left_out_sentences(analysis.ct, formats, index)
    if out is None:
        return SegmentedInput(analysis.report, left_out=missing)
    with staging_folder(make_folder(out)) as stage:
        ct, seg, report = analysis.ct, analysis.seg, analysis.report
        written = write_results(stage, ct, seg, report, formats, ResultView(settings.window, index))
    return SegmentedInput(analysis.report, tuple(out / path.name for path in written), missing)
