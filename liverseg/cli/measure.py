"""`python -m liverseg measure`: measure labels of any tool on their scan, with the results of `segment`."""

from __future__ import annotations

import argparse
from functools import partial

from liverseg.cli.options import add_picture_options, formats
from liverseg.cli.output import print_left_out, report_summary, written_lines
from liverseg.errors import InvalidSetting
from liverseg.io import FORMATS

_EXAMPLE = """examples:
  python -m liverseg measure scan.nii.gz labels.nii.gz --out result
  python -m liverseg measure scan.nii.gz corrected.nii.gz --original result/labels.nii.gz --out corrected
  python -m liverseg measure series/ Segmentation.seg.nrrd --map liver=Leber,tumour=Herd --out result
  python -m liverseg measure scan.nii.gz total.nii.gz --map liver=5 --formats nifti,pdf --out result
"""
MAP_HELP = (
    "which labels are liver and tumour, as liver=1,tumour=2+3: values, numbers of segments or ROIs, or "
    "names; default: by the names in the file, else 1 and 2"
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `measure SCAN LABELS` and its options to the command line."""
    parser = subparsers.add_parser(
        "measure",
        help="measure labels that a person or another tool made",
        description="Measure liver, tumour and lesions of labels that a person or another tool made. No "
        "network runs: each connected region of tumour counts as a lesion.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("input", metavar="SCAN", help="a file, or a folder or zip of DICOM or of one volume")
    parser.add_argument(
        "labels",
        metavar="LABELS",
        help="a file on the grid of the scan: NIfTI, NRRD (.seg.nrrd), MetaImage, DICOM SEG or RTSTRUCT, PNG",
    )
    parser.add_argument("--map", metavar="MAP", help=MAP_HELP)
    parser.add_argument(
        "--original", metavar="FILE", help="labels before they were corrected by hand, to count what changed"
    )
    add_picture_options(parser, "measure")
    parser.add_argument("--out", metavar="DIR", help="folder for the report, labels and overview")
    parser.add_argument(
        "--formats",
        type=formats,
        metavar="LIST",
        help=f"results to write: comma-separated, of {','.join(FORMATS)}",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure the labels; print the report or its summary. Returns the exit status."""
    # Imported late, so that `--help` and wrong usage stay quick.
    from liverseg.core.window import Window
    from liverseg.io.files import staging_folder
    from liverseg.io.formats import left_out_sentences
    from liverseg.io.masks.mapping import parse_map
    from liverseg.io.masks.read import read_labels
    from liverseg.io.write import ResultView, check_formats, make_folder, write_results
    from liverseg.pipeline import AnalysisSettings, analyse_labels

    if args.original is not None and args.slice is not None:
        raise InvalidSetting("What was changed by hand is counted in the whole scan: leave out --slice.")
    wanted = None if args.map is None else parse_map(args.map)
    window = Window(*args.window) if args.window else None
    settings = AnalysisSettings(window, args.series, args.slice)
    out = make_folder(args.out) if args.out else None
    analysis = analyse_labels(
        args.input,
        partial(read_labels, args.labels, label_map=wanted, original=args.original),
        settings,
        check=lambda ct: check_formats(ct, args.formats, args.slice),
    )
    report, written = analysis.report, []
    if out is not None:
        with staging_folder(out) as stage:
            view = ResultView(window, args.slice)
            written = write_results(stage, analysis.ct, analysis.seg, report, args.formats, view)
    print(report.to_json() if args.json else report_summary(report), end="")
    if out is not None and not args.json:
        for line in written_lines([out / path.name for path in written]):
            print(line)
    missing = left_out_sentences(analysis.ct, args.formats, args.slice)
    print_left_out(missing)
    return int(bool(missing))
