"""What the commands share that compare settings on held-out scans and write a table of them."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.cli.options import add_fold_options
from train.cli.progress import scan_progress

if TYPE_CHECKING:
    from liverseg.inference.segmenter import Segmenter
    from train.evaluation.scans import ScanSlices


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    """Add `--runs`, `--fold-data` and `--out`."""
    add_fold_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")


def write_sweep(
    args: argparse.Namespace,
    rules: Mapping[str, Any],
    sweep_scan: Callable[[ScanSlices, Segmenter], Any],
    sweep_rows: Callable[[Iterable[Any]], list[dict[str, float | int]]],
) -> int:
    """Write and print the rows of all held-out scans. Returns the exit status.

    `rules` are those of every run; `sweep_scan` gives the results of one scan with the run that did not
    train on it, and `sweep_rows` the rows of all results. Raises `TrainError` for folds that do not fit.
    """
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import check_all_held_out, folds_of_datasets
    from train.evaluation.models import run_model
    from train.evaluation.scans import scans_of

    folds = folds_of_datasets(args.runs, [DatasetFolder.open(path) for path in args.fold_data])
    check_all_held_out(folds)

    def results() -> Iterator[Any]:
        for fold in folds:
            segmenter = run_model(fold.run, None, None, rules).segmenter
            for scan in scans_of(fold.folder, "val", fold.scans):
                yield sweep_scan(scan, segmenter)

    rows = sweep_rows(scan_progress(results(), sum(len(fold.scans) for fold in folds)))
    with args.out.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(args.out.read_text(encoding="utf-8"), end="")
    return 0
