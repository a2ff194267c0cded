"""Options that several commands share, as parent parsers of `argparse`."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from registry.registries import REGISTRY_VARIABLE

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `ArgumentParser.add_subparsers` returns."""


def json_option() -> argparse.ArgumentParser:
    """A parent parser with `--json`."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument("--json", action="store_true", help="print JSON")
    return parent


def registry_options() -> argparse.ArgumentParser:
    """A parent parser with `--json` and `--registry`."""
    parent = argparse.ArgumentParser(add_help=False, parents=[json_option()])
    parent.add_argument(
        "--registry",
        metavar="REGISTRIES",
        help="comma-separated folders, hf://owner or bundled; the first registry that has the checkpoint is "
        f"used (default: ${REGISTRY_VARIABLE}, else bundled)",
    )
    return parent


def add_reference(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument REF."""
    parser.add_argument("ref", metavar="REF", help="name (its newest version) or name@version")
