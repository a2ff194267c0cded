"""`python -m train fit`: train a network, or resume an interrupted run."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from train.cli.fit_runs import run_of, stage_runs
from train.cli.options import command_parser
from train.cli.sampling_options import add_sampling_options
from train.errors import TrainError

_EXAMPLE = (
    "--arch segformer-b0 --data data/lits:0.8:0.3 data/msd-liver:0.2 --out runs/b0 --samples 60000\n"
    "  python -m train fit --config fit.toml --out runs/b0 --seed 2\n"
    "  python -m train fit --config train/recipes/segformer-b0-cpu.toml --out runs/b0\n"
    "  torchrun --standalone --nproc_per_node 4 -m train fit --data data/lits --out runs/b0\n"
    "  accelerate launch --multi_gpu --num_processes 4 -m train fit --data data/lits --out runs/b0\n"
    "  sbatch --nodes 2 train/slurm/fit.sbatch --data data/lits --out runs/b0\n"
    "\nThe same command resumes an interrupted run, on any number of processes.\n"
    "docs/training-on-a-cluster.md describes several machines, lost processes and Slurm."
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `fit --data ... --out RUN` to the command line."""
    parser = command_parser(subparsers, "fit", "train a network, or resume an interrupted run", _EXAMPLE)
    _add_options(parser)
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a .toml or .yaml file with options by name, or a recipe of several stages",
    )
    parser.set_defaults(run=run)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add all options but `--config`, without defaults: those are in `FitSettings` and `Runtime`."""
    from train.fit.settings import AUGMENT_ON, LOSS_NAMES, MODES, PRECISIONS, SELECTORS, FitSettings, Runtime
    from train.sampling.augment import FLIPS, AugmentSettings

    default = {f.name: f.default for f in (*fields(FitSettings), *fields(Runtime))}

    def add(group: argparse._ArgumentGroup, *names: str, help: str = "", **options: Any) -> None:
        value = default.get(options.get("dest") or names[-1].lstrip("-").replace("-", "_"))
        if value is not None and isinstance(value, (int, float, str)) and value not in ("", False):
            help = f"{help} (default {value})".strip()
        group.add_argument(*names, default=argparse.SUPPRESS, help=help, **options)

    group = parser.add_argument_group("network")
    add(group, "--out", type=Path, metavar="RUN", help="the run folder; an existing run is resumed")
    add(group, "--arch", "--architecture", dest="architecture", metavar="NAME", help="the network")
    add(
        group,
        "--option",
        dest="options",
        metavar="KEY=VALUE",
        action="append",
        type=_key_value,
        help="option of the architecture, as decoder_width=128; may be repeated",
    )
    add(group, "--pretrained", metavar="NAME_OR_FOLDER", help="start from Hugging Face weights")
    add(
        group,
        "--pretrained-licence",
        metavar="TEXT",
        help="licence of the Hugging Face weights (default: as their model card states it)",
    )
    add(
        group,
        "--init",
        metavar="RUN",
        help="start from the weights of a run, of a checkpoint folder or of name@version in the registry",
    )
    add(
        group,
        "--context-slices",
        type=int,
        choices=(1, 3, 5),
        help="slices of the input, the middle one of which is labelled",
    )
    add(
        group,
        "--window",
        dest="windows",
        type=float,
        nargs=2,
        action="append",
        metavar=("CENTER", "WIDTH"),
        help="window in HU (default 60 200); may be repeated",
    )

    group = parser.add_argument_group("data")
    add(
        group,
        "--data",
        nargs="+",
        action="extend",
        type=_dataset_share,
        metavar="DIR[:SHARE[:LESIONS]]",
        help="dataset folders, their share of the samples, the share of these with painted lesions",
    )
    add(
        group, "--validation", metavar="DIR", help="the dataset that is scored (default: the first of --data)"
    )
    add(group, "--folds", type=int, metavar="K", help="cross-validate the scored dataset in K folds")
    add(
        group,
        "--fold",
        type=int,
        metavar="k",
        help="the fold to score; fold 0 is the dataset's own val split",
    )
    add(group, "--groups", metavar="FILE", help="CSV of scan,group; scans of one group stay in one fold")
    add(
        group,
        "--cache",
        metavar="DIR",
        help="the folder of the packed datasets (default: one that all runs share)",
    )
    add_sampling_options(partial(add, group))

    group = parser.add_argument_group("size and augmentation")
    add(group, "--working-size", type=int, metavar="PX", help="longer side of a slice when scoring")
    add(
        group,
        "--working-range",
        type=int,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="range of that side in training (default 225 400)",
    )
    add(group, "--crop", type=int, metavar="PX", help="side of a training sample")
    add(group, "--progressive", type=int, metavar="PX", help="side of the first crops, which grow to --crop")
    add(group, "--flip", choices=FLIPS, help="random mirror images")
    strengths = [f"{f.name} {f.default:g}" for f in fields(AugmentSettings) if isinstance(f.default, float)]
    add(
        group,
        "--augment",
        metavar="KEY=VALUE",
        action="append",
        type=_key_value,
        help=f"strength of an augmentation, as noise=0; may be repeated; defaults: {', '.join(strengths)}",
    )
    add(
        group,
        "--augment-on",
        choices=AUGMENT_ON,
        help="cpu: in the loader processes; device: in batches; resident: in batches, from slices that lie "
        "in the memory of the device",
    )

    group = parser.add_argument_group("optimisation")
    for name, kind, text in (
        ("--samples", int, "samples of the whole run"),
        ("--batch", int, "samples per update, over all processes"),
        ("--accumulate", int, "parts that a batch is computed in, one after the other"),
        ("--learning-rate", float, "highest learning rate"),
        ("--weight-decay", float, "of matrices and kernels"),
        ("--encoder-learning-rate", float, "of the encoder (default: --learning-rate)"),
        ("--head-learning-rate", float, "of all other weights (default: --learning-rate)"),
        ("--warmup-share", float, "linear warm-up as a share of the run"),
        ("--warmup", int, "samples of the linear warm-up, instead of a share"),
        ("--clip", float, "largest norm of the gradient"),
        ("--average", float, "decay of the moving average of the weights"),
        ("--tumour-weight", float, "weight of tumour pixels in the cross-entropy"),
        ("--seed", int, "seed of the run"),
    ):
        add(group, name, type=kind, help=text)
    add(group, "--loss", choices=LOSS_NAMES, help="terms of the loss")
    add(group, "--precision", choices=PRECISIONS, help="of matrix products")

    group = parser.add_argument_group("scoring")
    add(group, "--score-every", type=int, metavar="SAMPLES", help="interval between scorings")
    add(
        group,
        "--score-mode",
        choices=MODES,
        help="slice: every slice alone; volume: all slices of a scan together, as users get them",
    )
    add(
        group,
        "--score-alone",
        action=argparse.BooleanOptionalAction,
        help="also score with the neighbouring slices hidden",
    )
    add(group, "--select", choices=tuple(SELECTORS), help="the score that selects the best weights")
    add(
        group,
        "--patience",
        type=int,
        metavar="SCORINGS",
        help="stop after so many scorings without a better tumour Dice",
    )
    add(group, "--pictures", type=int, metavar="N", help="slices drawn at each scoring")
    add(group, "--tensorboard", action=argparse.BooleanOptionalAction, help="write TensorBoard events")

    group = parser.add_argument_group("machine")
    add(
        group,
        "--workers",
        type=int,
        help="loader processes for each training process (default: as the machine allows)",
    )
    add(
        group,
        "--threads",
        type=int,
        help="CPU threads (default: OMP_NUM_THREADS, or the CPUs shared among the processes)",
    )
    add(group, "--save-every", type=int, metavar="SAMPLES", help="also save the state between scorings")


def _dataset_share(text: str) -> tuple[str, float, float]:
    folder, *numbers = text.split(":")
    try:
        share, lesions = (*map(float, numbers), *(1.0, 0.0)[len(numbers) :])
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIR[:SHARE[:LESIONS]]") from None
    return folder, share, lesions


def _key_value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class _FileParser(argparse.ArgumentParser):
    """Parses the options in a file; an error raises `TrainError` with the file's name instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise TrainError(f"{self.prog}: {message}.")


