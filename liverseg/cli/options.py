"""Options that several commands share, and their values."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from liverseg.io import FORMATS

if TYPE_CHECKING:
    from liverseg.pipeline import AnalysisSettings


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that segments an input."""
    add_picture_options(parser, "segment")
    parser.add_argument(
        "--keep-all",
        action="store_true",
        help="in a volume, keep every connected component, not the largest alone",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="tumour probability from which a pixel is tumour; default: the checkpoint's",
    )
    add_lesion_cut(parser)
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")


def add_picture_options(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add the options on what is read and drawn: `--series`, `--slice` and `--window`."""
    parser.add_argument(
        "--series",
        type=int,
        metavar="N",
        help="number of the DICOM series, if the input has several; if left out, they are listed",
    )
    parser.add_argument("--slice", type=int, metavar="N", help=f"{verb} only this slice; 0 is the lowest")
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("CENTER", "WIDTH"),
        help="window in HU that a picture was made with (default 40 400); for input in HU, the window of the "
        "pictures drawn",
    )


def add_lesion_cut(parser: argparse.ArgumentParser) -> None:
    """Add `--lesion-cut`."""
    parser.add_argument(
        "--lesion-cut",
        type=float,
        metavar="P",
        help="probability of being real from which a lesion is likely, from 0 to 1, for checkpoints with a "
        "lesion model; default: the checkpoint's",
    )


def formats(text: str) -> tuple[str, ...]:
    """The value of `--formats`: the names of result formats, separated by commas."""
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in chosen:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"unknown format {name!r}, choose among {', '.join(FORMATS)}")
    return chosen


def settings_of(args: argparse.Namespace) -> AnalysisSettings:
    """The settings that the options of `add_reading_options` give. Raises `InvalidSetting`."""
    from liverseg.core.window import Window
    from liverseg.pipeline import AnalysisSettings

    window = Window(*args.window) if args.window else None
    return AnalysisSettings(
        window, args.series, args.slice, args.threshold, args.keep_all, lesion_cut=args.lesion_cut
    )
