"""`python -m train evaluate`: score a checkpoint on a dataset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.commands.parsing import command_parser


def add_evaluate(subparsers) -> None:  # noqa: ANN001
    """`evaluate REF --data DIR`."""
    parser = command_parser(
        subparsers,
        "evaluate",
        "score a checkpoint on a dataset",
        "segformer-b0 --data data/lits --csv scans.csv",
    )
    parser.add_argument("ref", metavar="REF", help="a checkpoint of the registry: name or name@version")
    parser.add_argument("--data", required=True, metavar="DIR", help="the dataset")
    parser.add_argument("--split", default="val")
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: the checkpoint's own)")
    parser.add_argument("--alone", action="store_true", help="hide the neighbouring slices")
    parser.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row a scan")
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> int:
    from liverseg.segmenter import Segmenter
    from train.dataset import DatasetFolder
    from train.evaluate import evaluate

    segmenter = Segmenter.load(args.ref, engine=args.engine)
    result = evaluate(
        DatasetFolder.open(args.data).load(args.split),
        args.split,
        segmenter.engine.run,
        segmenter.checkpoint.manifest.input.context_slices,
        segmenter.threshold if args.threshold is None else args.threshold,
        context=not args.alone,
    )
    print(json.dumps(result.entry(), indent=2))
    if args.csv:
        args.csv.write_text(result.csv(), encoding="utf-8")
    return 0
