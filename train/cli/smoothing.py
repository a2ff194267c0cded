"""`python -m train smoothing`: compare widths of the smoothing across slices on held-out scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import add_fold_options, command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `smoothing --runs ... --fold-data ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "smoothing",
        "compare widths of the smoothing across slices, and tumour thresholds, on held-out scans",
        "--runs runs/cv-* --fold-data data/folds/fold-*/lits --rules rules.json --out smoothing.csv",
    )
    add_fold_options(parser)
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="volume_rules; their smoothing is left out"
    )
    parser.add_argument(
        "--sigmas",
        nargs="+",
        type=float,
        default=[0.0, 0.5, 0.85, 1.2],
        help="in slices (default 0 0.5 0.85 1.2)",
    )
    parser.add_argument(
        "--thresholds", nargs="+", type=float, default=[0.3, 0.4, 0.5, 0.6], help="default 0.3 0.4 0.5 0.6"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write and print one row per width and threshold. Returns the exit status."""
    import csv

    from train.cli.progress import scan_progress
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import check_all_held_out, folds_of_datasets
    from train.evaluation.models import run_model
    from train.evaluation.rules_file import read_rules
    from train.evaluation.scans import scans_of
    from train.lesions.smoothing_sweep import sweep_rows, sweep_scan

    rules = dict(read_rules(args.rules) or {})
    volume = {k: v for k, v in rules.get("volume_rules", {}).items() if k == "search"}
    folds = folds_of_datasets(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    check_all_held_out(folds)

    def results():
        for fold in folds:
            segmenter = run_model(fold.run, None, None, {"volume_rules": volume}).segmenter
            for scan in scans_of(fold.folder, "val", fold.scans):
                yield sweep_scan(scan, segmenter, args.sigmas, args.thresholds)

    rows = sweep_rows(scan_progress(results(), sum(len(fold.scans) for fold in folds)))
    with args.out.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(args.out.read_text(encoding="utf-8"), end="")
    return 0
