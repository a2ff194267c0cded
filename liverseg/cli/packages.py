"""`liverseg registry …` and `liverseg train …`: the commands of the other two packages."""

from __future__ import annotations

import argparse
import importlib
import sys

PACKAGES = {
    "registry": "list, show, verify, pull and push checkpoints",
    "train": "prepare datasets, train, evaluate, export and publish checkpoints",
}
"""Package -> what its commands do."""

_OWN = ("liverseg", *PACKAGES)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `registry` and `train`, which take the arguments of `python -m registry` and `python -m train`."""
    for package, summary in PACKAGES.items():
        # No argument starts with this prefix, so every one of them, `--help` too, reaches the package.
        parser = subparsers.add_parser(package, help=summary, add_help=False, prefix_chars="\0")
        parser.add_argument("arguments", nargs=argparse.REMAINDER)
        parser.set_defaults(run=run, package=package)


def run(args: argparse.Namespace) -> int:
    """Run a command of the package. Returns the exit status."""
    try:
        return int(importlib.import_module(f"{args.package}.__main__").main(args.arguments))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OWN or not missing:
            raise
        print(
            f"liverseg {args.package} needs the package {missing}; "
            "install it with: pip install 'liverseg[train]'",
            file=sys.stderr,
        )
        return 1
