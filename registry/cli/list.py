"""`python -m registry list`: the checkpoints that can be used, with their Dice."""

from __future__ import annotations

import argparse
from typing import Any

from registry.checkpoint import Checkpoint
from registry.cli.options import Subparsers, registry_options
from registry.cli.output import dice_text, print_json, print_text, print_warnings
from registry.registries import open_registries
from registry.text import one_line


def add_parser(subparsers: Subparsers) -> None:
    """Add `list` to the command line."""
    parser = subparsers.add_parser(
        "list", parents=[registry_options()], help="every checkpoint that can be used, with its Dice"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the checkpoints. Returns the exit status: 1 where there are problems and no checkpoint."""
    registries = open_registries(args.registry)
    checkpoints = registries.list()
    if args.json:
        print_json([list_entry(checkpoint) for checkpoint in checkpoints])
    else:
        print_text(list_table(checkpoints))
    problems = registries.problems
    print_warnings(problems)
    return 1 if problems and not checkpoints else 0


def list_entry(checkpoint: Checkpoint) -> dict[str, Any]:
    """One entry of `list --json`."""
    manifest = checkpoint.manifest
    return {
        "ref": checkpoint.ref,
        "name": manifest.name,
        "version": manifest.version,
        "architecture": manifest.architecture,
        "metrics": manifest.metrics,
        "licence": manifest.licence,
        "sha256": checkpoint.sha256,
        "registry": checkpoint.registry,
        "revision": checkpoint.revision,
    }


def list_table(checkpoints: list[Checkpoint]) -> str:
    """The checkpoints as a table with aligned columns."""
    rows = [("CHECKPOINT", "ARCHITECTURE", "LIVER DICE", "TUMOUR DICE", "LICENCE", "REGISTRY")]
    for checkpoint in checkpoints:
        headline = checkpoint.manifest.headline()
        rows.append(
            (
                checkpoint.ref,
                checkpoint.manifest.architecture,
                dice_text(headline["liver"]),
                dice_text(headline["tumour"]),
                one_line(checkpoint.manifest.licence, 40),
                one_line(checkpoint.registry, 40),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
