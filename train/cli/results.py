"""`python -m train results`: the results page from manifests and records."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.parsing import command_parser

PAGE = Path(__file__).parents[1] / "RESULTS.md"
RECORDS = Path(__file__).parents[1] / "results" / "data"


def add_results(subparsers) -> None:  # noqa: ANN001
    """`results`."""
    parser = command_parser(
        subparsers,
        "results",
        "write the results page from the registry's manifests and the records of evaluations",
        "--registry bundled",
    )
    parser.add_argument(
        "--registry", default="bundled", help="whose checkpoints are listed (default bundled)"
    )
    parser.add_argument("--records", type=Path, default=RECORDS, metavar="DIR", help="default: the project's")
    parser.add_argument("--out", type=Path, default=PAGE, metavar="FILE", help="default: train/RESULTS.md")
    parser.set_defaults(run=_results)


def _results(args: argparse.Namespace) -> int:
    from registry import open_registries
    from train.results.page import results_page

    page = results_page(open_registries(args.registry).list(), args.records)
    args.out.write_text(page, encoding="utf-8")
    print(args.out)
    return 0
