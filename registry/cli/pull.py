"""`python -m registry pull`: fetch every file of a checkpoint and check it."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from registry.cli.options import Subparsers, add_reference, registry_options
from registry.cli.output import print_json, print_text
from registry.progress import Meter
from registry.pull import Pulled, pull
from registry.registries import open_registries


def add_parser(subparsers: Subparsers) -> None:
    """Add `pull REF` to the command line."""
    parser = subparsers.add_parser("pull", parents=[registry_options()], help="fetch every file and check it")
    add_reference(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fetch the checkpoint, with progress on standard error. Returns the exit status."""
    checkpoint = open_registries(args.registry).find(args.ref)
    pulled = pull(checkpoint, progress=Meter(sys.stderr))
    if args.json:
        print_json(dataclasses.asdict(pulled))
    else:
        print_text(pull_text(pulled))
    return 0


def pull_text(pulled: Pulled) -> str:
    """One line: how many files were fetched, from where, and where they are."""
    origin = pulled.registry + (f" at {pulled.revision}" if pulled.revision else "")
    action = f"fetched {len(pulled.fetched)} files from" if pulled.fetched else "is complete, from"
    return f"{pulled.ref} {action} {origin}: {pulled.location}"
