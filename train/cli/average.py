"""`python -m train average`: the mean of the weights of several runs, as a weights file."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.options import command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `average RUN RUN... --out FILE` to the command line."""
    parser = command_parser(
        subparsers,
        "average",
        "write the mean of the weights of several runs that started from the same weights",
        "registry/bundled/segformer-b0 runs/more/final.pt --out runs/mean/final.pt",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="run folders, weights files or checkpoint folders"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the weights file to write, for `export`"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the mean weights, the last run's settings and the record of all. Returns the exit status."""
    from train.fit.state import save_state
    from train.weights import load_run, mean_weights, other_stages

    states = [load_run(path) for path in args.runs]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    mean = mean_weights([state["weights"] for state in states])
    save_state(args.out, {**states[-1], "weights": mean, "lineage": other_stages(states)})
    return 0
