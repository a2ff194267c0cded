"""`python -m train calibrate`: fit the calibration of the tumour probability out of fold."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.options import add_fold_options, command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `calibrate --runs ... --fold-data ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "calibrate",
        "fit the calibration of the tumour probability on scans that each run did not train on",
        "--runs runs/cv-* --fold-data data/folds/fold-*/lits --working-size 448 --out calibration.json",
    )
    add_fold_options(parser)
    parser.add_argument("--working-size", type=int, metavar="PX", help="longer side of a slice")
    parser.add_argument(
        "--elsewhere",
        nargs=2,
        metavar=("RUN", "DIR[:SPLIT]"),
        help="the weights to be shipped, and a dataset of another site that must profit too",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the JSON file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the calibration and print it. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import check_all_held_out, folds_of_datasets
    from train.evaluation.models import run_model
    from train.export.calibration import tumour_counts
    from train.export.fold_calibration import fold_calibration, fold_counts

    folds = folds_of_datasets(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    check_all_held_out(folds)
    models = []
    for fold in folds:
        model = run_model(fold.run, args.working_size, None)
        models.append((fold.folder, model.predict, model.context_slices))
    elsewhere, site = None, ""
    if args.elsewhere:
        weights, place = args.elsewhere
        path, _, split = place.partition(":")
        other, model = DatasetFolder.open(path), run_model(Path(weights), args.working_size, None)
        site = other.name
        elsewhere = tumour_counts(other.load(split or "val"), model.predict, model.context_slices)
    names = ", ".join(dict.fromkeys(fold.folder.name for fold in folds))
    record = fold_calibration(fold_counts(models), names, elsewhere, site)
    args.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))
    return 0
