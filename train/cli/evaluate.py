"""`python -m train evaluate`: score a checkpoint, or a run, on a dataset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.options import (
    add_mode_options,
    add_protocol_options,
    add_run_options,
    add_which_options,
    command_parser,
    protocol_of,
)
from train.cli.progress import scan_progress


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
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write a CSV with one row per scan; volumes beside it, in FILE-volumes.csv",
    )
    parser.add_argument("--threshold", type=float, help="tumour threshold (default: the checkpoint's own)")
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "openvino"),
        default="auto",
        help="the engine that runs a checkpoint (default auto)",
    )
    add_mode_options(parser)
    add_protocol_options(parser)
    add_run_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score every scan and write the evaluation, or print a summary as JSON. Returns the exit status."""
    from train.data.dataset import DatasetFolder
    from train.evaluation.evaluate import Evaluation
    from train.evaluation.models import named_model
    from train.evaluation.modes import Modes, joint_record, score_all
    from train.evaluation.rules_file import read_rules
    from train.evaluation.scans import scan_names, scans_of
    from train.evaluation.write import volume_file, write_evaluation

    graph = args.working_size, args.context_slices
    ref = args.checkpoint or args.ref
    model = named_model(ref, args.weights, graph, args.engine, read_rules(args.rules))
    folder = DatasetFolder.open(args.data)
    protocol = protocol_of(args, model.threshold if args.threshold is None else args.threshold)
    modes = Modes.of(args.mode, protocol, [folder])
    scored = score_all(scans_of(folder, args.split), model, modes, snapshots=args.out is not None)
    results = modes.results(list(scan_progress(scored, len(scan_names(folder, args.split)))))
    evaluations = [
        Evaluation(folder.name, args.split, result.scores, mode=result.protocol.mode) for result in results
    ]
    if args.csv:
        for path, evaluation in zip((args.csv, volume_file(args.csv)), evaluations, strict=False):
            path.write_text(evaluation.csv(), encoding="utf-8")
    if args.out is None:
        entries = [evaluation.entry() for evaluation in evaluations]
        print(json.dumps(entries[0] | ({"volumes": entries[1]} if entries[1:] else {}), indent=2))
        return 0
    volumes = results[1].scores if results[1:] else ()
    record = joint_record(results, model.name, model.about)
    write_evaluation(args.out, results[0].scores, record, volumes)
    print(args.out / "metrics.md")
    return 0
