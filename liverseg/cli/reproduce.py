"""`python -m liverseg reproduce`: run a report's input again, and say whether the result is the same."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from liverseg.errors import InvalidSetting, LiversegError

_EXAMPLE = """examples:
  python -m liverseg reproduce result/report.json scan.nii.gz
  python -m liverseg reproduce result/report.json series/ --engine torch

Exit 0: equal. Exit 1: something differs, or the input or the checkpoint is another.
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `reproduce REPORT INPUT` to the command line."""
    parser = subparsers.add_parser(
        "reproduce",
        help="run the input of a report.json again and compare",
        description="Segment INPUT as report.json says it was, and say whether the result is equal or what "
        "differs. Versions of programs and the engine are told, but are no difference in the result.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("report", metavar="REPORT", type=Path, help="a report.json")
    parser.add_argument("input", metavar="INPUT", help="the file, folder or zip that it is of")
    parser.add_argument(
        "--engine", choices=("torch", "openvino"), help="another engine than the report's, to compare both"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run it again; prints whether it is equal. Returns the exit status."""
    from liverseg.analysis.report_diff import differences, notes, parse_report

    try:
        try:
            text = args.report.read_bytes()
        except OSError as error:
            raise InvalidSetting("The report cannot be read.") from error
        before = parse_report(text)
        after = _again(before, args.input, args.engine)
    except LiversegError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    found = differences(before, after)
    for line in notes(before, after):
        print(f"note  {line}")
    if not found:
        print(f"Equal: {after['checkpoint']['ref']} gives the same result again.")
        return 0
    print(
        f"{len(found)} value{'s' if len(found) != 1 else ''} of the result differ"
        + "s" * (len(found) == 1)
        + ":"
    )
    for line in found:
        print(f"  {line}")
    return 1


def _again(before: dict[str, Any], source: str, engine: str | None) -> dict[str, Any]:
    """The report of the same input, checkpoint and settings, as `report.json` has it."""
    import json

    from liverseg.analysis.measure import measure
    from liverseg.core.slicing import single_slice, single_slice_of
    from liverseg.inference.segmenter import Segmenter, find_checkpoint
    from liverseg.io.read import read

    settings, told = before["settings"], before["checkpoint"]
    window = settings.get("window")
    try:
        made_with = None if window is None else (window["center_hu"], window["width_hu"])
        threshold, index, series = settings["threshold"], settings.get("slice"), settings.get("series")
    except (KeyError, TypeError):
        raise InvalidSetting("The settings in the report are incomplete.") from None
    ct = read(source, window=made_with, series=series)
    if ct.sha256 != before["input"].get("sha256"):
        raise InvalidSetting("This is not the input of the report: its sha256 is another.")
    checkpoint = find_checkpoint(told["ref"])
    if checkpoint.sha256 != told["sha256"]:
        raise InvalidSetting(
            f"The {told['ref']} found here has other weights than the report's (sha256 "
            f"{checkpoint.sha256[:12]}…, not {told['sha256'][:12]}…)."
        )
    named = engine or before["engine"].partition(" ")[0]
    segmenter = Segmenter.from_checkpoint(checkpoint, engine=named)
    seg = segmenter.segment(
        ct, threshold=threshold, only_slice=index, keep_all=bool(settings.get("keep_all"))
    )
    if index is not None:
        ct, seg = single_slice(ct, index), single_slice_of(seg, index)
    return json.loads(measure(ct, seg).to_json())
