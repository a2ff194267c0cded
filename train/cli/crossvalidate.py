"""`python -m train crossvalidate`: score every scan by the run that did not train on it."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.evaluate import add_graph, add_protocol, protocol_of, with_progress
from train.cli.parsing import command_parser
from train.errors import TrainError


def add_crossvalidate(subparsers) -> None:  # noqa: ANN001
    """`crossvalidate --runs RUN0 RUN1 ... --data DIR --folds K --out DIR`."""
    parser = command_parser(
        subparsers,
        "crossvalidate",
        "score every scan of a dataset by the run that did not train on it",
        "--runs runs/fold-* --data data/lits --folds 5 --out results/cv",
    )
    parser.add_argument(
        "--runs",
        nargs="+",
        required=True,
        type=Path,
        metavar="RUN",
        help="one a fold: run folders, whose best weights were chosen by their score on the fold, or weights "
        "files such as RUN/final.pt, which were not",
    )
    parser.add_argument("--data", metavar="DIR", help="the dataset whose folds the runs were fitted for")
    parser.add_argument("--folds", type=int, metavar="K", help="how many")
    parser.add_argument(
        "--fold-data",
        nargs="+",
        metavar="DIR",
        help="instead of --data and --folds: a dataset a run, whose val split is its fold",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--threshold", type=float, default=0.5, help="tumour threshold of all (default 0.5)")
    add_protocol(parser)
    add_graph(parser)
    parser.set_defaults(run=_crossvalidate)


def _crossvalidate(args: argparse.Namespace) -> int:
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import cross_validate, folds_of_folders, folds_of_runs
    from train.evaluation.write import write

    if args.fold_data and not (args.data or args.folds):
        folds = folds_of_folders(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    elif args.data and args.folds and not args.fold_data:
        folds = folds_of_runs(args.runs, DatasetFolder.open(args.data), args.folds)
    else:
        raise TrainError("Give either --data with --folds, or --fold-data with a dataset a run.")
    protocol = protocol_of(args, args.threshold)
    scores, record = cross_validate(folds, protocol, args.working_size, args.context_slices, with_progress)
    write(args.out, scores, record)
    print(args.out / "metrics.md")
    return 0
