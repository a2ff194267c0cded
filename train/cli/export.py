"""`python -m train export`: export the weights of a run as a checkpoint."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.options import add_rules_option, command_parser
from train.errors import TrainError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `export RUN CHECKPOINT --name ...` to the command line."""
    parser = command_parser(
        subparsers,
        "export",
        "export the weights of a run as a checkpoint",
        "runs/b0 checkpoints/b0 --name b0 --version 1.0.0 --working-size 448 --data data/lits:val",
    )
    parser.add_argument(
        "weights", metavar="RUN", type=Path, help="a run folder (its best weights) or a weights file"
    )
    parser.add_argument("out", metavar="CHECKPOINT", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--name", required=True, help="the checkpoint's name in the registry")
    parser.add_argument("--version", required=True, help="its version, as 1.0.0")
    parser.add_argument("--title", default="", help="a one-line description")
    parser.add_argument("--licence", default="cc-by-sa-4.0", help="of the weights (default cc-by-sa-4.0)")
    parser.add_argument(
        "--working-size", type=int, required=True, help="longer side of a slice in the graph, pixels"
    )
    parser.add_argument("--context-slices", type=int, choices=(1, 3, 5), help="default: as in training")
    parser.add_argument(
        "--threshold",
        type=float,
        help="tumour threshold of the uncalibrated probability, which calibration maps with the probability "
        "(default: the best one on the first --data)",
    )
    parser.add_argument(
        "--no-calibration", action="store_true", help="do not calibrate the tumour probability"
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE",
        help="a calibration of `python -m train calibrate`, in place of one fitted on the first --data",
    )
    parser.add_argument(
        "--base-model",
        default="",
        metavar="NAME",
        help="the checkpoint that this one is a variant of, or owner/name on the Hub; default: the "
        "checkpoint that RUN is",
    )
    parser.add_argument("--replace", action="store_true", help="overwrite another checkpoint in the folder")
    parser.add_argument("--note", default="", help="added to the protocol of the first --data")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="DIR[:SPLIT]",
        help="a dataset to evaluate on (default split val); the first is the headline, and the tumour "
        "probability is calibrated on it; may be repeated",
    )
    add_rules_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the checkpoint and print its reference and headline scores. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.rules_file import read_rules
    from train.export.export import ExportSettings, export
    from train.weights import load_run

    evaluations = []
    for text in args.data:
        folder, _, split = text.partition(":")
        evaluations.append((DatasetFolder.open(folder), split or "val"))
    settings = ExportSettings(
        name=args.name,
        version=args.version,
        title=args.title,
        licence=args.licence,
        working_size=args.working_size,
        context_slices=args.context_slices,
        threshold=args.threshold,
        note=args.note,
        replace=args.replace,
        calibrate=_calibration(args),
        rules=read_rules(args.rules) or {},
        base_model=args.base_model,
    )
    checkpoint = export(load_run(args.weights), args.out, settings, evaluations)
    print(json.dumps({"ref": checkpoint.ref, "headline": checkpoint.manifest.headline()}, indent=2))
    return 0


def _calibration(args: argparse.Namespace) -> bool | dict:
    """Whether to calibrate on the first dataset, or the calibration in the file of `--calibration`."""
    if args.calibration is None:
        return not args.no_calibration
    try:
        record = json.loads(args.calibration.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainError(f"The calibration in {args.calibration} cannot be read: {error}.") from error
    if not isinstance(record, dict) or not {"slope", "shift", "scans", "dataset"} <= record.keys():
        raise TrainError(f"{args.calibration} is not a calibration of `python -m train calibrate`.")
    return record
