"""`python -m train mine`: find the slices in which a network sees livers or tumours that are not there."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import add_run_options, command_parser
from train.cli.progress import scan_progress
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `mine RUN --data DIR --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "mine",
        "list training slices in which a network finds liver or tumour where there is none",
        "runs/b0 --data data/lits --out runs/b0/hard.csv",
    )
    parser.add_argument("run_path", metavar="RUN", type=Path, help="a run, weights file or checkpoint folder")
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset folder")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the CSV file to write")
    parser.add_argument(
        "--scans", nargs="+", metavar="SCAN", help="only these scans (default: all that the run may train on)"
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="tumour threshold (default 0.5)")
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the CSV file and print how much is false. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.mining import mine, training_side
    from train.evaluation.models import run_model
    from train.sampling.hard_slices import write_mined
    from train.weights import load_run

    if not 0 < args.threshold < 1:
        raise TrainError("The threshold must lie between 0 and 1.")
    folder = DatasetFolder.open(args.data)
    allowed = training_side(folder, load_run(args.run_path)["settings"], args.run_path.name)
    scans = args.scans or allowed
    if not scans:
        raise TrainError(f"{folder.name} has no scans that {args.run_path.name} trains on.")
    for scan in scans:
        if scan not in allowed:
            raise TrainError(
                f"Scan {scan} of {folder.name} is not one that {args.run_path.name} trains on; only training "
                "scans may be mined."
            )
    model = run_model(args.run_path, args.working_size, args.context_slices)
    mined = [
        one for scan in scan_progress(mine(folder, scans, model, args.threshold), len(scans)) for one in scan
    ]
    write_mined(args.out, mined)
    livers = sum(one.false_liver_px > 0 for one in mined)
    tumours = sum(one.false_tumour_px > 0 for one in mined)
    print(
        f"{args.out}: {len(mined)} slices of {len(set(scans))} scans, {livers} with false liver, "
        f"{tumours} with false tumours"
    )
    return 0
