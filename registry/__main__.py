"""`python -m registry`: list, show and verify checkpoints.

Exit status 0: done; 1: refused or a check failed, with one line on stderr saying why;
2: wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from registry.commands import run
from registry.errors import RegistryError
from registry.sources import ENVIRONMENT, open_registries


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m registry",
        description="List, show and verify checkpoints.",
        epilog="example: python -m registry verify segformer-b0@1.0.0",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument(
        "--registry",
        metavar="PLACES",
        help=f"folders, comma-separated, the first match wins (default: ${ENVIRONMENT}, else bundled)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", parents=[common], help="every checkpoint that can be used, with its Dice")
    for name, text in (("show", "what a manifest says"), ("verify", "check every file; a line a check")):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("ref", metavar="REF", help="name (its newest version) or name@version")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        registries = open_registries(options.registry)
        text, warnings, status = run(options.command, getattr(options, "ref", ""), registries, options.json)
    except RegistryError as error:
        print(error, file=sys.stderr)
        return 1
    print(text)
    for warning in warnings:
        print(warning, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
