"""`python -m train smoothing`: compare widths of the smoothing across slices on held-out scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser
from train.cli.sweep import add_sweep_options, write_sweep


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `smoothing --runs ... --fold-data ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "smoothing",
        "compare widths of the smoothing across slices, and tumour thresholds, on held-out scans",
        "--runs runs/cv-* --fold-data data/folds/fold-*/lits --rules rules.json --out smoothing.csv",
    )
    add_sweep_options(parser)
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write and print one row per width and threshold. Returns the exit status."""
    from train.evaluation.rules_file import read_rules
    from train.lesions.smoothing_sweep import sweep_rows, sweep_scan

    rules = dict(read_rules(args.rules) or {})
    volume = {k: v for k, v in rules.get("volume_rules", {}).items() if k == "search"}
    return write_sweep(
        args,
        {"volume_rules": volume},
        lambda scan, segmenter: sweep_scan(scan, segmenter, args.sigmas, args.thresholds),
        sweep_rows,
    )
