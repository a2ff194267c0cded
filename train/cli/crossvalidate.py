"""`python -m train crossvalidate`: score every scan with the run that did not train on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import (
    add_mode_options,
    add_protocol_options,
    add_run_options,
    command_parser,
    protocol_of,
)
from train.cli.progress import scan_progress
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `crossvalidate --runs RUN0 RUN1 ... --data DIR --folds K --out DIR` to the command line."""
    parser = command_parser(
        subparsers,
        "crossvalidate",
        "score every scan of a dataset with the run that did not train on it",
        "--runs runs/fold-* --data data/lits --folds 5 --out results/cv",
    )
    parser.add_argument(
        "--runs",
        nargs="+",
        required=True,
        type=Path,
        metavar="RUN",
        help="one run per fold: run folders, whose best weights were selected by their score on the fold, or "
        "weights files such as RUN/final.pt, which were not selected",
    )
    parser.add_argument("--data", metavar="DIR", help="the dataset whose folds the runs were trained for")
    parser.add_argument("--folds", type=int, metavar="K", help="the number of folds")
    parser.add_argument(
        "--fold-data",
        nargs="+",
        metavar="DIR",
        help="instead of --data and --folds: one dataset folder per run, whose val split is the fold; for "
        "several datasets name all folders of the first, then all of the next (a scan counts in the first "
        "that holds it)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument(
        "--threshold", type=float, default=0.5, help="tumour threshold of all runs (default 0.5)"
    )
    add_mode_options(parser)
    add_protocol_options(parser)
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score all folds, write the evaluation and print the path of its tables. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import cross_validate, folds_of_datasets, folds_of_runs
    from train.evaluation.modes import Modes
    from train.evaluation.rules_file import read_rules
    from train.evaluation.write import write_evaluation

    if args.fold_data and not (args.data or args.folds):
        folds = folds_of_datasets(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    elif args.data and args.folds and not args.fold_data:
        folds = folds_of_runs(args.runs, DatasetFolder.open(args.data), args.folds)
    else:
        raise TrainError("Give either --data with --folds, or --fold-data with one dataset folder per run.")
    modes = Modes.of(args.mode, protocol_of(args, args.threshold), [fold.folder for fold in folds])
    graph, rules = (args.working_size, args.context_slices), read_rules(args.rules)
    results, record = cross_validate(folds, modes, graph, rules, scan_progress)
    write_evaluation(args.out, results[0].scores, record, results[1].scores if results[1:] else ())
    print(args.out / "metrics.md")
    return 0
