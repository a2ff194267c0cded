"""`python -m train pseudo-label`: divide the joint label "liver or tumour" of a dataset by an ensemble."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import add_run_options, command_parser
from train.cli.progress import scan_progress
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `pseudo-label --runs RUN... --data DIR --out DIR` to the command line."""
    parser = command_parser(
        subparsers,
        "pseudo-label",
        'divide the label "liver or tumour" of a dataset where several networks are sure',
        "--runs runs/cv-0 runs/cv-1 runs/cv-2 --data data/msd-liver --out data/msd-liver-pseudo --alone",
    )
    parser.add_argument(
        "--runs",
        required=True,
        metavar="RUN",
        nargs="+",
        type=Path,
        help="run folders, weights files or checkpoint folders; their probabilities are averaged",
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset folder")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the dataset folder to write")
    parser.add_argument(
        "--sure",
        type=float,
        default=0.8,
        help="tumour from this probability, liver up to 1 minus it (default 0.8)",
    )
    parser.add_argument("--alone", action="store_true", help="hide the neighbouring slices")
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the dataset and print how much was decided. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.models import run_model
    from train.evaluation.pseudo_labels import write_pseudo_labels

    if not 0.5 < args.sure <= 1:
        raise TrainError("--sure must lie above 0.5 and be at most 1.")
    folder = DatasetFolder.open(args.data)
    models = [run_model(path, args.working_size, args.context_slices) for path in args.runs]
    decided = write_pseudo_labels(folder, models, args.out, args.sure, not args.alone, scan_progress)
    joint = max(decided.liver_px + decided.tumour_px + decided.undecided_px, 1)
    print(
        f"{args.out}: of {joint} pixels of the joint label, {decided.liver_px / joint:.1%} became liver, "
        f"{decided.tumour_px / joint:.1%} tumour; {decided.undecided_px / joint:.1%} are undecided"
    )
    return 0
