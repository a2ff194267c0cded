"""`python -m registry show`: the manifest of a checkpoint."""

from __future__ import annotations

import argparse
from typing import Any

from registry.checkpoint import Checkpoint
from registry.cli.options import Subparsers, add_reference, registry_options
from registry.cli.output import dice_text, print_json, print_text
from registry.registries import open_registries
from registry.text import one_line


def add_parser(subparsers: Subparsers) -> None:
    """Add `show REF` to the command line."""
    parser = subparsers.add_parser("show", parents=[registry_options()], help="what a manifest says")
    add_reference(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the manifest. Returns the exit status."""
    checkpoint = open_registries(args.registry).find(args.ref)
    if args.json:
        print_json(show_data(checkpoint))
    else:
        print_text(show_text(checkpoint))
    return 0


def show_data(checkpoint: Checkpoint) -> dict[str, Any]:
    """The manifest and where it was found, for `show --json`."""
    return {
        "ref": checkpoint.ref,
        "sha256": checkpoint.sha256,
        "registry": checkpoint.registry,
        "revision": checkpoint.revision,
        "manifest": checkpoint.manifest.to_dict(),
    }


def show_text(checkpoint: Checkpoint) -> str:
    """The manifest as lines of a key and a value."""
    m, headline = checkpoint.manifest, checkpoint.manifest.headline()
    windows = ", ".join(f"{w.center_hu:g}/{w.width_hu:g}" for w in m.input.windows)
    spacing = (
        "any" if m.input.spacing_mm is None else " × ".join(f"{s:g}" for s in m.input.spacing_mm) + " mm"
    )
    lines = [
        ("checkpoint", checkpoint.ref + (f"  {m.title}" if m.title else "")),
        ("registry", checkpoint.registry + (f" at {checkpoint.revision}" if checkpoint.revision else "")),
        ("sha256", checkpoint.sha256),
        ("architecture", m.architecture),
        ("input", f"{m.input.kind}, {m.input.context_slices} slices of context, {m.input.working_size} px"),
        ("windows", f"{windows} HU (centre/width)"),
        ("spacing", spacing),
        ("tumour from", f"a probability of {m.tumour_threshold:g}"),
        ("liver Dice", f"{dice_text(headline['liver'])} (n = {_count_text(headline['liver_n'])})"),
        ("tumour Dice", f"{dice_text(headline['tumour'])} (n = {_count_text(headline['tumour_n'])})"),
        ("measured on", f"{headline['dataset']}, {headline['split']}: {headline['protocol']}"),
        ("trained on", ", ".join(f"{d['name']} ({d['licence']})" for d in m.training["datasets"])),
        ("samples seen", str(m.training["samples_seen"])),
        ("licence", m.licence),
        ("torch", m.torch_version),
        ("created", m.created),
        ("files", ", ".join(f"{name} ({record.bytes} bytes)" for name, record in sorted(m.files.items()))),
    ]
    return "\n".join(f"{key:<14}{one_line(value, 1000)}" for key, value in lines)


def _count_text(value: int | None) -> str:
    return "-" if value is None else str(value)
