"""`python -m train evaluate`: score a checkpoint, or a run, on a dataset."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from train.cli.parsing import command_parser
from train.errors import TrainError

if TYPE_CHECKING:
    from train.evaluation.models import Model
    from train.evaluation.protocol import Protocol


def add_evaluate(subparsers) -> None:  # noqa: ANN001
    """`evaluate --checkpoint REF --data DIR`."""
    parser = command_parser(
        subparsers,
        "evaluate",
        "score a checkpoint on a dataset",
        "--checkpoint segformer-b0 --data data/lits --split val --out results/segformer-b0",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("ref", metavar="REF", nargs="?", help="the same as --checkpoint REF")
    which.add_argument("--checkpoint", metavar="REF", help="of the registry: name or name@version")
    which.add_argument(
        "--run", metavar="RUN", type=Path, dest="weights", help="a run folder, or weights of fit"
    )
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset")
    parser.add_argument("--split", default="val")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write tables, plots and overlays there")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row a scan")
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: the checkpoint's own)")
    parser.add_argument(
        "--engine", choices=("auto", "torch", "openvino"), default="auto", help="of a checkpoint"
    )
    add_protocol(parser)
    add_graph(parser)
    parser.set_defaults(run=_evaluate)


def add_protocol(parser: argparse.ArgumentParser) -> None:
    """The options that evaluate and crossvalidate share."""
    parser.add_argument("--alone", action="store_true", help="hide the neighbouring slices")
    parser.add_argument(
        "--tta",
        choices=("none", "flips"),
        default="none",
        help="flips: average with the probabilities of the mirror image",
    )
    parser.add_argument(
        "--tolerance", type=float, default=2.0, help="of the surface Dice, mm or pixels (default 2)"
    )
    parser.add_argument("--bootstrap-seed", type=int, default=0)


def add_graph(parser: argparse.ArgumentParser) -> None:
    """How a run's network is used; a checkpoint has that in its graph."""
    parser.add_argument(
        "--working-size", type=int, metavar="PX", help="of a run: longer side of a slice (default: its own)"
    )
    parser.add_argument("--context-slices", type=int, choices=(1, 3, 5), help="of a run (default: its own)")


def protocol_of(args: argparse.Namespace, threshold: float) -> Protocol:
    """The protocol that the options ask for."""
    from train.evaluation.protocol import Protocol

    return Protocol(
        threshold=threshold,
        context=not args.alone,
        flips=args.tta == "flips",
        tolerance=args.tolerance,
        seed=args.bootstrap_seed,
    )


def with_progress(scores: Iterator, total: int) -> Iterator:
    """The scans as they come, with a bar on a terminal."""
    from tqdm import tqdm

    return tqdm(scores, total=total, unit="scan", desc="evaluating", disable=None)


def _evaluate(args: argparse.Namespace) -> int:
    from train.data.dataset import DatasetFolder
    from train.evaluation.evaluate import Evaluation
    from train.evaluation.record import record
    from train.evaluation.scans import scan_names, scans_of
    from train.evaluation.score_scan import score_scans
    from train.evaluation.write import write

    model = _model(args)
    folder = DatasetFolder.open(args.data)
    protocol = protocol_of(args, model.threshold if args.threshold is None else args.threshold)
    coming = score_scans(
        scans_of(folder, args.split),
        model.predict,
        model.context_slices,
        protocol,
        snapshots=args.out is not None,
    )
    scores = list(with_progress(coming, len(scan_names(folder, args.split))))
    result = Evaluation(folder.name, args.split, tuple(scores))
    if args.csv:
        args.csv.write_text(result.csv(), encoding="utf-8")
    if args.out is None:
        print(json.dumps(result.entry(), indent=2))
        return 0
    write(args.out, scores, record(scores, model.name, model.about, protocol))
    print(args.out / "metrics.md")
    return 0


def _model(args: argparse.Namespace) -> Model:
    from train.evaluation.models import checkpoint_model, run_model

    if args.weights is not None:
        return run_model(args.weights, args.working_size, args.context_slices)
    if args.working_size or args.context_slices:
        raise TrainError(
            "A checkpoint's working size and context are in its graph; they are options of --run."
        )
    return checkpoint_model(args.checkpoint or args.ref, args.engine)
