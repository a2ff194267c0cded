"""`python -m registry space`: put the page on a Space of the Hugging Face Hub."""

from __future__ import annotations

import argparse
import dataclasses
import sys

from registry.cli.options import Subparsers, registry_options
from registry.cli.output import print_json, print_text, print_warnings
from registry.progress import Meter, size_text
from registry.registries import REGISTRY_VARIABLE
from registry.space.content import HARDWARE
from registry.space.push import SpacePushed, SpaceSettings, push_space
from registry.text import one_line


def add_parser(subparsers: Subparsers) -> None:
    """Add `space OWNER/NAME` and its options to the command line."""
    parser = subparsers.add_parser(
        "space",
        parents=[registry_options()],
        help="put the page on a Space of the Hugging Face Hub",
        description="Create or update a Gradio Space from this copy of the project. The token is HF_TOKEN.",
        epilog="example: python -m registry space owner/liverseg --registry hf://owner",
    )
    parser.add_argument("space", metavar="OWNER/NAME", help="the Space")
    parser.add_argument(
        "--hardware",
        choices=tuple(HARDWARE),
        help="default: the hardware that the Space has, cpu-basic for a new Space",
    )
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        metavar="REF",
        help="checkpoints on the Hub to fetch when the Space is built, pinned by commit "
        "(default: the newest version of each); the others are fetched when they are chosen",
    )
    parser.add_argument("--private", action="store_true", help="create a private Space")
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent, and send nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish the Space, with progress and notes on standard error. Returns the exit status."""
    settings = SpaceSettings(
        registry=args.registry,
        refs=tuple(args.checkpoints or ()),
        hardware=args.hardware,
        private=args.private,
    )
    pushed = push_space(args.space, settings, dry_run=args.dry_run, progress=Meter(sys.stderr))
    if args.json:
        print_json(dataclasses.asdict(pushed))
    else:
        print_text(space_text(pushed, args.dry_run))
    print_warnings(pushed.notes)
    return 0


def space_text(pushed: SpacePushed, dry_run: bool) -> str:
    """The Space's address and settings; after a dry run also every file with its size."""
    size = f"{len(pushed.files)} files, {size_text(sum(pushed.files.values()))}"
    lines = [
        ("hardware", pushed.hardware),
        (REGISTRY_VARIABLE, pushed.registry),
        ("preloaded", ", ".join(pushed.preloaded) or "nothing from the Hub"),
    ]
    if dry_run:
        head = f"Space {pushed.space} would hold {size}:"
        lines += [(size_text(count), name) for name, count in pushed.files.items()]
    else:
        state = "is up to date" if pushed.unchanged else f"published, {size}"
        head = f"Space {pushed.space} {state}: {pushed.location}"
    return "\n".join([head, *(f"  {key:<18}{one_line(value, 1000)}" for key, value in lines)])