def resolve(args: argparse.Namespace) -> dict[str, Any]:
    """The given options by name; those in `--config` are overridden by the command line."""
    from train.fit.config import read_config

    values = read_config(args.config) if args.config else {}
    return _merged(args, values)


def _merged(args: argparse.Namespace, values: dict[str, Any]) -> dict[str, Any]:
    """The options by name: those in a config file, overridden by those of the command line."""
    from train.fit.config import as_arguments

    given = {name: value for name, value in vars(args).items() if name not in ("run", "config")}
    if values:
        parser = _FileParser(prog=str(args.config), add_help=False, allow_abbrev=False)
        _add_options(parser)
        given = vars(parser.parse_args(as_arguments(values))) | given
    for name in ("options", "augment"):
        if name in given:
            given[name] = dict(given[name])
    for name in ("data", "hard", "windows", "working_range"):
        if name in given:
            given[name] = tuple(tuple(v) if isinstance(v, list) else v for v in given[name])
    return given


def run(args: argparse.Namespace) -> int:
    """Train and print the path of the best weights. Returns the exit status."""
    from train.fit.config import read_config
    from train.fit.recipe import STAGES

    values = read_config(args.config) if args.config else {}
    if STAGES in values:
        runs = stage_runs(args, values, _merged)
    else:
        runs = [run_of(_merged(args, values))]
    from train.fit import fit

    for out, settings, runtime in runs:
        best = fit(settings, out, runtime)
    if os.environ.get("RANK", "0") == "0":  # only one of several processes prints
        print(best)
    return 0
