"""`python -m train fit`: train a network, or resume its training."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from train.cli.parsing import command_parser
from train.errors import TrainError

_EXAMPLE = (
    "--arch segformer-b0 --data data/lits:0.8:0.3 data/msd-liver:0.2 --out runs/b0 --samples 60000\n"
    "  python -m train fit --config fit.toml --out runs/b0 --seed 2\n"
    "  torchrun --standalone --nproc_per_node 4 -m train fit --data data/lits --out runs/b0\n"
    "  accelerate launch --multi_gpu --num_processes 4 -m train fit --data data/lits --out runs/b0\n"
    "  sbatch --nodes 2 train/slurm/fit.sbatch --data data/lits --out runs/b0\n"
    "\nA run that was stopped goes on where it was when the same command is given again, on any number of "
    "processes.\ndocs/training-on-a-cluster.md has several machines, losses of processes, and Slurm."
)


def add_fit(subparsers) -> None:  # noqa: ANN001
    """`fit --data ... --out RUN`."""
    parser = command_parser(subparsers, "fit", "train a network, or resume its training", _EXAMPLE)
    _add_options(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help=".toml or .yaml with options by name")
    parser.set_defaults(run=_fit)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Every option, none of them with a default: `FitSettings` and `Runtime` have those."""
    from train.fit.settings import LOSS_NAMES, PRECISIONS, SELECTORS, FitSettings, Runtime
    from train.sampling.augment import FLIPS, AugmentSettings

    default = {f.name: f.default for f in (*fields(FitSettings), *fields(Runtime))}

    def add(group, *names: str, help: str = "", **how: Any) -> None:  # noqa: ANN001
        value = default.get(how.get("dest") or names[-1].lstrip("-").replace("-", "_"))
        if value is not None and isinstance(value, (int, float, str)) and value not in ("", False):
            help = f"{help} (default {value})".strip()
        group.add_argument(*names, default=argparse.SUPPRESS, help=help, **how)

    group = parser.add_argument_group("what is trained")
    add(group, "--out", type=Path, metavar="RUN", help="the run folder; one begun before is resumed")
    add(group, "--arch", "--architecture", dest="architecture", metavar="NAME")
    add(group, "--option", dest="options", metavar="KEY=VALUE", action="append", type=_pair,
        help="of the architecture, as decoder_width=128; may be repeated")  # fmt: skip
    add(group, "--pretrained", metavar="NAME_OR_FOLDER", help="start from Hugging Face weights")
    add(group, "--init", metavar="RUN", help="start from a run's weights or a checkpoint's folder")
    add(group, "--context-slices", type=int, choices=(1, 3, 5), help="slices that the network sees")
    add(group, "--window", dest="windows", type=float, nargs=2, action="append",
        metavar=("CENTER", "WIDTH"), help="in HU (default 60 200); may be repeated")  # fmt: skip

    group = parser.add_argument_group("data")
    add(group, "--data", nargs="+", action="extend", type=_data, metavar="DIR[:SHARE[:LESIONS]]",
        help="datasets, their share of the samples, the share of those with painted lesions")  # fmt: skip
    add(group, "--validation", metavar="DIR", help="scored on (default: the first dataset)")
    add(group, "--folds", type=int, metavar="K", help="cross-validate the scored dataset in K folds")
    add(group, "--fold", type=int, metavar="k", help="the fold to score, from 0 (its own val split)")
    add(group, "--groups", metavar="FILE", help="CSV of scan,group; a group stays in one fold")
    add(group, "--cache", metavar="DIR", help="where datasets are packed (default: RUN/cache)")

    group = parser.add_argument_group("size and augmentation")
    add(group, "--working-size", type=int, metavar="PX", help="longer side of a slice when scoring")
    add(group, "--working-range", type=int, nargs=2, metavar=("LOW", "HIGH"),
        help="the same in training (default 225 400)")  # fmt: skip
    add(group, "--crop", type=int, metavar="PX", help="side of a training sample")
    add(group, "--progressive", type=int, metavar="PX", help="begin with crops of this size")
    add(group, "--flip", choices=FLIPS)
    strays = [f"{f.name} {f.default:g}" for f in fields(AugmentSettings) if isinstance(f.default, float)]
    add(group, "--augment", metavar="KEY=VALUE", action="append", type=_pair,
        help=f"how far samples stray, as noise=0; repeatable; there are {', '.join(strays)}")  # fmt: skip
    add(group, "--augment-on", choices=("auto", "cpu", "device"),
        help="cpu: in the loader's processes; device: in batches")  # fmt: skip

    group = parser.add_argument_group("optimisation")
    for name, kind, text in (
        ("--samples", int, "training length"),
        ("--batch", int, "samples of an update, over all processes"),
        ("--accumulate", int, "parts that a batch is computed in"),
        ("--learning-rate", float, ""),
        ("--weight-decay", float, ""),
        ("--warmup", int, "samples"),
        ("--clip", float, "largest norm of the gradient"),
        ("--average", float, "decay of the weights' average"),
        ("--tumour-weight", float, "in the cross-entropy"),
        ("--seed", int, ""),
    ):
        add(group, name, type=kind, help=text)
    add(group, "--loss", choices=LOSS_NAMES)
    add(group, "--precision", choices=PRECISIONS)

    group = parser.add_argument_group("scoring")
    add(group, "--score-every", type=int, metavar="SAMPLES")
    add(group, "--score-alone", action=argparse.BooleanOptionalAction,
        help="score with neighbours hidden, too")  # fmt: skip
    add(group, "--select", choices=tuple(SELECTORS), help="what the best weights are chosen by")
    add(group, "--patience", type=int, metavar="SCORINGS", help="stop when tumour Dice rises no more")
    add(group, "--pictures", type=int, metavar="N", help="slices drawn at each scoring")
    add(group, "--tensorboard", action=argparse.BooleanOptionalAction, help="write its events")

    group = parser.add_argument_group("machine")
    add(group, "--workers", type=int, help="processes that make samples, for each training process")
    add(
        group,
        "--threads",
        type=int,
        help="of the network (default: OMP_NUM_THREADS, or the processors shared among the processes)",
    )
    add(group, "--save-every", type=int, metavar="SAMPLES", help="save the state between scorings, too")


