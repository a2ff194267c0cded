"""`python -m liverseg follow`: what changed in the liver between two scans of one patient."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from liverseg.cli.options import add_lesion_cut

if TYPE_CHECKING:
    from liverseg.analysis.follow.change import FollowedLesion
    from liverseg.analysis.follow.follow_up import FollowUp, MeasuredScan
    from liverseg.core.image import CTImage
    from liverseg.inference.segmenter import Segmenter
    from liverseg.pipeline import AnalysisSettings

_EXAMPLE = """examples:
  python -m liverseg follow january.nii.gz june.nii.gz
  python -m liverseg follow baseline/ follow-up/ --out change
  python -m liverseg follow baseline.zip follow-up.zip --series 2 3 --out change --json

Both scans are segmented by one checkpoint. Nothing checks that they are of one patient, nor which came first.
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `follow BASELINE FOLLOW_UP` and its options to the command line."""
    parser = subparsers.add_parser(
        "follow",
        help="show what changed between two scans of one patient",
        description="Segment two scans of one patient, register the livers, match the lesions and list what "
        "is new, gone, grown or shrunk, with the sum of longest diameters and a suggested category.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("baseline", metavar="BASELINE", help="the earlier scan: anything `segment` takes")
    parser.add_argument("follow_up", metavar="FOLLOW_UP", help="the later scan")
    parser.add_argument("--checkpoint", metavar="REF", help="name or name@version; default: segformer-b0")
    parser.add_argument(
        "--series",
        type=int,
        nargs=2,
        metavar=("N", "M"),
        help="numbers of the DICOM series of the baseline and of the follow-up, if an input has several",
    )
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("CENTER", "WIDTH"),
        help="window in HU of the picture (default 40 400)",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="tumour probability from which a pixel is tumour; default: the checkpoint's",
    )
    add_lesion_cut(parser)
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    parser.add_argument("--out", metavar="DIR", help="folder for the change, its picture and both reports")
    parser.add_argument("--json", action="store_true", help="print the change as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follow the lesions from one scan to another; print a table or JSON. Returns the exit status."""
    # Imported late, so that `--help` and wrong usage stay quick.
    from liverseg.analysis.follow.follow_up import check_image, follow_scans
    from liverseg.core.window import DEFAULT_WINDOW, Window
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import make_folder, write_follow_up
    from liverseg.pipeline import AnalysisSettings, read_timed
    from liverseg.rendering.follow import follow_picture

    window = Window(*args.window) if args.window else None
    if args.out:
        make_folder(args.out)  # refuses an unusable folder before the network runs
    images, settings = [], []
    for name, source, series in zip(
        ("baseline", "follow-up"), (args.baseline, args.follow_up), args.series or (None, None), strict=True
    ):
        settings.append(
            AnalysisSettings(window, series, threshold=args.threshold, lesion_cut=args.lesion_cut)
        )
        ct, _ = read_timed(source, settings[-1])
        check_image(ct, name)  # both are checked before the network runs
        images.append(ct)
    segmenter = Segmenter.load(args.checkpoint, engine=args.engine)
    baseline, follow_up = (
        _measured(ct, segmenter, chosen) for ct, chosen in zip(images, settings, strict=True)
    )
    found = follow_scans(baseline, follow_up)
    written: list[Path] = []
    if args.out:
        picture = follow_picture(baseline, follow_up, found, window or DEFAULT_WINDOW)
        written = write_follow_up(args.out, found, picture)
    if args.json:
        print(found.to_json(), end="")
        return 0
    print(follow_table(found), end="")
    for path in written:
        print(f"wrote {path}")
    return 0


def _measured(ct: CTImage, segmenter: Segmenter, settings: AnalysisSettings) -> MeasuredScan:
    from liverseg.analysis.follow.follow_up import MeasuredScan
    from liverseg.pipeline import analyse_image

    analysis = analyse_image(ct, segmenter, settings)
    return MeasuredScan(ct, analysis.seg, analysis.report)


def follow_table(found: FollowUp) -> str:
    """The text of a follow-up: registration, sizes, lesions, sum of diameters, suggested category, notes."""
    from liverseg.analysis.follow.follow_up import NOTICE
    from liverseg.analysis.follow.response import LIMITS
    from liverseg.analysis.follow.text import registration_text, response_text, sums_text
    from liverseg.analysis.report_text import size_text

    before, after, response = found.baseline, found.follow_up, found.response
    lines = [
        f"checkpoint    {before.checkpoint.ref}, {before.engine}",
        f"registration  {registration_text(found)}",
        f"liver         {size_text(before.liver)} to {size_text(after.liver)}",
        f"tumour        {size_text(before.tumour)} to {size_text(after.tumour)}",
        f"lesions       {', '.join(f'{n} {state}' for state, n in found.counts().items()) or 'none likely'}",
        *_lesion_rows(found.likely_lesions, response.targets),
        f"diameters     {sums_text(response)}",
        f"RECIST 1.1    {response_text(response)}",
    ]
    unsure = found.lesions[len(found.likely_lesions) :]
    if unsure:
        lines += ["", "likely in neither scan, and not counted:", *_lesion_rows(unsure, ())]
    lines += ["", *(f"note  {warning}" for warning in found.warnings)]
    for name, report in (("baseline", before), ("follow-up", after)):
        lines += [f"note on {name}  {doubt.warning}" for doubt in report.doubts]
    return "\n".join([*lines, f"note  {LIMITS}", f"note  {NOTICE}"]) + "\n"


def _lesion_rows(lesions: tuple[FollowedLesion, ...], targets: tuple[int, ...]) -> list[str]:
    """A table of lesions with its head; no line without lesions."""
    from liverseg.analysis.follow.change import Side
    from liverseg.analysis.follow.text import certainty_text, change_text, numbers_text, state_text
    from liverseg.analysis.report_text import NOT_MEASURED, number_text

    def length(side: Side) -> str:
        return f"{number_text(side.diameter_mm)} mm" if side.lesions else NOT_MEASURED

    def volume(side: Side) -> str:
        return f"{number_text(side.volume_ml)} mL" if side.lesions else NOT_MEASURED

    rows = [("lesion", "baseline", "follow-up", "state", "longest", "", "volume", "", "change", "")]
    for one in lesions:
        before, after = one.baseline, one.follow_up
        remarks = ["target" if one.id in targets else "", certainty_text(one)]
        remarks.append("" if one.measurable else "shorter than 10 mm")
        rows.append(
            (
                *(str(one.id), numbers_text(before), numbers_text(after), state_text(one)),
                *(length(before), length(after), volume(before), volume(after)),
                change_text(one.volume_change),
                "; ".join(remark for remark in remarks if remark),
            )
        )
    if len(rows) == 1:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
