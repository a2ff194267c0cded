"""Options that several commands share."""

from __future__ import annotations

import argparse

from liverseg.io import FORMATS


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that runs a network on an input."""
    parser.add_argument(
        "--series", type=int, metavar="N", help="of several DICOM series this one; without it they are listed"
    )
    parser.add_argument("--slice", type=int, metavar="N", help="segment this slice only, 0 being the lowest")
    parser.add_argument(
        "--window",
        type=float,
        nargs=2,
        metavar=("CENTER", "WIDTH"),
        help="in HU: the window a picture was made with (default 40 400); else the one pictures are drawn in",
    )
    parser.add_argument(
        "--keep-all",
        action="store_true",
        help="of a volume, keep every body that was found, not the largest connected one alone",
    )
    parser.add_argument("--threshold", type=float, metavar="P", help="tumour from this probability on")
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")


def _formats(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in chosen:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"unknown format {name!r}, choose among {', '.join(FORMATS)}")
    return chosen