def _data(text: str) -> tuple[str, float, float]:
    folder, *numbers = text.split(":")
    try:
        share, lesions = (*map(float, numbers), *(1.0, 0.0)[len(numbers) :])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIR[:SHARE[:LESIONS]]") from None
    return folder, share, lesions


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class _FileParser(argparse.ArgumentParser):
    """Reads what a file says; its faults are refusals that name the file, not wrong usage."""

    def error(self, message: str) -> NoReturn:
        raise TrainError(f"{self.prog}: {message}.")


def resolve(args: argparse.Namespace) -> dict[str, Any]:
    """Settings by name, from the command line and, where it says nothing, from `--config`."""
    from train.fit.config import as_arguments, read_config

    given = {name: value for name, value in vars(args).items() if name not in ("run", "config")}
    if args.config:
        parser = _FileParser(prog=str(args.config), add_help=False, allow_abbrev=False)
        _add_options(parser)
        given = vars(parser.parse_args(as_arguments(read_config(args.config)))) | given
    for name in ("options", "augment"):
        if name in given:
            given[name] = dict(given[name])
    for name in ("data", "windows", "working_range"):
        if name in given:
            given[name] = tuple(tuple(v) if isinstance(v, list) else v for v in given[name])
    return given


def _fit(args: argparse.Namespace) -> int:
    from train.fit.settings import FitSettings, Runtime

    given = resolve(args)
    if "out" not in given or "data" not in given:
        raise TrainError("Name at least one dataset with --data and the run folder with --out.")
    out = given.pop("out")
    runtime = {f.name: given.pop(f.name) for f in fields(Runtime) if f.name in given}
    settings = FitSettings(**given)

    from train.fit import fit

    best = fit(settings, out, Runtime(**runtime))
    if os.environ.get("RANK", "0") == "0":  # of several processes one tells
        print(best)
    return 0
