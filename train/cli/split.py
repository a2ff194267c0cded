"""`python -m train split`: write the folds of a cross-validation over several datasets as dataset folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `split DIR [DIR ...] --folds K --out DIR` to the command line."""
    parser = command_parser(
        subparsers,
        "split",
        "write the folds of a cross-validation over datasets of the same scans",
        "data/lits data/lits-wide --folds 5 --out data/folds",
    )
    parser.add_argument("data", nargs="+", metavar="DIR", help="dataset folders; the first decides the folds")
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="the number of folds (default 5)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the folders and print the scans of each fold. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.data.fold_folders import joint_folds, write_fold_folders

    folders = [DatasetFolder.open(path) for path in args.data]
    folds = joint_folds(folders, args.folds)
    for place, fold in zip(write_fold_folders(folders, folds, args.out), folds, strict=True):
        print(f"{place}: scans {', '.join(sorted(fold, key=lambda scan: (len(scan), scan)))}")
    return 0
