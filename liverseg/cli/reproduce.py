"""`python -m liverseg reproduce`: run the input of a report again and compare the results."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverseg.errors import InvalidSetting

if TYPE_CHECKING:
    from liverseg.core.image import CTImage
    from liverseg.inference.segmenter import Segmenter
    from liverseg.pipeline import Analysis, AnalysisSettings

_EXAMPLE = """examples:
  python -m liverseg reproduce result/report.json scan.nii.gz
  python -m liverseg reproduce result/report.json series/ --engine torch

Exit 0: equal. Exit 1: something differs, or the input or the checkpoint is not that of the report.
"""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `reproduce REPORT INPUT` to the command line."""
    parser = subparsers.add_parser(
        "reproduce",
        help="segment the input of a report.json again and compare the results",
        description="Segment INPUT with the settings of report.json and list what differs in the result. "
        "Other versions of programs and another engine are noted but are not differences.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("report", metavar="REPORT", type=Path, help="a report.json")
    parser.add_argument("input", metavar="INPUT", help="the file, folder or zip that the report describes")
    parser.add_argument(
        "--engine",
        choices=("torch", "openvino"),
        help="use this engine instead of the report's, to compare the two",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment the input again; print whether the result is equal. Returns the exit status: 1 if it is not."""
    from liverseg.analysis.report_diff import parse_report, result_differences, software_differences

    try:
        text = args.report.read_bytes()
    except OSError as error:
        raise InvalidSetting("The report cannot be read.") from error
    before = parse_report(text)
    after = _run_again(before, args.input, args.engine)
    differing = result_differences(before, after)
    for line in software_differences(before, after):
        print(f"note  {line}")
    if not differing:
        print(f"Equal: {after['checkpoint']['ref']} gives the same result again.")
        return 0
    count = len(differing)
    print("1 value of the result differs:" if count == 1 else f"{count} values of the result differ:")
    for line in differing:
        print(f"  {line}")
    return 1


def _run_again(before: dict[str, Any], source: str, engine: str | None) -> dict[str, Any]:
    """The report of the same input, checkpoint and settings, as parsed from `report.json`.

    Raises `InvalidSetting` if the report is incomplete, or the input or checkpoint is not that of the report.
    """
    from liverseg.inference.segmenter import Segmenter, find_checkpoint
    from liverseg.pipeline import analyse

    reported = before["checkpoint"]

    def check_input(ct: CTImage) -> None:
        if ct.sha256 != before["input"].get("sha256"):
            raise InvalidSetting("This is not the input of the report: its sha256 differs.")

    def load() -> Segmenter:
        checkpoint = find_checkpoint(reported["ref"])
        if checkpoint.sha256 != reported["sha256"]:
            raise InvalidSetting(
                f"The {reported['ref']} found here has other weights than the report's (sha256 "
                f"{checkpoint.sha256[:12]}…, not {reported['sha256'][:12]}…)."
            )
        return Segmenter.from_checkpoint(checkpoint, engine=engine or before["engine"].partition(" ")[0])

    steps = _edits(before.get("edited"))
    analysis = analyse(source, load, _settings(before["settings"]), check_input)
    if steps is not None:
        analysis = _edited_again(analysis, *steps)
    parsed: dict[str, Any] = json.loads(analysis.report.to_json())
    return parsed


def _edits(edited: Any) -> tuple[float, float | None, tuple[int, ...]] | None:
    """Threshold, lesion cut and numbers with which the user rejected lesions; None: the report has no edits.

    Raises `InvalidSetting` for edits that are incomplete.
    """
    if edited is None:
        return None
    try:
        made = edited["made_at"]
        threshold, cut, numbers = made["threshold"], made["lesion_cut"], made["rejected"]
        if all(isinstance(number, int) for number in numbers) and isinstance(threshold, int | float):
            return threshold, cut, tuple(numbers)
    except (KeyError, TypeError):
        pass
    raise InvalidSetting(
        "The report was edited, and its key edited does not say which lesions were rejected, so it cannot be "
        "reproduced."
    )


def _edited_again(
    analysis: Analysis, threshold: float, cut: float | None, numbers: tuple[int, ...]
) -> Analysis:
    """The analysis with lesions rejected at a threshold and a cut, which may not be those of the report.

    Raises `InvalidSetting` where they cannot be rejected.
    """
    seg = analysis.seg
    try:
        rejected = analysis.at_threshold(threshold, cut).with_rejected(numbers)
    except InvalidSetting as error:
        raise InvalidSetting(f"The lesions cannot be rejected as in the report. {error}") from None
    return rejected.at_threshold(seg.threshold, seg.lesion_cut)


def _settings(reported: dict[str, Any]) -> AnalysisSettings:
    from liverseg.core.window import Window
    from liverseg.pipeline import AnalysisSettings

    window = reported.get("window")
    try:
        return AnalysisSettings(
            window=None if window is None else Window(window["center_hu"], window["width_hu"]),
            series=reported.get("series"),
            slice_index=reported.get("slice"),
            threshold=reported["threshold"],
            keep_all=bool(reported.get("keep_all")),
            lesion_cut=reported.get("lesion_cut"),
        )
    except (KeyError, TypeError):
        raise InvalidSetting("The settings in the report are incomplete.") from None
