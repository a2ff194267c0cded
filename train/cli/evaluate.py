"""`python -m train evaluate`: score a checkpoint, or a run, on a dataset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from train.cli.options import (
    add_protocol_options,
    add_run_options,
    add_which_options,
    command_parser,
    protocol_of,
)
from train.cli.progress import scan_progress
from train.errors import TrainError

if TYPE_CHECKING:
    from train.evaluation.models import Model


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `evaluate --checkpoint REF --data DIR` to the command line."""
    parser = command_parser(
        subparsers,
        "evaluate",
        "score a checkpoint on a dataset",
        "--checkpoint segformer-b0 --data data/lits --split val --out results/segformer-b0",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ref", metavar="REF", nargs="?", help="the same as --checkpoint REF")
    add_which_options(which)
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset folder")
    parser.add_argument("--split", default="val", help="the split to score (default val)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write tables, plots and overlays there")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a CSV with one row per scan")
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: the checkpoint's own)")
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "openvino"),
        default="auto",
        help="the engine that runs a checkpoint (default auto)",
    )
    add_protocol_options(parser)
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score every scan and write the evaluation, or print a summary as JSON. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.evaluate import Evaluation
    from train.evaluation.record import metrics_record
    from train.evaluation.scans import scan_names, scans_of
    from train.evaluation.score_scan import score_scans
    from train.evaluation.write import write_evaluation

    model = _model(args)
    folder = DatasetFolder.open(args.data)
    protocol = protocol_of(args, model.threshold if args.threshold is None else args.threshold)
    scored = score_scans(
        scans_of(folder, args.split),
        model.predict,
        model.context_slices,
        protocol,
        snapshots=args.out is not None,
    )
    scores = list(scan_progress(scored, len(scan_names(folder, args.split))))
    result = Evaluation(folder.name, args.split, tuple(scores))
    if args.csv:
        args.csv.write_text(result.csv(), encoding="utf-8")
    if args.out is None:
        print(json.dumps(result.entry(), indent=2))
        return 0
    write_evaluation(args.out, scores, metrics_record(scores, model.name, model.about, protocol))
    print(args.out / "metrics.md")
    return 0


def _model(args: argparse.Namespace) -> Model:
    from train.evaluation.models import checkpoint_model, run_model

    if args.weights is not None:
        return run_model(args.weights, args.working_size, args.context_slices)
    if args.working_size or args.context_slices:
        raise TrainError(
            "The graph of a checkpoint fixes its working size and context; they are options of --run."
        )
    return checkpoint_model(args.checkpoint or args.ref, args.engine)
