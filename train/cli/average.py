"""`python -m train average`: the mean of several runs' weights, as a weights file of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.cli.parsing import command_parser


def add_average(subparsers) -> None:  # noqa: ANN001
    """`average RUN RUN... --out FILE`."""
    parser = command_parser(
        subparsers,
        "average",
        "the mean of the weights of runs that began from one another",
        "registry/bundled/segformer-b0 runs/more/final.pt --out runs/mean/final.pt",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="run folders, weights files or checkpoints' folders"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the weights file to write, for `export`"
    )
    parser.set_defaults(run=_average)


def _average(args: argparse.Namespace) -> int:
    from train.fit.state import write
    from train.weights import load_run, mean_weights

    states = [load_run(run) for run in args.runs]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in states[-1].items() if key not in ("hours", "training")}
    write(args.out, {**kept, "weights": mean_weights([state["weights"] for state in states])})
    return 0
