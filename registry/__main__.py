"""`python -m registry`: list, show, verify, pull and push checkpoints; put the page on a Space.

Exit status 0: done; 1: refused or a check failed, with one line on standard error saying why;
2: wrong usage; 141: nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from registry.cli import list as list_checkpoints
from registry.cli import pull, push, show, space, verify
from registry.closed_pipe import run_command
from registry.errors import RegistryError


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; each sets `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m registry",
        description="List, show, verify, pull and push checkpoints; put the page on a Space.",
        epilog="example: python -m registry verify segformer-b0@1.0.0",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (list_checkpoints, show, verify, pull, push, space):
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    return run_command(partial(_run, argv))


def _run(argv: Sequence[str] | None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except RegistryError as refusal:
        print(refusal, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
