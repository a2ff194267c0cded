"""`python -m train publish`: an exported checkpoint to a registry."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from train.cli.parsing import command_parser


def add_publish(subparsers) -> None:  # noqa: ANN001
    """`publish CHECKPOINT TARGET`."""
    parser = command_parser(
        subparsers,
        "publish",
        "send an exported checkpoint to a folder registry or the Hub",
        "checkpoints/b0 hf://your-name",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="the folder that export wrote")
    parser.add_argument("target", metavar="TARGET", help="a registry: a folder, or hf://owner")
    parser.add_argument("--private", action="store_true", help="make a new repository of the Hub private")
    parser.set_defaults(run=_publish)


def _publish(args: argparse.Namespace) -> int:
    from train.export.publish import publish

    def progress(name: str, done: int, total: int) -> None:
        print(f"{name}: {done}/{total} bytes", file=sys.stderr)

    pushed = publish(args.checkpoint, args.target, private=args.private, progress=progress)
    line = {"ref": pushed.ref, "location": pushed.location, "revision": pushed.revision}
    print(json.dumps({**line, "unchanged": pushed.unchanged}, indent=2))
    return 0
