"""`python -m train transformers`: add the layout of transformers to an exported checkpoint."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from train.cli.options import command_parser


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add `transformers CHECKPOINT` to the command line."""
    parser = command_parser(
        subparsers,
        "transformers",
        "add the layout of transformers to a checkpoint that was exported without it",
        "checkpoints/b0",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=Path, help="the folder that export wrote")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Add the layout and print the checkpoint's files. Returns the exit status."""
    from train.export.transformers_layout import add_transformers_layout

    checkpoint = add_transformers_layout(args.checkpoint)
    print(json.dumps({"ref": checkpoint.ref, "files": sorted(checkpoint.manifest.files)}, indent=2))
    return 0
