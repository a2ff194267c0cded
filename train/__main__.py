"""`python -m train`: prepare, split, bundle, fit, mine, pseudo-label, average, evaluate, crossvalidate,
export, transformers, publish, results.

Exit status 0: done; 1: refused with one line saying why; 2: wrong usage; 141: nobody reads the output any
more.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial

from liverseg.errors import LiversegError
from registry import RegistryError
from registry.closed_pipe import run_command
from train.cli import (
    average,
    bodies,
    bundle,
    calibrate,
    candidates,
    crossvalidate,
    evaluate,
    export,
    fit,
    lesions,
    mine,
    prepare,
    pseudo_label,
    publish,
    results,
    smoothing,
    split,
    transformers,
)

COMMANDS = (
    prepare,
    split,
    bundle,
    fit,
    mine,
    pseudo_label,
    average,
    evaluate,
    crossvalidate,
    bodies,
    smoothing,
    candidates,
    lesions,
    calibrate,
    export,
    transformers,
    publish,
    results,
)


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; each sets `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m train",
        description="Train networks: prepare a dataset, fit, evaluate, export and publish a checkpoint.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    return run_command(partial(_run, argv))


def _run(argv: Sequence[str] | None) -> int:
    args = build_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        return args.run(args)
    except (LiversegError, RegistryError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
