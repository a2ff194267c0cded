"""`python -m registry push`: publish a checkpoint's folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from registry.cli.options import Subparsers, json_option
from registry.cli.output import print_json, print_text
from registry.progress import Meter
from registry.push import push


def add_parser(subparsers: Subparsers) -> None:
    """Add `push DIR TARGET` to the command line."""
    parser = subparsers.add_parser(
        "push",
        parents=[json_option()],
        help="publish a checkpoint's folder",
        epilog="example: python -m registry push runs/b0/checkpoint hf://owner",
    )
    parser.add_argument("folder", metavar="DIR", help="the checkpoint's folder")
    parser.add_argument("target", metavar="TARGET", help="a registry: a folder, or hf://owner on the Hub")
    parser.add_argument("--private", action="store_true", help="create a private repository on the Hub")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish the folder, with progress on standard error. Returns the exit status."""
    pushed = push(args.folder, args.target, private=args.private, progress=Meter(sys.stderr))
    if args.json:
        print_json(dataclasses.asdict(pushed))
    else:
        state = "was there already" if pushed.unchanged else "published"
        print_text(f"{pushed.ref} {state}: {pushed.location}")
    return 0
