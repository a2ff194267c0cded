"""The form of every command's parser, and the options that evaluate and crossvalidate share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.evaluation.protocol import Protocol


def command_parser(
    subparsers: argparse._SubParsersAction, name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    """Add a command with a one-line summary and an example of its arguments."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  python -m train {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_protocol_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide how scans are scored."""
    parser.add_argument("--alone", action="store_true", help="hide the neighbouring slices")
    parser.add_argument(
        "--tta",
        choices=("none", "flips"),
        default="none",
        help="flips: average with the probabilities of the mirror image (test-time augmentation)",
    )
    parser.add_argument(
        "--tolerance", type=float, default=2.0, help="of the surface Dice, mm or pixels (default 2)"
    )
    parser.add_argument("--bootstrap-seed", type=int, default=0, help="seed of the intervals (default 0)")


def add_which_options(which: argparse._MutuallyExclusiveGroup) -> None:
    """Add the options that name one network: a checkpoint or a run."""
    which.add_argument(
        "--checkpoint", metavar="REF", help="a checkpoint of the registry: name or name@version"
    )
    which.add_argument(
        "--run", metavar="RUN", type=Path, dest="weights", help="a run folder, or a weights file of fit"
    )


def add_mode_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is segmented at a time, and by which rules."""
    parser.add_argument(
        "--mode",
        choices=("slice", "volume", "both"),
        help="slice: each slice alone; volume: all slices of a scan together, as users get them (default: "
        "both; slice with --alone or --tta flips, or where every scan has one slice)",
    )
    add_rules_option(parser)


def add_fold_options(parser: argparse.ArgumentParser) -> None:
    """Add the runs of a cross-validation and the dataset folders of their folds, both required."""
    parser.add_argument("--runs", nargs="+", required=True, type=Path, metavar="RUN", help="one run per fold")
    parser.add_argument(
        "--fold-data",
        nargs="+",
        required=True,
        metavar="DIR",
        help="one dataset folder per run, whose val split is the fold; for several datasets name all folders "
        "of the first, then all of the next",
    )


def add_rules_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that replaces the rules of a checkpoint or a run."""
    parser.add_argument(
        "--rules",
        type=Path,
        metavar="FILE",
        help="JSON file with volume_rules, slice_rules and lesion_model, in place of the checkpoint's",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the graph around a run's network; the graph of a checkpoint is fixed."""
    parser.add_argument(
        "--working-size", type=int, metavar="PX", help="of a run: longer side of a slice (default: its own)"
    )
    parser.add_argument("--context-slices", type=int, choices=(1, 3, 5), help="of a run (default: its own)")


def protocol_of(args: argparse.Namespace, threshold: float) -> Protocol:
    """The protocol that the options describe. Raises a `LiversegError` for values out of range."""
    from train.evaluation.protocol import Protocol

    return Protocol(
        threshold=threshold,
        context=not args.alone,
        flips=args.tta == "flips",
        tolerance=args.tolerance,
        seed=args.bootstrap_seed,
    )
