"""`python -m train publish`: send an exported checkpoint to a registry."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from registry.progress import Meter
from train.cli.options import command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `publish CHECKPOINT TARGET` to the command line."""
    parser = command_parser(
        subparsers,
        "publish",
        "send an exported checkpoint to a folder registry or the Hub",
        "checkpoints/b0 hf://your-name",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="the folder that export wrote")
    parser.add_argument("target", metavar="TARGET", help="a registry: a folder, or hf://owner")
    parser.add_argument("--private", action="store_true", help="create a private repository on the Hub")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish the checkpoint and print where it is. Returns the exit status."""
    from train.export.publish import publish

    pushed = publish(args.checkpoint, args.target, private=args.private, progress=Meter(sys.stderr))
    line = {"ref": pushed.ref, "location": pushed.location, "revision": pushed.revision}
    print(json.dumps({**line, "unchanged": pushed.unchanged}, indent=2))
    return 0
