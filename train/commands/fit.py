"""`python -m train fit`: train a network, or resume its training."""

from __future__ import annotations

import argparse
from pathlib import Path

from train.commands.parsing import command_parser


def add_fit(subparsers) -> None:  # noqa: ANN001
    """`fit RUN --data ...`."""
    parser = command_parser(
        subparsers,
        "fit",
        "train a network, or resume its training",
        "runs/b0 --data data/lits:0.8:0.3 --data data/msd-liver:0.2 --samples 60000",
    )
    parser.add_argument("out", metavar="RUN", type=Path, help="the run folder; one begun before is resumed")
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        type=_data,
        metavar="DIR[:SHARE[:LESIONS]]",
        help="dataset, its share of the samples, share of those with painted lesions; may be repeated",
    )
    parser.add_argument(
        "--validation", default="", metavar="DIR", help="scored on (default: the first --data)"
    )
    parser.add_argument("--architecture", default="segformer-b0")
    parser.add_argument("--decoder-width", type=int, help="of a SegFormer's decode head (default: published)")
    parser.add_argument("--embedding", type=int, help="of an nnFormer's first stage (default: published)")
    parser.add_argument("--init", metavar="RUN", help="start from this run's weights")
    parser.add_argument("--samples", type=int, default=60_000, help="training length (default 60000)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the weights' average")
    parser.add_argument("--window", type=float, nargs=2, default=(60.0, 200.0), metavar=("CENTER", "WIDTH"))
    parser.add_argument("--working-size", type=int, default=256, help="longer side of a slice when scoring")
    parser.add_argument(
        "--working-range", type=int, nargs=2, default=(225, 400), metavar=("LOW", "HIGH"), help="in training"
    )
    parser.add_argument("--crop", type=int, default=256, help="side of a training sample")
    parser.add_argument("--tumour-weight", type=float, default=2.0, help="in the cross-entropy")
    parser.add_argument("--score-every", type=int, default=5_000, metavar="SAMPLES")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples (default 1)")
    parser.add_argument("--threads", type=int, help="of the network (default: the processors)")
    parser.set_defaults(run=_fit)


def _data(text: str) -> tuple[str, float, float]:
    folder, *numbers = text.split(":")
    try:
        share, lesions = (*map(float, numbers), *(1.0, 0.0)[len(numbers) :])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIR[:SHARE[:LESIONS]]") from None
    return folder, share, lesions


def _fit(args: argparse.Namespace) -> int:
    from train.fit import FitSettings, fit

    fields = set(FitSettings.__dataclass_fields__) & set(vars(args))
    chosen = {name: getattr(args, name) for name in fields}
    chosen |= {name: tuple(chosen[name]) for name in ("data", "window", "working_range")}
    print(fit(FitSettings(**chosen), args.out, args.workers, args.threads))
    return 0
