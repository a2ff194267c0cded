"""`python -m train bodies`: compare least mean probabilities of a body of a lone slice on held-out scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import add_fold_options, command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `bodies --runs ... --fold-data ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "bodies",
        "compare the least mean probability of a body of a lone slice on held-out scans",
        "--runs runs/cv-* --fold-data data/folds/fold-*/lits --out bodies.csv",
    )
    add_fold_options(parser)
    parser.add_argument(
        "--least",
        nargs="+",
        type=float,
        default=[0.0, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9],
        help="the values (default 0 0.6 0.65 … 0.9)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write and print one row per value. Returns the exit status."""
    import csv

    from train.cli.progress import scan_progress
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import check_all_held_out, folds_of_datasets
    from train.evaluation.models import run_model
    from train.evaluation.scans import scans_of
    from train.lesions.body_sweep import sweep_rows, sweep_scan

    folds = folds_of_datasets(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    check_all_held_out(folds)

    def results():
        for fold in folds:
            segmenter = run_model(fold.run, None, None, {}).segmenter
            for scan in scans_of(fold.folder, "val", fold.scans):
                yield sweep_scan(scan, segmenter, args.least)

    rows = sweep_rows(scan_progress(results(), sum(len(fold.scans) for fold in folds)))
    with args.out.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(args.out.read_text(encoding="utf-8"), end="")
    return 0
