"""`python -m registry verify`: every check of a checkpoint's files."""

from __future__ import annotations

import argparse
from typing import Any

from registry.checkpoint import Checkpoint
from registry.cli.options import Subparsers, add_reference, registry_options
from registry.cli.output import print_json, print_text, print_warnings
from registry.registries import open_registries
from registry.verify import CheckResult, verify


def add_parser(subparsers: Subparsers) -> None:
    """Add `verify REF` to the command line."""
    parser = subparsers.add_parser(
        "verify", parents=[registry_options()], help="check every file; one line per check"
    )
    add_reference(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the result of each check. Returns the exit status: 1 where a check failed."""
    checkpoint = open_registries(args.registry).find(args.ref)
    results = verify(checkpoint)
    if args.json:
        print_json(verify_data(checkpoint, results))
    else:
        print_text(verify_text(results))
    failed = [result.name for result in results if not result.ok]
    if failed:
        print_warnings([f"{checkpoint.ref} failed: {', '.join(failed)}."])
    return 1 if failed else 0


def verify_data(checkpoint: Checkpoint, results: list[CheckResult]) -> dict[str, Any]:
    """The results for `verify --json`."""
    return {
        "ref": checkpoint.ref,
        "ok": all(result.ok for result in results),
        "checks": [{"name": r.name, "ok": r.ok, "detail": r.detail} for r in results],
    }


def verify_text(results: list[CheckResult]) -> str:
    """One line per check: ok or FAILED, its name, its detail."""
    width = max(len(result.name) for result in results)
    return "\n".join(f"{'ok' if r.ok else 'FAILED':<8}{r.name:<{width}}  {r.detail}" for r in results)
