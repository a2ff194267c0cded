"""`python -m train results`: write the results page."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser

RESULTS_PAGE = Path(__file__).parents[1] / "RESULTS.md"
RECORDS = Path(__file__).parents[1] / "results" / "data"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `results` to the command line."""
    parser = command_parser(
        subparsers,
        "results",
        "write the results page from the registry's manifests and the records of evaluations",
        "--registry bundled",
    )
    parser.add_argument(
        "--registry", default="bundled", help="the registry whose checkpoints are listed (default bundled)"
    )
    parser.add_argument(
        "--records",
        type=Path,
        default=RECORDS,
        metavar="DIR",
        help="the folder of records (default: train/results/data)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS_PAGE,
        metavar="FILE",
        help="the page to write (default: train/RESULTS.md)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and print its path. Returns the exit status."""
    from registry import open_registries
    from train.results.page import results_page

    page = results_page(open_registries(args.registry).list(), args.records)
    args.out.write_text(page, encoding="utf-8")
    print(args.out)
    return 0
