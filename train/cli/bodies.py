"""`python -m train bodies`: compare least mean probabilities of a body of a lone slice on held-out scans."""

from __future__ import annotations

import argparse

from train.cli.options import command_parser
from train.cli.sweep import add_sweep_options, write_sweep


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `bodies --runs ... --fold-data ... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "bodies",
        "compare the least mean probability of a body of a lone slice on held-out scans",
        "--runs runs/cv-* --fold-data data/folds/fold-*/lits --out bodies.csv",
    )
    add_sweep_options(parser)
    parser.add_argument(
        "--least",
        nargs="+",
        type=float,
        default=[0.0, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9],
        help="the values (default 0 0.6 0.65 … 0.9)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write and print one row per value. Returns the exit status."""
    from train.lesions.body_sweep import sweep_rows, sweep_scan

    return write_sweep(args, {}, lambda scan, segmenter: sweep_scan(scan, segmenter, args.least), sweep_rows)
