"""`python -m train prepare`: scans to a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.commands.parsing import command_parser
from train.errors import TrainError


def add_prepare(subparsers) -> None:  # noqa: ANN001
    """`prepare SOURCE OUT`."""
    parser = command_parser(
        subparsers,
        "prepare",
        "convert scans with reference labels to a dataset",
        "LiTS/ data/lits --window 60 200",
    )
    parser.add_argument("source", metavar="SOURCE", help="a LiTS or Decathlon folder, or phantom:N")
    parser.add_argument("out", metavar="OUT", type=Path, help="the dataset folder to write")
    parser.add_argument("--window", type=float, nargs=2, default=(40, 400), metavar=("CENTER", "WIDTH"))
    parser.add_argument("--val", type=float, default=0.2, help="share of scans for validation (default 0.2)")
    parser.add_argument(
        "--empty", type=float, default=0.2, help="share of slices without liver (default 0.2)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=_prepare)


def _prepare(args: argparse.Namespace) -> int:
    from liverseg.windowing import Window
    from train.prepare import PrepareSettings, prepare

    settings = PrepareSettings(Window(*args.window), args.val, args.seed, args.empty)
    problems = prepare(args.source, args.out, settings)
    if problems:
        raise TrainError(f"{len(problems)} scans were left out; each is named above.")
    return 0
