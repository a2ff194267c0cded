"""`python -m train candidates`: list candidate lesions, with features and whether they are real."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from train.cli.options import add_rules_option, add_run_options, add_which_options, command_parser
from train.cli.progress import scan_progress
from train.errors import TrainError

if TYPE_CHECKING:
    from train.evaluation.candidates import CandidateTables
    from train.evaluation.models import Model
    from train.evaluation.scans import ScanSlices


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `candidates --runs RUN0 RUN1 ... --fold-data DIR0 DIR1 ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "candidates",
        "list the candidate lesions of held-out scans, with their features and whether they are real",
        "--runs runs/fold-* --fold-data folds/fold-*/lits --out candidates.csv\n"
        "  python -m train candidates --checkpoint segformer-b0 --data data/lits --out candidates.csv",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--runs", nargs="+", type=Path, metavar="RUN", help="one run per fold")
    add_which_options(which)
    parser.add_argument(
        "--fold-data",
        nargs="+",
        metavar="DIR",
        help="of --runs: one dataset folder per run, whose val split is the fold; for several datasets name "
        "all folders of the first, then all of the next",
    )
    parser.add_argument("--data", metavar="DIR", help="of a checkpoint or a single run: the dataset folder")
    parser.add_argument("--split", default="val", help="of --data: the split (default val)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV file to write")
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: that of the checkpoint)")
    add_rules_option(parser)
    parser.add_argument(
        "--mode",
        choices=("volume", "slice", "both"),
        default="both",
        help="volume: all slices of a scan together; slice: each slice on its own (default both)",
    )
    parser.add_argument(
        "--engine", choices=("auto", "torch", "openvino"), default="auto", help="of a checkpoint"
    )
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write both tables and print their numbers. Returns the exit status."""
    from train.evaluation.candidates import MODES, NO_ROWS, counts, reference_file, write_tables

    if args.threshold is not None and not 0 < args.threshold < 1:
        raise TrainError("The threshold must lie between 0 and 1.")
    modes = MODES if args.mode == "both" else (args.mode,)
    scanned, total = _fold_scans(args) if args.runs else _split_scans(args)
    tables = NO_ROWS
    for rows in scan_progress(_tables(scanned, args, modes), total):
        tables += rows
    write_tables(args.out, tables)
    for mode in modes:
        candidates, real, lesions, touched = counts(tables, mode)
        print(
            f"{mode} mode: {candidates} candidates, {real} of them real; {touched} of {lesions} reference "
            "lesions are touched by one"
        )
    print(args.out)
    print(reference_file(args.out))
    return 0


def _tables(
    scanned: Iterator[tuple[Model, ScanSlices, int | None]], args: argparse.Namespace, modes: tuple[str, ...]
) -> Iterator[CandidateTables]:
    """The rows of each scan."""
    from train.evaluation.candidates import NO_ROWS, scan_candidates

    for model, scan, fold in scanned:
        threshold = model.threshold if args.threshold is None else args.threshold
        assert model.segmenter is not None  # checkpoints and runs have one
        yield sum((scan_candidates(scan, model.segmenter, threshold, mode, fold) for mode in modes), NO_ROWS)


def _fold_scans(
    args: argparse.Namespace,
) -> tuple[Iterator[tuple[Model, ScanSlices, int | None]], int]:
    """Each held-out scan with the run that did not train on it and its fold, and the number of scans."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.crossvalidation import check_all_held_out, folds_of_datasets
    from train.evaluation.models import run_model
    from train.evaluation.rules_file import read_rules
    from train.evaluation.scans import scans_of

    if not args.fold_data or args.data:
        raise TrainError("With --runs, name the folders of the folds with --fold-data, and no --data.")
    rules, count = read_rules(args.rules), len(args.runs)
    folders = [DatasetFolder.open(path) for path in args.fold_data]
    folds = folds_of_datasets(args.runs, folders, once=False)
    check_all_held_out(folds)

    def scanned() -> Iterator[tuple[Model, ScanSlices, int | None]]:
        for number in range(count):
            model = run_model(args.runs[number], args.working_size, args.context_slices, rules)
            for fold in (fold for fold in folds if fold.number == number):
                for scan in scans_of(fold.folder, "val"):
                    yield model, scan, number

    return scanned(), sum(len(fold.scans) for fold in folds)


def _split_scans(
    args: argparse.Namespace,
) -> tuple[Iterator[tuple[Model, ScanSlices, int | None]], int]:
    """Each scan of a split with the only network, and the number of scans."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.models import named_model
    from train.evaluation.rules_file import read_rules
    from train.evaluation.scans import scan_names, scans_of

    if not args.data or args.fold_data:
        raise TrainError("Name the dataset folder with --data; --fold-data belongs to --runs.")
    model = named_model(
        args.checkpoint, args.weights, (args.working_size, args.context_slices), args.engine,
        read_rules(args.rules),
    )  # fmt: skip
    folder = DatasetFolder.open(args.data)
    scanned = ((model, scan, None) for scan in scans_of(folder, args.split))
    return scanned, len(scan_names(folder, args.split))
