"""`python -m train export`: a run's weights to a checkpoint."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.parsing import command_parser


def add_export(subparsers) -> None:  # noqa: ANN001
    """`export RUN CHECKPOINT --name ...`."""
    parser = command_parser(
        subparsers,
        "export",
        "turn a run's weights into a checkpoint",
        "runs/b0 checkpoints/b0 --name b0 --version 1.0.0 --working-size 448 --data data/lits:val",
    )
    parser.add_argument(
        "weights", metavar="RUN", type=Path, help="a run folder (its best weights) or a weights file"
    )
    parser.add_argument("out", metavar="CHECKPOINT", type=Path, help="the checkpoint folder to write")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--title", default="", help="one line for people")
    parser.add_argument("--licence", default="cc-by-sa-4.0")
    parser.add_argument(
        "--working-size", type=int, required=True, help="pixels of the longer side in the graph"
    )
    parser.add_argument("--context-slices", type=int, choices=(1, 3, 5), help="default: as in training")
    parser.add_argument(
        "--threshold",
        type=float,
        help="tumour threshold, of the network's own probability: calibration carries it over (default: the "
        "best on the first --data)",
    )
    parser.add_argument(
        "--no-calibration", action="store_true", help="leave the tumour probability as the network gives it"
    )
    parser.add_argument("--replace", action="store_true", help="write over another checkpoint in the folder")
    parser.add_argument("--note", default="", help="added to the protocol of the first --data")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="DIR[:SPLIT]",
        help="evaluated on; the first is the headline, and the tumour probability is calibrated on it",
    )
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> int:
    from train.data.dataset import DatasetFolder
    from train.export.export import ExportSettings, export
    from train.weights import load_run

    evaluations = []
    for text in args.data:
        folder, _, split = text.partition(":")
        evaluations.append((DatasetFolder.open(folder), split or "val"))
    settings = ExportSettings(
        args.name,
        args.version,
        args.title,
        args.licence,
        args.working_size,
        args.context_slices,
        args.threshold,
        args.note,
        args.replace,
        not args.no_calibration,
    )
    checkpoint = export(load_run(args.weights), args.out, settings, evaluations)
    print(json.dumps({"ref": checkpoint.ref, "headline": checkpoint.manifest.headline()}, indent=2))
    return 0
