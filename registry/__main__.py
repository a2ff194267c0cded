"""`python -m registry`: list, show, verify, pull and push checkpoints; put the page on a Space.

Exit status 0: done; 1: refused or a check failed, with one line on stderr saying why;
2: wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from registry.cli import run, run_push, run_space
from registry.errors import RegistryError
from registry.registries import ENVIRONMENT, open_registries
from registry.space.content import HARDWARE


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m registry",
        description="List, show, verify, pull and push checkpoints; put the page on a Space.",
        epilog="example: python -m registry verify segformer-b0@1.0.0",
    )
    json_option = argparse.ArgumentParser(add_help=False)
    json_option.add_argument("--json", action="store_true", help="print JSON")
    common = argparse.ArgumentParser(add_help=False, parents=[json_option])
    common.add_argument(
        "--registry",
        metavar="PLACES",
        help="folders or hf://owner, comma-separated, the first match wins "
        f"(default: ${ENVIRONMENT}, else bundled)",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", parents=[common], help="every checkpoint that can be used, with its Dice")
    texts = {
        "show": "what a manifest says",
        "verify": "check every file; a line a check",
        "pull": "fetch every file and check it",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("ref", metavar="REF", help="name (its newest version) or name@version")
    command = commands.add_parser(
        "push",
        parents=[json_option],
        help="publish a checkpoint's folder",
        epilog="example: python -m registry push runs/b0/checkpoint hf://owner",
    )
    command.add_argument("folder", metavar="DIR", help="the checkpoint's folder")
    command.add_argument("target", metavar="TARGET", help="a registry: a folder, or hf://owner on the Hub")
    command.add_argument("--private", action="store_true", help="create a private repository on the Hub")
    command = commands.add_parser(
        "space",
        parents=[common],
        help="put the page on a Space of the Hugging Face Hub",
        description="Create or update a Gradio Space from this copy of the project. The token is HF_TOKEN.",
        epilog="example: python -m registry space owner/liverseg --registry hf://owner",
    )
    command.add_argument("space", metavar="OWNER/NAME", help="the Space")
    command.add_argument(
        "--hardware", choices=tuple(HARDWARE), help="default: what the Space has, cpu-basic for a new one"
    )
    command.add_argument(
        "--checkpoints",
        nargs="+",
        metavar="REF",
        help="those on the Hub that are fetched when the Space is built, pinned by commit "
        "(default: the newest version of each); the others are fetched when they are chosen",
    )
    command.add_argument("--private", action="store_true", help="create a private Space")
    command.add_argument("--dry-run", action="store_true", help="send nothing, say what would be sent")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        if options.command == "push":
            print(run_push(options.folder, options.target, options.private, options.json))
            return 0
        if options.command == "space":
            text, notes = run_space(options)
            print(text)
            for note in notes:
                print(note, file=sys.stderr)
            return 0
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
